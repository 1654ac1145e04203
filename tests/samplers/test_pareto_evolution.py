"""Pareto evolution: whose children are bred, and how far they are from their parents."""

from __future__ import annotations

import numpy as np
import pytest

from archsearch.documents import parse
from archsearch.samplers import make_sampler
from archsearch.samplers.sampler import Past
from archsearch.space import SearchSpace, tree_of
from archsearch.trial import Choices

SPACE = SearchSpace(
    tree_of(
        parse(
            """
schema: 1
input: {channels: 3, resolution: {choice: [128, 160, 192, 224, 256]}}
stem: {patch: {size: 4}}
stages:
  - width: {int: [8, 64], step: 8}
    blocks:
      - repeat: {int: [1, 9]}
        choice:
          - conv_encoder: {kernel: {choice: [3, 5, 7]}, expand: {choice: [2, 3, 4]}}
          - inverted_residual: {kernel: {choice: [3, 5]}, expand: {choice: [2, 4, 6]}}
      - {repeat: {int: [1, 9]}, conv_encoder: {kernel: {choice: [3, 5, 7, 9]}}}
""",
            "space",
        )
    ),
    "space",
)
DOMAINS = dict(SPACE.leaves())
LAYER = "stages.0.blocks.0.layer"


def drawn(seed: int, count: int) -> list[Choices]:
    rng = np.random.default_rng(seed)
    return [SPACE.draw(rng) for _ in range(count)]


def children(past: list[Past], count: int = 60, **options: float) -> list[Choices]:
    chosen = {"crossover_rate": 0.0, "mutations": 0.0, **options}
    sampler = make_sampler("pareto_evolution", SPACE, ["maximize", "minimize"], chosen)
    return [p.choices for p in sampler.ask(past, count, 1, lambda _: True, 10)]


def changed(child: Choices, parent: Choices) -> set[str]:
    """Leaves that both have, with different labels."""
    return {path for path in child.keys() & parent.keys() if child[path] != parent[path]}


def nearest(child: Choices, parents: list[Choices]) -> Choices:
    return min(parents, key=lambda parent: len(changed(child, parent)))


def test_a_child_differs_from_its_parent_in_one_leaf() -> None:
    """Without crossover and further mutations, one leaf changes, and what it activates is drawn."""
    (parent,) = drawn(0, 1)
    found = children([Past(parent, (1.0, 1.0), True)])
    assert {len(changed(child, parent)) for child in found} == {1}
    assert len({path for child in found for path in changed(child, parent)}) == len(parent)
    activated = [c for c in found if changed(c, parent) == {LAYER}]
    assert len({repr(sorted(child.items())) for child in activated}) > 1


def test_ordered_leaves_move_to_a_neighbour() -> None:
    """With ``neighbour_rate`` 1, ordered labels change by one step, unordered ones to any."""
    (parent,) = drawn(0, 1)
    found = children([Past(parent, (1.0, 1.0), True)], 200, neighbour_rate=1.0)
    steps: dict[bool, set[int]] = {True: set(), False: set()}
    for child in found:
        for path in changed(child, parent):
            labels = DOMAINS[path].labels
            step = abs(labels.index(child[path]) - labels.index(parent[path]))
            steps[DOMAINS[path].ordered].add(step)
    assert steps[True] == {1}
    assert len(steps[False]) > 1


def test_a_small_front_is_filled_up_and_a_large_one_kept() -> None:
    """The front breeds; with few on it the next fronts do too, and stopped trials come last."""
    points = drawn(2, 8)
    front = [Past(points[i], (float(i), float(i)), True) for i in range(3)]
    second = [Past(points[3 + i], (i - 0.5, i + 0.5), True) for i in range(3)]
    stopped = [Past(points[6 + i], (99.0, 0.0), False) for i in range(2)]
    past = [*stopped, *second, *front]
    for parents, size in ((1, 3), (3, 3), (6, 6), (7, 7), (20, 8)):
        order = [*front, *second, *stopped]
        bred = {repr(nearest(child, points)) for child in children(past, 400, parents=parents)}
        expected = {repr(trial.choices) for trial in order[:size]}
        assert bred <= expected
        assert len(bred) >= min(size, 3)


def test_stopped_trials_breed_only_where_complete_ones_are_missing() -> None:
    """An estimate, however good, breeds no child while there are parents enough."""
    points = drawn(3, 7)
    complete = [Past(point, (float(i), 1.0), True) for i, point in enumerate(points[:5])]
    stopped = [Past(point, (1e6, -1e6), False) for point in points[5:]]
    bred = children([*complete, *stopped], 200, parents=5)
    assert all(nearest(child, points) in points[:5] for child in bred)


def test_tournaments_are_won_by_rank_and_complete_trials() -> None:
    """The front, the second front and a stopped trial breed 5/9, 3/9 and 1/9 of the children."""
    points = drawn(5, 3)
    past = [
        Past(points[0], (9.0, 0.0), False),
        Past(points[1], (1.0, 1.0), True),
        Past(points[2], (2.0, 0.5), True),
    ]
    bred = [points.index(nearest(child, points)) for child in children(past, 900)]
    shares = [bred.count(index) / len(bred) for index in (2, 1, 0)]
    assert shares == pytest.approx([5 / 9, 3 / 9, 1 / 9], abs=0.05)


def test_tournaments_within_a_front_are_won_by_the_lonely() -> None:
    """Between points that do not dominate each other, the larger crowding distance wins."""
    points = drawn(6, 4)
    values = [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (1.0, 1.0)]
    past = [Past(point, at, True) for point, at in zip(points, values, strict=True)]
    bred = [points.index(nearest(child, points)) for child in children(past, 800)]
    assert bred.count(1) / len(bred) == pytest.approx(1 / 16, abs=0.03)
    assert bred.count(2) / len(bred) == pytest.approx(3 / 16, abs=0.05)


def test_crossover_takes_leaves_of_both_parents() -> None:
    """A child of two parents has nothing, but for one leaf, that neither of them has."""
    mother, father = drawn(4, 2)
    past = [Past(mother, (1.0, 1.0), True), Past(father, (2.0, 2.0), True)]
    found = children(past, 100, crossover_rate=1.0)
    shared = mother.keys() & father.keys()
    for child in found:
        new = [p for p in child.keys() & shared if child[p] not in (mother[p], father[p])]
        assert len(new) <= 1
    mixed = [child for child in found if min(len(changed(child, p)) for p in (mother, father)) > 1]
    assert len(mixed) > 10


def test_refusals_widen_the_search() -> None:
    """When all neighbours are refused, children move further away until something is accepted."""
    (parent,) = drawn(0, 1)
    sampler = make_sampler("pareto_evolution", SPACE, ["maximize", "minimize"], {"mutations": 0.0})
    past = [Past(parent, (1.0, 1.0), True)]
    far = sampler.ask(past, 3, 0, lambda choices: len(changed(choices, parent)) >= 3, 500)
    assert len(far) == 3


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_proposals_are_draws(count: int) -> None:
    """With no history a proposal is what the space draws from the same seed."""
    sampler = make_sampler("pareto_evolution", SPACE, ["maximize"], {})
    rng = np.random.default_rng(9)
    proposals = sampler.ask([], count, 9, lambda _: True, 10)
    assert [proposal.choices for proposal in proposals] == [SPACE.draw(rng) for _ in range(count)]

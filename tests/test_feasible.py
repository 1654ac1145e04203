"""Feasible points are drawn directly, with the distribution of draws that happen to be feasible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from math import prod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare, ks_2samp
from small_spaces import points, space_data, space_of

from archsearch import feasible
from archsearch.codes import IntArray
from archsearch.cost import NetCost, count
from archsearch.cost.population import Counted, PopulationCosts
from archsearch.errors import InputError
from archsearch.feasible import FeasibleSpace
from archsearch.samplers import SAMPLERS, make_sampler
from archsearch.samplers.sampler import Past
from archsearch.samplers.strategy import DROUGHT
from archsearch.settings import Limit
from archsearch.space import NotAMember, SearchSpace
from archsearch.trial import Choices

CLASSES = 10
SIGNIFICANCE = 1e-3
"""A right sampler fails each test of a distribution here with this chance, but for fixed seeds."""

# Every kind of conditional leaf, invalid points, and few enough points to list.
SMALL = space_of(
    space_data(
        {
            "width": {"choice": [8, 12, 16]},
            "blocks": [
                {
                    "repeat": {"int": [1, 2]},
                    "vary": True,
                    "choice": [
                        {"conv_encoder": {"kernel": {"choice": [3, 5]}}},
                        {"cmt": {"heads": {"choice": [1, 2, 3]}}},
                    ],
                }
            ],
        },
        {
            "repeat": {"int": [0, 1]},
            "width": {"choice": [16, 24]},
            "downsample": "conv",
            "blocks": [{"repeat": {"int": [0, 2]}, "conv_encoder": {"kernel": {"choice": [3, 5]}}}],
        },
    )
)

# Twelve independent blocks, so that the distribution of the parameters is a convolution.
BLOCK = {"conv_encoder": {"kernel": {"choice": [3, 5, 7]}, "expand": {"choice": [1, 2, 3, 4, 6]}}}
BLOCKS = 12
LARGE = space_of(
    space_data({"width": 8, "blocks": [{"repeat": BLOCKS, "vary": True, **BLOCK}]}), "large"
)
KINDS = [(kernel, expand) for kernel in (3, 5, 7) for expand in (1, 2, 3, 4, 6)]


class CountingCosts:
    """The population's costs; remembers the rows that were counted, in their order."""

    def __init__(self, space: SearchSpace) -> None:
        self._costs = PopulationCosts(space.tree, CLASSES)
        self.rows: list[IntArray] = []

    def count(self, codes: IntArray) -> Counted:
        self.rows.append(codes)
        return self._costs.count(codes)

    @property
    def number(self) -> int:
        return sum(map(len, self.rows))


def narrowed(
    space: SearchSpace, seed: int = 0, **limits: Any
) -> tuple[FeasibleSpace, CountingCosts]:
    costs = CountingCosts(space)
    read = {name: Limit(**limit) for name, limit in limits.items()}
    return FeasibleSpace(space, read, costs, seed), costs


def cost(space: SearchSpace, choices: Choices) -> NetCost | None:
    try:
        return count(space.decode(choices), CLASSES)
    except NotAMember:
        return None


def within(found: NetCost | None, limits: Mapping[str, Mapping[str, float]]) -> bool:
    return found is not None and all(
        limit.get("at_least", 0) <= found._asdict()[name] <= limit.get("at_most", np.inf)
        for name, limit in limits.items()
    )


def key(choices: Choices) -> tuple[tuple[str, Any], ...]:
    return tuple(choices.items())


def conditional(space: SearchSpace, limits: Mapping[str, Any]) -> tuple[dict[Any, float], float]:
    """Probability of every feasible point as a draw that is feasible, and of such a draw."""
    labels = {path: len(domain.labels) for path, domain in space.leaves()}
    chances = {
        key(choices): prod(1 / labels[path] for path in choices)
        for choices in points(space)
        if within(cost(space, choices), limits)
    }
    share = sum(chances.values())
    return {point: chance / share for point, chance in chances.items()}, share


def all_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split whatever the share."""
    monkeypatch.setattr(feasible, "COMMON", feasible.PILOT + 1)


LIMITS: list[dict[str, Any]] = [
    {},
    {"params": {"at_most": 7_000}},
    {"params": {"at_most": 2_500}},
    {"activations": {"at_least": 43_500}},
    {
        "macs": {"at_most": 300_000},
        "params": {"at_least": 12_000},
        "peak_memory_bytes": {"at_most": 4e4},
    },
]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("rare", [False, True])
def test_draws_are_distributed_as_feasible_draws_of_the_space(
    limits: dict[str, Any], rare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all feasible points, listed one by one, by rejection and by splitting."""
    if rare:
        all_rare(monkeypatch)
    chances, share = conditional(SMALL, limits)
    assert 0.005 < share < 1
    found: Counter[Any] = Counter()
    for seed in range(6):
        space, _ = narrowed(SMALL, seed, **limits)
        found.update(map(key, islice(space.draws(np.random.default_rng(seed)), 500)))
    assert found.keys() <= chances.keys()
    assert p_value(found, chances) > SIGNIFICANCE


def p_value(found: Mapping[Any, int], chances: Mapping[Any, float]) -> float:
    """Chi-square test of counts against chances, rare ones together."""
    observed = np.array([found.get(point, 0) for point in chances])
    expected = np.array(list(chances.values())) * observed.sum()
    rare = expected < 5
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    assert len(expected) > 4
    return float(chisquare(observed, expected).pvalue)


def block_params() -> NDArray[np.int64]:
    """Parameters that each kind of block has beyond the smallest, in the order of ``KINDS``."""
    return np.array([params_of([kind]) for kind in KINDS]) - params_of([])


def params_of(kinds: list[tuple[int, int]]) -> int:
    """Parameters of the member of ``LARGE`` with these blocks, the rest of them the smallest."""
    blocks = [*kinds, *[KINDS[0]] * (BLOCKS - len(kinds))]
    found = cost(
        LARGE,
        {
            f"stages.0.blocks.0.{number}.conv_encoder.{name}": label
            for number, kind in enumerate(blocks)
            for name, label in zip(("kernel", "expand"), kind, strict=True)
        },
    )
    assert found is not None
    return found.params


def sums(blocks: int) -> NDArray[np.float64]:
    """Probability of every number of parameters beyond the smallest, with so many free blocks."""
    one = np.bincount(block_params()) / len(KINDS)
    total = np.ones(1)
    for _ in range(blocks):
        total = np.convolve(total, one)
    return total


def limit_at(share: float) -> tuple[int, float]:
    """The limit on the parameters of ``LARGE`` that just about ``share`` of it meets."""
    cumulative = sums(BLOCKS).cumsum()
    beyond = int(np.searchsorted(cumulative, share))
    return params_of([]) + beyond, float(cumulative[beyond])


@pytest.mark.parametrize("share", [1e-1, 1e-3, 1e-6])
def test_blocks_of_a_large_space_are_distributed_as_their_convolution_says(share: float) -> None:
    """Of one in a million as of one in ten: the parameters, and the kinds of each block."""
    limit, exact = limit_at(share)
    assert exact == pytest.approx(share, rel=0.5)
    beyond = limit - params_of([])
    drawn: list[Choices] = []
    for seed in range(4):
        space, _ = narrowed(LARGE, seed, params={"at_most": limit})
        drawn += islice(space.draws(np.random.default_rng(seed)), 256)
    one, rest = block_params(), sums(BLOCKS - 1).cumsum()
    left = np.array([rest[beyond - own] if own <= beyond else 0.0 for own in one])
    kinds = dict(zip(KINDS, (left / left.sum()).tolist(), strict=True))
    for number in range(BLOCKS):
        place = f"stages.0.blocks.0.{number}.conv_encoder"
        found = Counter((d[f"{place}.kernel"], d[f"{place}.expand"]) for d in drawn)
        assert p_value(found, kinds) > SIGNIFICANCE / BLOCKS
    of_kind = dict(zip(KINDS, one.tolist(), strict=True))
    values = [sum(of_kind[k] for k in _kinds(d)) for d in drawn]
    assert max(values) <= beyond
    chances = sums(BLOCKS)[: beyond + 1] / exact
    assert binned_p_value(np.array(values), chances) > SIGNIFICANCE


def _kinds(choices: Choices) -> list[Any]:
    labels = list(choices.values())
    return list(zip(labels[::2], labels[1::2], strict=True))


def binned_p_value(values: NDArray[np.int64], chances: NDArray[np.float64]) -> float:
    """Chi-square test over ten ranges of about equal chance."""
    edges = np.searchsorted(chances.cumsum(), np.linspace(0, 1, 11)[1:-1])
    place = np.searchsorted(edges, np.arange(len(chances)))
    expected = np.bincount(place, chances, minlength=10)
    observed = np.bincount(place[values], minlength=10)
    kept = expected > 0
    return float(chisquare(observed[kept], expected[kept] * len(values)).pvalue)


def test_splitting_and_rejection_agree_on_every_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two-sample tests of 400 points each, where rejection is affordable."""
    limits = {"macs": {"at_most": 700_000, "at_least": 500_000}, "params": {"at_most": 12_000}}
    space, costs = narrowed(LARGE, **limits)
    rejected = list(islice(space.rows(np.random.default_rng(1)), 400))
    assert costs.number > 400 * 10
    all_rare(monkeypatch)
    split = [
        row
        for seed in range(4)
        for row in islice(narrowed(LARGE, seed, **limits)[0].rows(np.random.default_rng(2)), 100)
    ]
    one, two = (PopulationCosts(LARGE.tree, CLASSES).count(np.array(r)) for r in (rejected, split))
    for name in NetCost._fields:
        assert ks_2samp(getattr(one, name), getattr(two, name)).pvalue > SIGNIFICANCE / 4


@pytest.mark.parametrize(("share", "most"), [(1e-3, 150_000), (1e-6, 200_000), (1e-9, 250_000)])
def test_rare_points_are_found_with_bounded_work(share: float, most: int) -> None:
    """A hundred of them, by looking at a number of rows that hardly depends on the share."""
    limit, _ = limit_at(share)
    space, costs = narrowed(LARGE, params={"at_most": limit})
    drawn = list(islice(space.draws(np.random.default_rng(0)), 100))
    assert len(set(map(key, drawn))) > 90
    assert costs.number < most


def test_the_search_goes_on_from_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The levels are gone through once; later draws look at their own chains' rows alone."""
    all_rare(monkeypatch)
    space, costs = narrowed(LARGE, params={"at_most": limit_at(1e-6)[0]})
    space.ensure()
    before = costs.number
    next(space.draws(np.random.default_rng(0)))
    first = costs.number - before
    next(space.draws(np.random.default_rng(1)))
    assert costs.number - before - first < 1.5 * first < before


def test_what_draws_refuse_is_counted() -> None:
    """Row by row up to the last point that was taken, as if judged one after another."""
    limits = {"params": {"at_most": 9_000}, "macs": {"at_most": 300_000}}
    space, costs = narrowed(SMALL, **limits)
    space.ensure()
    costs.rows.clear()
    drawn = list(islice(space.draws(np.random.default_rng(3)), 40))
    expected: Counter[str] = Counter()
    for row in np.concatenate(costs.rows):
        choices = space.point(row)
        found = cost(SMALL, choices)
        if within(found, limits):
            drawn.remove(choices)
            if not drawn:
                break
            continue
        expected["asked"] += 1
        expected["invalid" if found is None else _worst(found, limits)] += 1
    assert space.counts == expected
    assert set(expected) == {"asked", "invalid", "over:params", "over:macs"}


def _worst(found: NetCost, limits: Mapping[str, Mapping[str, float]]) -> str:
    values = found._asdict()
    return "over:" + max(limits, key=lambda name: values[name] / limits[name]["at_most"])


def test_rows_that_chains_refuse_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every refused row has one reason, and no more are refused than were looked at."""
    all_rare(monkeypatch)
    space, costs = narrowed(SMALL, params={"at_most": 7_000})
    space.ensure()
    assert not space.counts
    costs.rows.clear()
    list(islice(space.draws(np.random.default_rng(3)), 40))
    refused = sum(
        not within(cost(SMALL, space.point(row)), {"params": {"at_most": 7_000}})
        for row in np.concatenate(costs.rows)
    )
    assert space.counts["asked"] == space.counts["invalid"] + space.counts["over:params"] == refused


@pytest.mark.parametrize("rare", [False, True])
def test_draws_follow_from_the_seeds(rare: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for the same seeds, whatever was drawn before; others for another generator's."""
    if rare:
        all_rare(monkeypatch)
    space, _ = narrowed(SMALL, params={"at_most": 7_000})
    list(islice(space.draws(np.random.default_rng(9)), 30))
    again, _ = narrowed(SMALL, params={"at_most": 7_000})
    one, two, other = (
        list(islice(s.draws(np.random.default_rng(seed)), 200))
        for s, seed in ((space, 5), (again, 5), (space, 6))
    )
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"params": {"at_most": 3_000}}, r"meets at_most: 3,000; the closest found has 3,490"),
        (
            {"params": {"at_most": 4_000}, "macs": {"at_least": 10**9}},
            r"constraints\.macs: no member of large meets at_least: 1,000,000,000 together with",
        ),
        ({"activations": {"at_most": 30_000, "at_least": 29_999.5}}, "activations: no member"),
    ],
)
def test_limits_that_nothing_meets_are_told(limits: dict[str, Any], message: str) -> None:
    """After bounded work, and the draws are then those of the whole space."""
    space, costs = narrowed(LARGE, **limits)
    with pytest.raises(InputError, match=message):
        space.ensure()
    with pytest.raises(InputError, match=message):
        space.rows(np.random.default_rng(0))
    assert costs.number < 700_000
    drawn = next(space.draws(np.random.default_rng(4)))
    assert drawn == LARGE.draw(np.random.default_rng(4))


def test_a_space_of_one_point_is_drawn_or_refused() -> None:
    """Nothing is open, so that there is nothing to split."""
    one = space_of(space_data({"width": 8, "blocks": ["conv_encoder"]}))
    params = cost(one, {})
    assert params is not None
    space, _ = narrowed(one, params={"at_most": params.params})
    assert list(islice(space.draws(np.random.default_rng(0)), 2)) == [{}, {}]
    with pytest.raises(InputError, match="the closest found has"):
        narrowed(one, params={"at_most": params.params - 1})[0].ensure()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_proposes_within_narrow_limits(name: str) -> None:
    """One point in a million is feasible: whether it knows nothing yet or has a history, a sampler
    finds what it is asked for with few refusals."""
    limit = limit_at(1e-6)[0]
    space, _ = narrowed(LARGE, params={"at_most": limit})
    known: set[Any] = set()
    looked = 0

    def accept(choices: Choices) -> bool:
        nonlocal looked
        looked += 1
        found = within(cost(LARGE, choices), {"params": {"at_most": limit}})
        new = key(choices) not in known
        known.add(key(choices))
        return found and new

    sampler = make_sampler(name, space, ["maximize"], {})
    past: list[Past] = []
    for generation in range(2):
        proposals = sampler.ask(past, 10, generation, accept, 2_000)
        assert len(proposals) == 10
        past += [Past(p.choices, (float(len(past)),), True, p.note) for p in proposals]
        if not generation or name == "random":
            assert looked < 15 * (1 + generation)
    assert looked <= 15 + 10 * (DROUGHT + 5)

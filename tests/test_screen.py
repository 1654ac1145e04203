"""The screen refuses before anything is built, counts why, and begins a search widely spread."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from small_spaces import members, point_count, points, space_data, spaces

from archsearch import published
from archsearch.cost import NetCost, count
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.feasible import FeasibleSpace
from archsearch.screen import Candidate, Screen, ensure_feasible, excess, start_candidates
from archsearch.seeds import derive
from archsearch.space import NotAMember
from archsearch.study import Study, load_study, study_of

ROOT = Path(__file__).resolve().parents[1]
Data = dict[str, Any]
SPACE = space_data(
    {"width": {"choice": [8, 16]}, "blocks": [{"cmt": {"heads": {"choice": [1, 2, 3]}}}]},
    {
        "width": {"choice": [16, 32]},
        "downsample": "conv",
        "blocks": [{"repeat": {"int": [0, 2]}, "conv_encoder": {"kernel": {"choice": [3, 5]}}}],
    },
)


def study_with(space: Data, **rest: Any) -> Study:
    """A study of a space, of training-free scores, with some of its parts replaced."""
    data = {
        "schema": 1,
        "name": "small",
        "space": space,
        "objectives": [{"maximize": "naswot"}, {"minimize": "macs"}],
        "sampler": "random",
        "cascade": {"score": {"proxies": ["naswot"]}},
        "data": {"name": "digits"},
        "budget": {"trials": 8},
        "classes": 10,
    }
    return study_of(Document("study", {**data, **rest}), ROOT)


def mobile(*overrides: str) -> Study:
    """The main study with some leaves overridden."""
    return load_study(ROOT / "studies" / "mobile_5m.yaml", overrides)


def costs(study: Study) -> dict[str, NetCost]:
    """Cost of every member of a small space, by id."""
    data = dict(study.data["space"])
    return {member.id: count(member, study.settings.classes) for member in members(data)}


def test_every_point_is_judged_and_counted_once() -> None:
    """What is accepted is new, valid and within the limits; every refusal has its reason."""
    study = study_with(SPACE, constraints={"params": {"at_most": 14_000}})
    known = {id_ for id_, cost in costs(study).items() if cost.params <= 14_000}
    every = list(points(study.space))
    screen = Screen(study)
    accepted = [point for point in every if screen.accept(point)]
    assert {candidate.architecture.id for candidate in screen.accepted} == known
    assert [candidate.choices for candidate in screen.accepted] == accepted
    invalid = len(every) - study.space.size
    over = study.space.size - len(known)
    assert min(invalid, over, len(known)) > 0
    assert screen.counts == {"asked": len(every), "invalid": invalid, "over:params": over}
    assert not any(screen.accept(point) for point in accepted)
    assert screen.counts["duplicate"] == len(accepted)


def test_judging_keeps_nothing() -> None:
    """A point that was only judged is not known afterwards."""
    study = study_with(SPACE)
    screen = Screen(study)
    point = study.space.encode(members(SPACE)[0])
    assert screen.judge(point) is not None
    assert screen.judge(point) is not None
    assert screen.accepted == []
    assert screen.counts == {"asked": 2}


def test_what_is_known_from_before_is_a_duplicate() -> None:
    """A resumed run knows what the run before it measured."""
    study = study_with(SPACE)
    member = members(SPACE)[0]
    screen = Screen(study, known=[member.id])
    assert not screen.accept(study.space.encode(member))
    assert screen.counts == {"asked": 1, "duplicate": 1}


def test_two_points_of_one_architecture_are_one_candidate() -> None:
    """Duplicates are told by the architecture, not by the choices that made it."""
    group = {"repeat": {"int": [0, 1]}, "conv_encoder": {}}
    study = study_with(space_data({"width": 8, "blocks": [group, group]}))
    screen = Screen(study)
    for point in points(study.space):
        screen.accept(point)
    assert screen.counts == {"asked": 4, "duplicate": 1}
    assert len(screen.accepted) == 3


def test_the_limit_broken_by_most_is_the_one_counted() -> None:
    """As a share of the limit, so that params and MACs can be compared."""
    study = study_with(SPACE, constraints={"params": {"at_most": 100}, "macs": {"at_most": 100}})
    assert excess(study, NetCost(150, 300)._asdict()) == {"params": 0.5, "macs": 2.0}
    assert excess(study, NetCost(150, 100)._asdict()) == {"params": 0.5}
    assert excess(study, NetCost(100, 100)) == {}
    screen = Screen(study)
    screen.judge(study.space.encode(members(SPACE)[0]))
    assert screen.counts == {"asked": 1, "over:macs": 1}


def test_limits_hold_at_both_ends() -> None:
    """``at_least`` and ``at_most`` include their own values."""
    study = study_with(SPACE, constraints={"macs": {"at_least": 50, "at_most": 200}})
    outside = {macs: excess(study, NetCost(1, macs)._asdict()) for macs in (49, 50, 200, 201)}
    assert outside == {49: {"macs": 0.02}, 50: {}, 200: {}, 201: {"macs": 0.005}}


def test_a_candidate_carries_its_counted_measures() -> None:
    """Params and MACs with the study's own number of classes."""
    study = study_with(SPACE)
    member = members(SPACE)[0]
    candidate = Screen(study).judge(study.space.encode(member))
    assert candidate is not None
    measures = candidate.measures()
    assert {name: measured.value for name, measured in measures.items()} == count(
        member, 10
    )._asdict()
    assert {measured.stage for measured in measures.values()} == {"screen"}


def places(candidates: list[Candidate]) -> NDArray[np.float64]:
    """Logarithms of params and MACs."""
    found: NDArray[np.float64] = np.log([[c.cost.params, c.cost.macs] for c in candidates])
    return found


def largest_gap(chosen: NDArray[np.float64], of: NDArray[np.float64]) -> float:
    """How far a point of ``of`` can be from its nearest chosen one, on unit ranges."""
    scale = np.ptp(of, axis=0)
    distances = np.linalg.norm((of[:, None] - chosen[None]) / scale, axis=2)
    return float(distances.min(axis=1).max())


def test_the_start_covers_the_costs_better_than_random_members() -> None:
    """The farthest member from its nearest chosen one is much nearer than with as many random."""
    study = mobile("start.screen=400", "start.keep=16", "start.nets=[]")
    begin, _ = start_candidates(study)
    screen = Screen(study)
    rng = np.random.default_rng(5)
    while len(screen.accepted) < 300:
        screen.accept(study.space.draw(rng))
    everything = places(screen.accepted)
    chosen = largest_gap(places([candidate for _, candidate in begin]), everything)
    random = [largest_gap(everything[i : i + 16], everything) for i in range(0, 160, 16)]
    assert chosen < min(random)
    assert chosen < 0.75 * np.mean(random)


def test_the_start_is_farthest_point_sampling() -> None:
    """Each one is the farthest from those before it, by the definition, on a small space."""
    study = study_with(SPACE, start={"screen": 500, "keep": 8})
    begin, counts = start_candidates(study)
    every = {id_: np.log([cost.params, cost.macs]) for id_, cost in costs(study).items()}
    low, high = np.min(list(every.values()), axis=0), np.max(list(every.values()), axis=0)
    unit = {id_: (place - low) / (high - low) for id_, place in every.items()}
    ids = [candidate.architecture.id for _, candidate in begin]
    assert counts["asked"] == 500
    assert counts["asked"] - counts["invalid"] - counts["duplicate"] == len(every)
    for number in range(1, len(ids)):
        nearest = {
            id_: min(float(np.linalg.norm(place - unit[other])) for other in ids[:number])
            for id_, place in unit.items()
        }
        assert nearest[ids[number]] == pytest.approx(max(nearest.values()))


def test_the_start_has_what_was_asked_for() -> None:
    """Published nets first, by name; then different members, as many as kept or as there are."""
    study = mobile("start.screen=400", "start.keep=5")
    begin, counts = start_candidates(study)
    names = study.settings.start.nets
    assert [origin for origin, _ in begin] == [
        *(f"published:{name}" for name in names), *["start"] * 5,
    ]  # fmt: skip
    ids = [candidate.architecture.id for _, candidate in begin]
    assert ids[: len(names)] == [published.load(name).id for name in names]
    assert len(set(ids)) == len(names) + 5
    assert counts["asked"] == 404
    assert all(candidate.cost.params <= 5_000_000 for _, candidate in begin)
    few = study_with(SPACE, start={"screen": 300, "keep": 300})
    assert len(start_candidates(few)[0]) == len(costs(few))


def test_the_start_depends_on_the_seed_alone() -> None:
    """The same study begins with the same candidates, another seed with others."""
    ids = [
        [c.architecture.id for _, c in start_candidates(mobile(f"seed={seed}", *rest))[0]]
        for seed, rest in [
            (1, ["start.screen=40"]),
            (1, ["start.screen=40"]),
            (2, ["start.screen=40"]),
        ]
    ]
    assert ids[0] == ids[1] != ids[2]


DEEP = space_data(
    {"width": 8, "blocks": [{
        "repeat": 12, "vary": True,
        "conv_encoder": {"kernel": {"choice": [3, 5, 7]}, "expand": {"choice": [1, 2, 3, 4, 6]}},
    }]}
)  # fmt: skip


def test_rare_members_begin_a_search_too() -> None:
    """None of the random points is within the limit: the pool is sampled among those that are."""
    limits = {"params": {"at_most": 5_000}}
    study = study_with(DEEP, constraints=limits, start={"screen": 500, "keep": 20})
    begin, counts = start_candidates(study)
    assert len({candidate.architecture.id for _, candidate in begin}) == 20
    assert all(candidate.cost.params <= 5_000 for _, candidate in begin)
    drawn = np.random.default_rng(0)
    assert not any(Screen(study).judge(study.space.draw(drawn)) for _ in range(2_000))
    assert counts["asked"] - counts["over:params"] - counts["duplicate"] in range(40, 81)
    assert counts["over:params"] > 500
    assert counts["asked"] < 50_000


def test_a_start_screens_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many points only those that are kept are decoded and counted one by one."""
    alone: list[NetCost] = []

    def counted(*args: Any) -> NetCost:
        alone.append(count(*args))
        return alone[-1]

    monkeypatch.setattr("archsearch.screen.count", counted)
    begin, counts = start_candidates(mobile("start.screen=20000", "start.keep=8"))
    assert counts["asked"] == 20_004
    assert [candidate.cost for _, candidate in begin] == alone
    assert len(alone) == 12


def test_the_bulk_counts_as_one_by_one() -> None:
    """The start's points, judged one after another, are refused for the same reasons."""
    limits = {"params": {"at_most": 14_000}, "macs": {"at_least": 200_000}}
    study = study_with(SPACE, constraints=limits, start={"screen": 400, "keep": 3})
    _, counts = start_candidates(study)
    space = FeasibleSpace.of(study)
    rng = np.random.default_rng(derive(study.settings.seed, "start"))
    alone = Screen(study)
    for row in space.draw_rows(rng, 400):
        alone.accept(space.point(row))
    assert counts == alone.counts
    assert len(counts) == 5


def test_a_search_may_begin_with_nothing() -> None:
    """Without a start the sampler makes the first trials."""
    begin, counts = start_candidates(study_with(SPACE))
    assert begin == []
    assert not counts


def test_a_published_net_outside_the_space_is_refused() -> None:
    """With the place that does not fit, and what to do."""
    study = study_with(SPACE, start={"nets": ["edgenext_xx_small"]})
    with pytest.raises(InputError) as caught:
        start_candidates(study)
    assert str(caught.value) == (
        "start.nets: edgenext_xx_small is not a member of small: input.resolution: 256; the space "
        "has 32; drop it or open the space there"
    )


def test_a_published_net_over_a_limit_is_refused() -> None:
    """With the limit that it breaks, and what to do."""
    study = mobile("constraints.params.at_most=2e6")
    message = (
        r"start\.nets: edgenext_x_small is over the limit on params; drop it or raise the limit"
    )
    with pytest.raises(InputError, match=message):
        start_candidates(study)


def test_limits_that_members_meet_pass() -> None:
    """Also where nearly none does: the walk finds the one smallest member."""
    smallest = min(cost.params for cost in costs(study_with(SPACE)).values())
    ensure_feasible(study_with(SPACE, constraints={"params": {"at_most": smallest}}))
    ensure_feasible(mobile("constraints.params.at_most=270_000"))


def closest_told(study: Study) -> tuple[str, int]:
    """The bound and the closest value that the refusal tells."""
    with pytest.raises(InputError) as caught:
        ensure_feasible(study)
    found = re.fullmatch(
        r"constraints\.(?:params|macs): no member of \w+ meets (.+); the closest found has "
        r"([\d,]+) (?:params|macs); change the limit or the space",
        str(caught.value),
    )
    assert found is not None, str(caught.value)
    return found[1], int(found[2].replace(",", ""))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(spaces(), st.sampled_from(["params", "macs"]))
def test_the_closest_value_told_is_the_smallest_there_is(data: Data, name: str) -> None:
    """Compared with all members, on generated spaces."""
    assume(point_count(data) <= 150)
    every = [getattr(count(member, 10), name) for member in members(data)]
    assume(every)
    study = study_with(data, constraints={name: {"at_most": min(every) - 1}})
    assert closest_told(study) == (f"at_most: {min(every) - 1:,}", min(every))
    ensure_feasible(study_with(data, constraints={name: {"at_most": min(every)}}))


def test_a_limit_from_below_is_told_as_such() -> None:
    """Where both ends are given, the broken one is told, with the largest value found."""
    largest = max(cost.macs for cost in costs(study_with(SPACE)).values())
    limit = {"macs": {"at_least": 10**9, "at_most": 10**10}}
    assert closest_told(study_with(SPACE, constraints=limit)) == (
        "at_least: 1,000,000,000",
        largest,
    )


def test_limits_that_exclude_each_other_are_told_together() -> None:
    """Each alone has members, both have none."""
    values = list(costs(study_with(SPACE)).values())
    small, large = min(c.params for c in values), max(c.macs for c in values)
    limits = {"params": {"at_most": small}, "macs": {"at_least": large}}
    bound, _ = closest_told(study_with(SPACE, constraints=limits))
    assert bound.endswith(" together with the other limits")
    for name, limit in limits.items():
        ensure_feasible(study_with(SPACE, constraints={name: limit}))


def test_infeasible_limits_stop_the_start() -> None:
    """Before a trial exists; the mobile space's smallest net is smaller than any drawn."""
    study = mobile("constraints.params.at_most=1000", "start.nets=[]", "start.screen=100")
    with pytest.raises(
        InputError, match=r"no member of mobile meets at_most: 1,000 together .* the "
    ):
        start_candidates(study)
    rng = np.random.default_rng(9)
    drawn = [count(study.space.sample(rng)).params for _ in range(300)]
    assert closest_told(study)[1] < min(drawn)


def test_a_space_without_valid_points_is_told() -> None:
    """That is no matter of limits."""
    study = study_with(space_data({"width": 9, "blocks": ["pacc"]}))
    with pytest.raises(InputError, match="small: none of 16,384 random points is a valid member"):
        ensure_feasible(study)
    with pytest.raises(NotAMember, match="halves"):
        study.space.decode({})

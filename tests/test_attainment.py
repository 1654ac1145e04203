"""Attainment: counted place by place, against moocore, and against the hypervolume."""

from __future__ import annotations

import math
from math import ceil

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_clouds import Runs, repeated_runs

from archsearch.attainment import ahead, differences, favoured, share_attaining, surfaces
from archsearch.pareto import Points, hypervolume, non_dominated

FLAGS2 = st.tuples(st.booleans(), st.booleans())
FLAGS3 = st.tuples(st.booleans(), st.booleans(), st.booleans())


def lattice(objectives: int) -> Points:
    """Places on and between all values that points have."""
    axis = np.arange(-3.5, 4.0, 0.5)
    return np.stack(np.meshgrid(*[axis] * objectives), axis=-1).reshape(-1, objectives)


def counted(at: Points, runs: Runs, maximize: tuple[bool, ...]) -> list[float]:
    """Share of runs with a point no worse than each place, by the definition."""
    signs = [-1 if up else 1 for up in maximize]

    def attains(run: Points, place: Points) -> bool:
        return any(all(s * p <= s * q for s, p, q in zip(signs, point, place, strict=True))
                   for point in run)  # fmt: skip

    return [sum(attains(run, place) for run in runs) / len(runs) for place in at]


@settings(deadline=None)
@given(repeated_runs(2), FLAGS2)
def test_the_share_attaining_is_counted(runs: Runs, maximize: tuple[bool, bool]) -> None:
    """Place by place, run by run, point by point."""
    at = lattice(2)[::3]
    assert share_attaining(at, runs, maximize).tolist() == pytest.approx(
        counted(at, runs, maximize)
    )


def dominated_by(corners: Points, at: Points, maximize: tuple[bool, ...]) -> list[bool]:
    return (share_attaining(at, [corners], maximize) > 0).tolist()


@settings(deadline=None)
@given(repeated_runs(2), FLAGS2, st.sampled_from([0.0, 0.3, 0.5, 0.75, 1.0]))
def test_a_surface_bounds_what_its_share_of_runs_attains(
    runs: Runs, maximize: tuple[bool, bool], share: float
) -> None:
    """In two objectives: a place lies behind the surface if enough runs attain it."""
    found = surfaces(runs, maximize, {"this": share})["this"]
    needed = max(1, ceil(share * len(runs)))
    attained = share_attaining(lattice(2), runs, maximize) * len(runs) >= needed - 0.5
    assert dominated_by(found, lattice(2), maximize) == attained.tolist()
    assert non_dominated(found, maximize).all()


@settings(deadline=None)
@given(repeated_runs(3, most=3), FLAGS3, st.sampled_from([0.0, 0.5, 1.0]))
def test_surfaces_of_three_objectives(
    runs: Runs, maximize: tuple[bool, bool, bool], share: float
) -> None:
    """The same in three."""
    found = surfaces(runs, maximize, {"this": share})["this"]
    needed = max(1, ceil(share * len(runs)))
    attained = share_attaining(lattice(3)[::7], runs, maximize) * len(runs) >= needed - 0.5
    assert dominated_by(found, lattice(3)[::7], maximize) == attained.tolist()


def test_one_run_is_its_own_front() -> None:
    """Best, median and worst are the same, sorted by the first objective."""
    points = np.array([[3.0, 0.9], [1.0, 0.5], [2.0, 0.4], [2.0, np.nan]])
    found = surfaces([points], (False, True))
    assert list(found) == ["best", "median", "worst"]
    for corners in found.values():
        assert corners.tolist() == [[1.0, 0.5], [3.0, 0.9]]


def test_a_run_without_points_attains_nothing() -> None:
    """So the worst of two runs, one of them empty, is empty."""
    found = surfaces([np.array([[1.0, 1.0]]), np.empty((0, 2))], (False, False))
    assert found["best"].tolist() == found["median"].tolist() == [[1.0, 1.0]]
    assert found["worst"].shape == (0, 2)


@pytest.mark.parametrize("objectives", [1, 4])
def test_other_numbers_of_objectives_are_refused(objectives: int) -> None:
    """With how many there were."""
    with pytest.raises(ValueError, match=f"two or three.* and {objectives} objectives"):
        surfaces([np.zeros((1, objectives))], (False,) * objectives)


def corner(maximize: tuple[bool, bool]) -> list[float]:
    return [-2.5 if up else 2.5 for up in maximize]


@settings(deadline=None)
@given(repeated_runs(2), repeated_runs(2), FLAGS2)
def test_differences_are_the_shares_of_one_less_those_of_the_other(
    first: Runs, second: Runs, maximize: tuple[bool, bool]
) -> None:
    """At every place of the box, whatever the numbers of runs; rectangles do not overlap."""
    axis = np.arange(-3.25, 3.5, 0.5)
    at = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    worst = corner(maximize)
    at = at[np.where(maximize, at > worst, at < worst).all(axis=1)]
    found = differences(first, second, worst, maximize)
    over = (found[:, 0] <= at[:, :1]) & (at[:, :1] < found[:, 1])
    over &= (found[:, 2] <= at[:, 1:]) & (at[:, 1:] < found[:, 3])
    assert over.sum(axis=1).max(initial=0) <= 1
    expected = share_attaining(at, first, maximize) - share_attaining(at, second, maximize)
    assert (over @ found[:, 4]).tolist() == pytest.approx(expected.tolist())


@settings(deadline=None)
@given(repeated_runs(2), repeated_runs(2), FLAGS2)
def test_the_volumes_favoured_differ_as_the_mean_hypervolumes(
    first: Runs, second: Runs, maximize: tuple[bool, bool]
) -> None:
    """The mean of the attainment over the box is the mean hypervolume of the runs."""
    worst, best = corner(maximize), [4.0 if up else -4.0 for up in maximize]
    found = differences(first, second, worst, maximize)
    ahead, behind = favoured(found, worst, best)
    means = [np.mean([hypervolume(run, worst, maximize) for run in runs])
             for runs in (first, second)]  # fmt: skip
    assert ahead >= 0
    assert behind >= 0
    assert ahead - behind == pytest.approx((means[0] - means[1]) / 6.5**2)


def test_differences_agree_with_moocore_where_both_have_as_many_runs() -> None:
    """An independent algorithm, on random fronts of three runs each."""
    rng = np.random.default_rng(0)
    first, second = ([rng.random((6, 2)) for _ in range(3)] for _ in range(2))

    def numbered(runs: Runs) -> Points:
        return np.vstack([np.c_[run, np.full(6, i + 1)] for i, run in enumerate(runs)])

    theirs = moocore.eafdiff(numbered(first), numbered(second), intervals=3, rectangles=True)
    theirs = np.minimum(theirs, [2.0, 2.0, 2.0, 2.0, math.inf])
    at = rng.random((500, 2)) * 2
    found = differences(first, second, (2.0, 2.0), (False, False))

    def values(rectangles: Points) -> list[float]:
        inside = (rectangles[:, :2] <= at[:, None]).all(axis=2)
        inside &= (at[:, None] < rectangles[:, 2:4]).all(axis=2)
        return (inside @ rectangles[:, 4]).tolist()

    ours = found[:, [0, 2, 1, 3, 4]] * [1, 1, 1, 1, 3]
    assert len(found) > 10
    assert values(ours) == pytest.approx(values(theirs))


def test_equal_strategies_do_not_differ() -> None:
    """Nor do two without a point."""
    runs = [np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.5, 1.5]])]
    assert differences(runs, runs[::-1], (3.0, 3.0), (False, False)).shape == (0, 5)
    nothing = [np.empty((0, 2))]
    assert differences(nothing, nothing, (3.0, 3.0), (False, False)).shape == (0, 5)


@settings(deadline=None, max_examples=20)
@given(repeated_runs(3, most=3), repeated_runs(3, most=3), FLAGS3)
def test_in_three_objectives_what_is_ahead_is_counted_cell_by_cell(
    first: Runs, second: Runs, maximize: tuple[bool, bool, bool]
) -> None:
    """Points have whole numbers, so that shares are the same all over a unit cell."""
    worst = [-3.0 if up else 3.0 for up in maximize]
    best = [3.0 if up else -3.0 for up in maximize]
    axis = np.arange(-2.5, 3.0)
    cells = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    more = share_attaining(cells, first, maximize) - share_attaining(cells, second, maximize)
    found = ahead(first, second, worst, best, maximize, seed=0)
    near = 5 * found.error + 1e-12
    assert found.first == pytest.approx(np.maximum(more, 0).mean(), abs=near)
    assert found.second == pytest.approx(np.maximum(-more, 0).mean(), abs=near)
    assert found.error < 0.004


def test_the_error_of_what_is_ahead_is_that_of_other_places() -> None:
    """Its standard deviation over seeds; of four objectives."""
    rng = np.random.default_rng(0)
    first, second = ([rng.random((8, 4)) for _ in range(3)] for _ in range(2))
    corners = [1.0] * 4, [0.0] * 4, [False] * 4
    found = [ahead(first, second, *corners, seed) for seed in range(40)]
    spread = np.std([one.first for one in found], ddof=1)
    assert spread < 1.3 * found[0].error
    means = [np.mean([hypervolume(run, corners[0], corners[2]) for run in runs])
             for runs in (first, second)]  # fmt: skip
    differing = np.mean([one.first - one.second for one in found])
    assert differing == pytest.approx(means[0] - means[1], abs=3 * spread / np.sqrt(40) * 2)


def test_in_two_objectives_what_is_ahead_is_exact() -> None:
    """No place is drawn."""
    rng = np.random.default_rng(1)
    first, second = ([rng.random((6, 2)) for _ in range(3)] for _ in range(2))
    corners = (1.0, 0.0), (0.0, 1.0), (False, True)
    found = ahead(first, second, *corners, seed=0)
    assert found == (*favoured(differences(first, second, corners[0], corners[2]), *corners[:2]), 0)

"""Fronts: a second, quadratic algorithm; closed-form volumes; laws that any points obey."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch.pareto import (
    Points,
    crowding,
    fronts,
    hypervolume,
    non_dominated,
    reference_point,
)

SMALL = st.integers(-4, 4).map(float)
"""Few values, so that copies and ties occur all the time."""


@st.composite
def clouds(draw: st.DrawFn, elements: Any = SMALL) -> tuple[Points, tuple[bool, ...]]:
    objectives = draw(st.integers(1, 4))
    count = draw(st.integers(1, 12))
    points = draw(hnp.arrays(float, (count, objectives), elements=elements))
    return points, tuple(draw(st.lists(st.booleans(), min_size=objectives, max_size=objectives)))


def dominates(a: Points, b: Points, maximize: tuple[bool, ...]) -> bool:
    pairs = [(y, x) if up else (x, y) for x, y, up in zip(a, b, maximize, strict=True)]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def brute_front(points: Points, maximize: tuple[bool, ...]) -> list[bool]:
    return [not any(dominates(other, point, maximize) for other in points) for point in points]


def brute_volume(points: Points, reference: Points) -> float:
    """Inclusion and exclusion over all subsets, for minimization."""
    boxes = [point for point in points if (point < reference).all()]
    total = 0.0
    for subset in range(1, 2 ** len(boxes)):
        chosen = [box for i, box in enumerate(boxes) if subset >> i & 1]
        total -= (-1) ** len(chosen) * float(np.prod(reference - np.max(chosen, axis=0)))
    return total


@given(clouds())
def test_non_dominated_equals_the_quadratic_definition(
    cloud: tuple[Points, tuple[bool, ...]],
) -> None:
    """The mask is the definition of dominance, copies kept, in one to four objectives."""
    points, maximize = cloud
    assert non_dominated(points, maximize).tolist() == brute_front(points, maximize)


@given(clouds(st.one_of(SMALL, st.just(math.nan), st.just(math.inf))))
def test_rows_with_nan_are_never_on_the_front_and_dominate_nothing(
    cloud: tuple[Points, tuple[bool, ...]],
) -> None:
    """Taking rows with NaN away changes nothing for the others; infinities are values."""
    points, maximize = cloud
    known = ~np.isnan(points).any(axis=1)
    mask, ranks = non_dominated(points, maximize), fronts(points, maximize)
    assert not mask[~known].any()
    assert (ranks[~known] == -1).all()
    assert mask[known].tolist() == brute_front(points[known], maximize)
    assert ranks[known].tolist() == fronts(points[known], maximize).tolist()


@given(clouds())
def test_ranks_are_the_fronts_peeled_one_by_one(cloud: tuple[Points, tuple[bool, ...]]) -> None:
    """Rank r is the front of what is left when the ranks before it are taken away."""
    points, maximize = cloud
    left, peeled = np.arange(len(points)), np.full(len(points), -1)
    for rank in range(len(points)):
        front = np.array(brute_front(points[left], maximize), dtype=bool)
        peeled[left[front]] = rank
        left = left[~front]
    assert fronts(points, maximize).tolist() == peeled.tolist()


@given(clouds(), st.randoms(use_true_random=False))
def test_the_order_of_points_changes_nothing(
    cloud: tuple[Points, tuple[bool, ...]], random: Any
) -> None:
    """Mask, ranks, crowding and volume follow the points when these are permuted."""
    points, maximize = cloud
    order = random.sample(range(len(points)), len(points))
    shuffled = points[order]
    assert (non_dominated(shuffled, maximize) == non_dominated(points, maximize)[order]).all()
    assert (fronts(shuffled, maximize) == fronts(points, maximize)[order]).all()
    assert crowding(shuffled).tolist() == crowding(points)[order].tolist()
    corner = reference_point(points, maximize)
    assert reference_point(shuffled, maximize) == corner
    assert hypervolume(shuffled, corner, maximize) == pytest.approx(
        hypervolume(points, corner, maximize)
    )


@given(clouds())
def test_maximizing_is_minimizing_the_negative(cloud: tuple[Points, tuple[bool, ...]]) -> None:
    """Flipping a column's sign and its flag changes no answer."""
    points, maximize = cloud
    flipped, opposite = -points, tuple(not up for up in maximize)
    corner = reference_point(points, maximize)
    assert (non_dominated(flipped, opposite) == non_dominated(points, maximize)).all()
    assert (fronts(flipped, opposite) == fronts(points, maximize)).all()
    assert reference_point(flipped, opposite) == tuple(-value for value in corner)
    assert hypervolume(flipped, tuple(-value for value in corner), opposite) == pytest.approx(
        hypervolume(points, corner, maximize)
    )


@given(clouds())
def test_volume_equals_inclusion_and_exclusion(cloud: tuple[Points, tuple[bool, ...]]) -> None:
    """A second algorithm gives the same volume, also with points behind the reference."""
    points, maximize = cloud
    signs = np.where(maximize, -1.0, 1.0)
    corner = np.full(points.shape[1], 2.5)
    expected = brute_volume(points[:9] * signs, corner)
    assert hypervolume(points[:9], tuple(corner * signs), maximize) == pytest.approx(expected)


@given(clouds(), st.integers(0, 11))
def test_dominated_points_add_no_volume(cloud: tuple[Points, tuple[bool, ...]], index: int) -> None:
    """A point worse than a given one, a copy, and a row with NaN leave the volume as it is."""
    points, maximize = cloud
    corner = reference_point(points, maximize)
    chosen = points[index % len(points)]
    worse = chosen + np.where(maximize, -0.25, 0.25)
    more = np.vstack([points, worse, chosen, np.full(points.shape[1], math.nan)])
    assert hypervolume(more, corner, maximize) == pytest.approx(
        hypervolume(points, corner, maximize)
    )
    assert non_dominated(more, maximize)[: len(points)].tolist() == brute_front(points, maximize)


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_volume_of_a_staircase(count: int) -> None:
    """n even steps down the diagonal x + y = 1 leave (n - 1) / 2n of the unit square above them."""
    x = np.arange(count + 1) / count
    volume = hypervolume(np.c_[x, 1 - x], (1.0, 1.0), (False, False))
    assert volume == pytest.approx((count - 1) / (2 * count))


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_volume_of_one_point_is_its_box(objectives: int) -> None:
    """One point spans a box to the reference, whichever way each objective goes."""
    maximize = tuple(i % 2 == 0 for i in range(objectives))
    reference = tuple(0.0 if up else 3.0 for up in maximize)
    volume = hypervolume(np.full((1, objectives), 2.0), reference, maximize)
    assert volume == pytest.approx(math.prod(2.0 if up else 1.0 for up in maximize))


def test_volume_of_three_corners_of_a_cube() -> None:
    """Three 1 x 2 x 2 boxes that share a 1 x 1 x 1 cube pairwise in 1 x 1 x 2: 4·3 - 2·3 + 1."""
    points = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert hypervolume(points, (2.0, 2.0, 2.0), (False,) * 3) == pytest.approx(7.0)


def test_crowding_of_an_even_front() -> None:
    """Inner points of an even front of n points have 2 · 2 / (n - 1), the ends infinity."""
    x = np.arange(6.0)
    assert crowding(np.c_[x, -x]) == pytest.approx([np.inf, *[0.8] * 4, np.inf])


def test_crowding_without_range_adds_nothing() -> None:
    """An objective in which all points agree does not count, nor does a lone point crowd."""
    assert crowding(np.array([[0.0, 7], [1, 7], [3, 7]])).tolist() == [np.inf, 1.0, np.inf]
    assert crowding(np.array([[1.0, 7]])).tolist() == [0.0]


def test_reference_point_is_the_worst_value_and_a_tenth_of_the_range() -> None:
    """The stated rule, with an objective that has no range and one that is zero throughout."""
    points = np.array([[0.5, 10.0, 4.0, 0.0], [0.9, 30.0, 4.0, 0.0], [math.inf, 0.0, 0.0, 0.0]])
    corner = reference_point(points, (True, False, False, True))
    assert corner == pytest.approx((0.46, 32.0, 4.4, -0.1))


@given(clouds())
def test_every_point_is_better_than_the_reference_point(
    cloud: tuple[Points, tuple[bool, ...]],
) -> None:
    """So that each of them, alone, has a volume."""
    points, maximize = cloud
    corner = reference_point(points, maximize)
    assert all(hypervolume(point[None], corner, maximize) > 0 for point in points)


def test_a_wrong_number_of_flags_says_both_shapes() -> None:
    """The message names the shape given and the number of flags."""
    with pytest.raises(ValueError, match=r"shape \(n, 3\).*got shape \(4, 2\)"):
        non_dominated(np.zeros((4, 2)), (True, False, True))


def test_no_finite_point_gives_no_reference_point() -> None:
    """Infinite and unknown values cannot anchor a volume."""
    with pytest.raises(ValueError, match="at least one point with finite values"):
        reference_point(np.array([[math.nan, 0.0], [math.inf, 0.0]]), (True, True))


def test_no_points_have_no_front_and_no_volume() -> None:
    """Empty input gives empty answers of the right shape."""
    nothing = np.empty((0, 2))
    assert non_dominated(nothing, (True, False)).shape == (0,)
    assert fronts(nothing, (True, False)).shape == (0,)
    assert crowding(nothing).shape == (0,)
    assert hypervolume(nothing, (0.0, 1.0), (True, False)) == 0.0

"""Knees: fronts whose knees are known, and laws that any front obeys."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.knees import knees, sharpness
from archsearch.pareto import Points, non_dominated

CLOUDS = hnp.arrays(float, (7, 3), elements=st.integers(-4, 4).map(float))


def brute_sharpness(points: Points, maximize: tuple[bool, ...]) -> list[float]:
    """The least loss by gain of any change, by the definition."""
    front = [p for p, on in zip(points, non_dominated(points, maximize), strict=True) if on]
    span = np.ptp(front, axis=0)
    found = []
    for point in points:
        ratios = [math.nan]
        for other in front:
            worse = [(o - p) / s * (-1 if up else 1) if s else 0.0
                     for p, o, s, up in zip(point, other, span, maximize, strict=True)]  # fmt: skip
            if any(worse) and any((point == own).all() for own in front):
                ratios.append(sum(w for w in worse if w > 0) / -sum(w for w in worse if w < 0))
        found.append(min(ratios[1:], default=math.nan))
    return found


@settings(deadline=None)
@given(CLOUDS, st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_sharpness_is_the_least_loss_by_gain(
    points: Points, maximize: tuple[bool, bool, bool]
) -> None:
    """By the definition, whichever way objectives go, with copies and dominated points."""
    found = sharpness(points, maximize)
    assert found.tolist() == pytest.approx(brute_sharpness(points, maximize), nan_ok=True)


@settings(deadline=None)
@given(CLOUDS)
def test_units_change_no_sharpness(points: Points) -> None:
    """A share of the range is the same in params and in millions of them."""
    maximize = (False, True, False)
    changed = points * [1e6, 1e-3, 7.0] + [5.0, -1.0, 0.0]
    assert sharpness(changed, maximize).tolist() == pytest.approx(
        sharpness(points, maximize).tolist(), nan_ok=True
    )


@settings(deadline=None)
@given(CLOUDS)
def test_only_the_nearest_to_the_ideal_is_sharper_than_one(points: Points) -> None:
    """More lost than gained by any change means the smallest sum of normalised objectives."""
    maximize = (False, False, False)
    found = np.nan_to_num(sharpness(points, maximize))
    front = points[non_dominated(points, maximize)]
    span = np.ptp(front, axis=0)
    sums = ((points - front.min(axis=0)) / np.where(span > 0, span, 1)).sum(axis=1)
    on_front = non_dominated(points, maximize)
    assert (sums[found > 1 + 1e-9] <= sums[on_front].min() + 1e-9).all()


def test_a_corner_is_a_knee_as_sharp_as_its_sides_are_steep() -> None:
    """Two straight sides of slope 4 meet at (0.2, 0.2): any way on loses 4 times what it gains."""
    along = np.linspace(0, 1, 5)
    left = np.c_[0.2 * (1 - along[1:]), 0.2 + 0.8 * along[1:]]
    points = np.vstack([[[0.2, 0.2]], left, left[:, ::-1]])
    found = sharpness(points, (False, False))
    assert found[0] == pytest.approx(4.0)
    assert knees(points, (False, False)).tolist() == [True] + [False] * 8


def test_a_straight_front_has_no_knee() -> None:
    """Everything costs what it brings."""
    x = np.linspace(0, 1, 9)
    assert sharpness(np.c_[x, 1 - x], (False, False)) == pytest.approx(np.ones(9))
    assert not knees(np.c_[x, 1 - x], (False, False)).any()


def test_local_knees_are_found_within_reach() -> None:
    """A front with two corners: one is the knee of the whole, both are knees of their parts."""
    points = np.array([
        [0.0, 1.0], [0.02, 0.8], [0.05, 0.6], [0.2, 0.55], [0.4, 0.52],
        [0.42, 0.3], [0.45, 0.1], [0.7, 0.05], [1.0, 0.0],
    ])  # fmt: skip
    assert np.flatnonzero(knees(points, (False, False), reach=0.3)).tolist() == [2, 6]
    assert not knees(points, (False, False)).any()


def test_ends_are_no_local_knees() -> None:
    """The cheap end of a front that begins flat has no net beyond it that could be better."""
    points = np.array([[0.0, 0.5], [0.25, 0.45], [0.5, 0.4], [1.0, 0.0]])
    found = sharpness(points, (False, False), reach=0.3)
    assert np.isnan(found[[0, 3]]).all()
    assert np.isfinite(found[[1, 2]]).all()
    assert np.isfinite(sharpness(points, (False, False))).all()


def test_what_has_no_other_has_no_sharpness() -> None:
    """Dominated points, unknown and infinite ones, a lone point, and copies of one."""
    points = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0], [-np.inf, 0.0]])
    assert np.isnan(sharpness(points[:3], (False, False))).all()
    assert np.isnan(sharpness(points, (False, False))).all()
    assert np.isnan(sharpness(np.zeros((2, 2)), (False, True))).all()
    assert sharpness(np.empty((0, 2)), (False, True)).shape == (0,)


@pytest.mark.parametrize("reach", [0.0, -1.0, 1.5])
def test_a_reach_outside_of_the_front_is_refused(reach: float) -> None:
    """With what was given."""
    with pytest.raises(ValueError, match=f"over 0 and at most 1, got {reach}"):
        sharpness(np.zeros((2, 2)), (False, False), reach)

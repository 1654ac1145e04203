"""What leaves can be important for: being among the best, and where a net stands to the front."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from archsearch.importance.targets import best_of, on_front, standing

Floats = NDArray[np.float64]

POINTS = st.integers(1, 3).flatmap(
    lambda width: arrays(
        np.float64,
        st.tuples(st.integers(2, 9), st.just(width)),
        elements=st.integers(0, 6).map(float),
    )
)


def dominated(points: Floats, at: int) -> bool:
    others = np.delete(points, at, axis=0)
    worse = (others <= points[at]).all(axis=1) & (others < points[at]).any(axis=1)
    return bool(worse.any())


@given(POINTS)
def test_the_front_stands_before_zero(points: Floats) -> None:
    """A point behind the front is never positive, one on it never negative, nor zero if it is
    strictly better than every other point somewhere."""
    found = standing(points, [False] * points.shape[1])
    for at, value in enumerate(found):
        others = np.delete(points, at, axis=0)
        if dominated(points, at):
            assert value <= 0
        else:
            assert value >= 0
        if (others > points[at]).any(axis=1).all():
            assert value > 0


@given(POINTS)
def test_moving_by_its_standing_brings_a_point_to_the_border(points: Floats) -> None:
    """Worse by a little more than that and another point is better in all; by less and none is."""
    ranges = np.ptp(points, axis=0)
    points = points[:, ranges > 0]
    ranges = ranges[ranges > 0]
    if not points.shape[1]:
        return
    found = standing(points, [False] * points.shape[1])
    for at, value in enumerate(found):
        others = np.delete(points, at, axis=0)
        for step, beaten in ((1e-6, True), (-1e-6, False)):
            moved = points[at] + (value + step) * ranges
            assert bool((others < moved).all(axis=1).any()) is beaten


def test_units_and_directions_do_not_matter() -> None:
    """Other units, and an objective turned round with its direction, give the same standings."""
    points = np.random.default_rng(0).normal(size=(20, 2))
    plain = standing(points, [False, False])
    np.testing.assert_allclose(standing(points * [1e6, 1e-3] + 5, [False, False]), plain)
    np.testing.assert_allclose(standing(points * [1, -1], [False, True]), plain)
    assert ((plain > 0) == on_front(points, [False, False])).all()


def test_standing_refuses_what_it_cannot_compare() -> None:
    """One point has nobody to be compared with, and NaN no place."""
    with pytest.raises(ValueError, match="two finite points"):
        standing(np.zeros((1, 2)), [False, False])
    with pytest.raises(ValueError, match="two finite points"):
        standing(np.array([[0.0], [np.nan]]), [False])


def test_the_best_are_a_tenth_but_five_at_least_and_who_ties() -> None:
    """Of 100 nets ten are best, of 20 five; ties with the last of them count."""
    values = np.arange(100.0)
    assert np.flatnonzero(best_of(values, maximize=True)).tolist() == list(range(90, 100))
    assert np.flatnonzero(best_of(values, maximize=False)).tolist() == list(range(10))
    assert best_of(values[:20], maximize=True).sum() == 5
    assert best_of(np.array([1.0] * 8 + [2.0] * 3), maximize=True).sum() == 11

"""The border of what a front dominates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archsearch.figures.staircase import dominated, staircase
from archsearch.pareto import hypervolume, non_dominated


def area(polygon: np.ndarray) -> float:  # type: ignore[type-arg]
    """Of a polygon, by the shoelace formula."""
    x, y = polygon.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


@given(
    points=arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 9)),
    maximize=st.tuples(st.booleans(), st.booleans()),
    corner=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_the_outline_holds_the_hypervolume(
    points: np.ndarray,  # type: ignore[type-arg]
    maximize: tuple[bool, bool],
    corner: tuple[int, int],
) -> None:
    """Its area is moocore's hypervolume, for all four directions and any reference point."""
    front = np.unique(points[non_dominated(points, maximize)], axis=0)
    outline = dominated(front, corner, maximize)
    assert area(outline) == pytest.approx(hypervolume(points, corner, maximize))


@pytest.mark.parametrize(("maximize_x", "corner"), [(False, [2.0, 1.0]), (True, [1.0, 2.0])])
def test_the_corner_lies_where_both_points_are_no_better(
    maximize_x: bool, corner: list[float]
) -> None:
    """Between (1, 1) and (2, 2): to the right of the first, or below the second."""
    path = staircase(np.array([[1.0, 1.0], [2.0, 2.0]]), maximize_x=maximize_x)
    assert path.tolist() == [[1.0, 1.0], corner, [2.0, 2.0]]


def test_one_point_has_no_corner() -> None:
    """And none has no path."""
    assert staircase(np.array([[1.0, 2.0]]), maximize_x=True).tolist() == [[1.0, 2.0]]
    assert staircase(np.empty((0, 2)), maximize_x=True).shape == (0, 2)

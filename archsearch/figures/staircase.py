"""The border of what a front dominates, as a path of steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def staircase(points: Floats, *, maximize_x: bool) -> Floats:
    """Corners of the steps through the points (N, 2) of a front, which are sorted by x.

    Returns:
        The points with the corner between each two of them, of shape (2 N - 1, 2).
    """
    before, behind = points[:-1], points[1:]
    across, upward = (before, behind) if maximize_x else (behind, before)
    corners = np.column_stack([across[:, 0], upward[:, 1]])
    return np.insert(points, np.arange(1, len(points)), corners, axis=0)


def dominated(
    points: Floats, reference: tuple[float, float], maximize: tuple[bool, bool]
) -> Floats:
    """Outline of the area that a front dominates up to a reference point.

    Points that are not better than the reference in both measures dominate none of it.

    Args:
        points: of the front, (N, 2), sorted by x.
        reference: corner of the area.
        maximize: whether more is better, across and upwards.

    Returns:
        Corners of a polygon, (0, 2) where nothing is dominated.
    """
    signs = np.where(maximize, 1.0, -1.0)
    points = points[((points - np.array(reference)) * signs > 0).all(axis=1)]
    if not len(points):
        return np.empty((0, 2))
    x, y = reference
    path = staircase(points, maximize_x=maximize[0])
    first, last = ([x, path[0, 1]], [path[-1, 0], y]) if maximize[0] else (
        [path[0, 0], y], [x, path[-1, 1]]
    )  # fmt: skip
    return np.vstack([first, path, last, [x, y]])

"""Fronts of points: dominance, ranks, crowding, hypervolume.

Points are the rows of an (n, m) array, one column an objective; ``maximize`` has one flag a column.
A point dominates another if it is no worse in every objective and better in one.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

MARGIN = 0.1
"""How far, as a share of the points' range, ``reference_point`` lies behind the worst values."""


def non_dominated(points: Points, maximize: Sequence[bool]) -> npt.NDArray[np.bool_]:
    """Mark the points that no other point dominates; copies of a point are all kept.

    A row with NaN is never marked and dominates nothing. O(n log n) for two and three objectives.

    Returns:
        Mask of shape (n,).
    """
    signed, known = minimized(points, maximize)
    mask = known.copy()
    mask[known] = moocore.is_nondominated(_finite(signed[known]), keep_weakly=True)
    return mask


def fronts(points: Points, maximize: Sequence[bool]) -> npt.NDArray[np.int64]:
    """Rank every point by non-dominated sorting (Deb et al. 2002, section III-A).

    Rank 0 is the front, rank 1 the front without it, and so on; a row with NaN has rank -1.

    Returns:
        Ranks of shape (n,).
    """
    signed, known = minimized(points, maximize)
    ranks = np.full(len(signed), -1, dtype=np.int64)
    ranks[known] = moocore.pareto_rank(_finite(signed[known]))
    return ranks


def crowding(points: Points) -> npt.NDArray[np.float64]:
    """Crowding distance of the points of one front (Deb et al. 2002, section III-B).

    Per objective, the gap between the next smaller and the next larger value that occurs, as a
    share of the range; summed over objectives, infinite at the ends of any. An objective without
    range adds nothing. Points with equal values get equal distances, in whatever order they come.

    Returns:
        Distances of shape (n,).
    """
    total = np.zeros(len(points))
    for column in np.asarray(points, dtype=float).T:
        values, place = np.unique(column, return_inverse=True)
        if len(values) > 1:
            gaps = np.full(len(values), np.inf)
            gaps[1:-1] = (values[2:] - values[:-2]) / (values[-1] - values[0])
            total += gaps[place]
    return total


def hypervolume(points: Points, reference: Sequence[float], maximize: Sequence[bool]) -> float:
    """Volume that the points dominate up to ``reference``, in the product of the objectives' units.

    A point that is not better than the reference in every objective adds nothing, nor does a row
    with NaN or an infinity.
    """
    signed, _ = minimized(points, maximize)
    signed = signed[np.isfinite(signed).all(axis=1)]
    corner = minimized(np.asarray(reference, dtype=float)[None], maximize)[0][0]
    return float(moocore.hypervolume(signed, ref=corner))


def reference_point(points: Points, maximize: Sequence[bool]) -> tuple[float, ...]:
    """Point to measure hypervolumes from: the worst values, moved out by 10 % of their range.

    Worst is meant per objective over all given points, not over their front alone. Where an
    objective has no range, 10 % of its magnitude is taken, or 0.1 where that is zero too. Rows with
    NaN or an infinity do not count.

    Raises:
        ValueError: no row is finite.
    """
    signed, _ = minimized(points, maximize)
    signed = signed[np.isfinite(signed).all(axis=1)]
    if not len(signed):
        raise ValueError("a reference point needs at least one point with finite values; got none")
    worst, spread = signed.max(axis=0), np.ptp(signed, axis=0)
    spread = np.where(spread > 0, spread, np.where(worst == 0, 1.0, np.abs(worst)))
    moved = worst + MARGIN * spread
    return tuple(float(value) for value in np.where(maximize, -moved, moved))


def minimized(points: Points, maximize: Sequence[bool]) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Points with every objective to be minimized, and the mask of those without NaN.

    Raises:
        ValueError: the shape of ``points`` is not (n, m) for m flags.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != len(maximize):
        raise ValueError(
            f"points must have shape (n, {len(maximize)}), one column for each of the "
            f"{len(maximize)} flags in maximize; got shape {points.shape}"
        )
    return np.where(maximize, -points, points), np.logical_not(np.isnan(points).any(axis=1))


def _finite(points: Points) -> Points:
    """Finite points in the same order in every column: moocore 0.3.2 crashes on infinities."""
    if np.isfinite(points).all():
        return points
    places = [np.unique(column, return_inverse=True)[1] for column in points.T]
    return np.stack(places, axis=1).astype(float)

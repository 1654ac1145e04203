"""Knees of a front: points from which every way on costs much more than it brings."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import numpy.typing as npt

from archsearch.pareto import Points, minimized, non_dominated

Floats = npt.NDArray[np.float64]

KNEE = 2.0
"""Sharpness from which on a point is called a knee."""

_ALL = 1.0


def sharpness(points: Points, maximize: Sequence[bool], reach: float = _ALL) -> Floats:
    """What a change to any other point of the front loses, by what it gains, at the least.

    Losses and gains are in shares of each objective's range over the front, summed over
    objectives, as in the trade-off of Rachmawati and Srinivasan (2009). A sharpness of 3 says:
    whichever other net is taken instead, at least three times as much is lost as gained.

    Over the whole front only the point with the smallest sum of normalised objectives can have more
    than 1, so that there is one knee at most, up to ties. With a smaller ``reach`` only the points
    that differ by at most that share of the range in every objective count as others, which finds
    local knees as well; the ends of the front, whose others lie on one side, are then left out.

    Args:
        points: objective values (n, m).
        maximize: one flag an objective.
        reach: over 0 and up to 1, the whole front.

    Returns:
        Sharpness (n,); NaN off the front, where a value is not finite, and where there is no other
        point within reach. Copies of a point are no others.
    """
    if not 0 < reach <= 1:
        raise ValueError(f"reach must be over 0 and at most 1, got {reach}")
    found = np.full(len(points), nan)
    signed, _ = minimized(points, maximize)
    chosen = non_dominated(points, maximize) & np.isfinite(signed).all(axis=1)
    front = signed[chosen]
    if len(front):
        span = np.ptp(front, axis=0)
        found[chosen] = _sharpness(
            (front - front.min(axis=0)) / np.where(span > 0, span, 1.0), reach
        )
    return found


def knees(points: Points, maximize: Sequence[bool], reach: float = _ALL) -> npt.NDArray[np.bool_]:
    """Mark the knees (n,): points whose ``sharpness`` is ``KNEE`` at least."""
    return np.nan_to_num(sharpness(points, maximize, reach)) >= KNEE


def _sharpness(front: Points, reach: float) -> Floats:
    """Of the points (n, m) of a front, each objective of which runs from 0, the best, to 1."""
    found = np.full(len(front), nan)
    for place, point in enumerate(front):
        change = front - point
        others = (np.abs(change) <= reach + 1e-12).all(axis=1) & (change != 0).any(axis=1)
        if not others.any() or (reach < _ALL and (point == 0).any()):
            continue
        lost = np.maximum(change[others], 0).sum(axis=1)
        gained = np.maximum(-change[others], 0).sum(axis=1)
        found[place] = (lost / gained).min()
    return found

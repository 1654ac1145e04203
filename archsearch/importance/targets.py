"""What leaves can be important for: a measure, or the front."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from archsearch.pareto import Points, non_dominated

Floats = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BEST_SHARE = 0.1
LEAST_BEST = 5
"""The best of a measure are a tenth of the nets, but no fewer than this."""


def best_of(values: Floats, maximize: bool) -> BoolArray:
    """Mark the best values (N,), with what ties with the last of them."""
    loss = -values if maximize else values
    number = min(max(LEAST_BEST, ceil(BEST_SHARE * len(loss))), len(loss))
    return np.asarray(loss <= np.sort(loss)[number - 1])


def on_front(points: Points, maximize: Sequence[bool]) -> BoolArray:
    """Mark the points (N, M) that no other dominates."""
    return np.asarray(non_dominated(points, maximize))


def standing(points: Points, maximize: Sequence[bool]) -> Floats:
    """How far points (N, M) are before the front or behind it, as a share of the points' range.

    Positive on the front: by so much of every objective's range a point can become worse before
    another one dominates it. Negative behind it: by so much of every objective it would have to
    become better. This is the maximin fitness (Balling 2003, "The Maximin Fitness Function",
    EMO 2003) of objectives scaled to a range of 1, with its sign turned. An objective without range
    does not count. Zero for a point that has a twin.

    Raises:
        ValueError: there are fewer than two points, or one is not finite.
    """
    points = np.asarray(points, dtype=float)
    if len(points) < 2 or not np.isfinite(points).all():
        raise ValueError(f"standing needs two finite points at least; got {points!r}")
    loss = np.where(maximize, -points, points)
    loss = loss[:, np.ptp(loss, axis=0) > 0]
    if not loss.shape[1]:
        return np.zeros(len(points))
    loss = (loss - loss.min(axis=0)) / np.ptp(loss, axis=0)
    found = np.empty(len(loss))
    for number, point in enumerate(loss):
        # Over the other points, the least by which they are behind this one in some objective.
        behind = (loss - point).max(axis=1)
        behind[number] = np.inf
        found[number] = behind.min()
    return found

"""Attainment: what repeated runs of a search reach, and where two strategies differ in it.

A run attains a place in objective space if one of its points is no worse there in every objective.
The share of runs that attain a place estimates the probability that one run does: the empirical
attainment function (Grunert da Fonseca, Fonseca and Hall 2001). Its mean over the box up to a
reference point is the mean hypervolume of the runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from types import MappingProxyType
from typing import NamedTuple

import moocore
import numpy as np
import numpy.typing as npt

from archsearch.pareto import Points, minimized, non_dominated

Floats = npt.NDArray[np.float64]

BEST, MEDIAN, WORST = "best", "median", "worst"

SHARES: Mapping[str, float] = MappingProxyType({BEST: 0.0, MEDIAN: 0.5, WORST: 1.0})
"""Usual surfaces: what at least one run attains, at least half of them, and all."""

_DIMENSIONS = (2, 3)

PLACES = 20_000
"""Places of a box at which strategies are compared in three objectives or more."""


def surfaces(
    runs: Sequence[Points], maximize: Sequence[bool], shares: Mapping[str, float] = SHARES
) -> dict[str, Points]:
    """Attainment surfaces of repeated runs in two or three objectives.

    Args:
        runs: points (n_i, m) of each run; rows that are not finite do not count.
        maximize: one flag an objective.
        shares: by the name of a surface the share of runs, 0 to 1, that attain what lies on it.
            At least one run is always asked for, so that a share of 0 is the best surface.

    Returns:
        By name, the corners of each surface: points that do not dominate each other, of which the
        places attained are those that one of them weakly dominates. Sorted by the first objective.

    Raises:
        ValueError: there is no run, or there are other than two or three objectives.
    """
    if not runs or len(maximize) not in _DIMENSIONS:
        raise ValueError(
            f"attainment surfaces need at least one run and two or three objectives; got "
            f"{len(runs)} runs and {len(maximize)} objectives"
        )
    signed = [_finite(points, maximize) for points in runs]
    stacked = np.vstack(signed)
    found = np.empty((0, len(maximize) + 1))
    if len(stacked):
        of_run = np.repeat(np.arange(len(runs)), [len(points) for points in signed])
        found = moocore.eaf(stacked, of_run)
    # Runs without a point are unknown to moocore, so its percentages are of the others alone.
    known = sum(len(points) > 0 for points in signed)
    attained = np.rint(found[:, -1] * known / 100)
    signs = np.where(maximize, -1.0, 1.0)
    return {
        name: _sorted(found[attained == max(1, ceil(share * len(runs))), :-1]) * signs
        for name, share in shares.items()
    }


def share_attaining(at: Points, runs: Sequence[Points], maximize: Sequence[bool]) -> Floats:
    """Share of ``runs`` that attain each place of ``at`` (k, m), for any number of objectives."""
    places, _ = minimized(at, maximize)
    found = np.zeros(len(places))
    for points in runs:
        reached = _finite(points, maximize)[:, None] <= places[None]
        found += reached.all(axis=2).any(axis=0)
    return found / len(runs)


def differences(
    first: Sequence[Points],
    second: Sequence[Points],
    reference: Sequence[float],
    maximize: Sequence[bool],
) -> Points:
    """Where one of two strategies attains more often than the other, in two objectives.

    Written here and not taken from moocore 0.3.2, whose ``eafdiff`` compares counts of runs, which
    is another question where the strategies have different numbers of them.

    Args:
        first: points (n_i, 2) of each run of a strategy.
        second: those of the other.
        reference: the worst corner of the box that is looked at.
        maximize: one flag an objective.

    Returns:
        Rectangles (k, 5) that do not overlap: low and high in the first objective, low and high in
        the second, and the share of runs of ``first`` less that of ``second`` that attain it.
        Together they are all places of the box where the shares differ.
    """
    corner = minimized(np.asarray(reference, dtype=float)[None], maximize)[0][0]
    runs = [_inside(_finite(points, maximize), corner) for points in (*first, *second)]
    starts = np.unique(np.concatenate([points[:, 0] for points in runs] or [np.empty(0)]))
    reached = np.array([_reached(points, starts, corner[1]) for points in runs])
    weight = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
    ends = np.append(starts, corner[0])[1:]
    strips = zip(starts, ends, reached.T, strict=True)
    found = [_strip(low, high, column, weight, corner[1]) for low, high, column in strips]
    return _turned(np.vstack([np.empty((0, 5)), *found]), maximize)


def favoured(
    rectangles: Points, reference: Sequence[float], ideal: Sequence[float]
) -> tuple[float, float]:
    """Volume that the first and that the second strategy attain more often, by how much more.

    Args:
        rectangles: as ``differences`` gives them.
        reference: the worst corner of the box.
        ideal: its best corner.

    Returns:
        Both as shares of the box. The first less the second is the difference of the strategies'
        mean hypervolumes, as a share of the box.
    """
    box = float(np.prod(np.abs(np.asarray(reference) - np.asarray(ideal))))
    sides = (rectangles[:, 1] - rectangles[:, 0]) * (rectangles[:, 3] - rectangles[:, 2])
    volume = sides * rectangles[:, 4] / box
    return float(volume[volume > 0].sum()), float(np.abs(volume[volume < 0]).sum())


class Ahead(NamedTuple):
    """How much of the box each of two strategies attains more often, by how much more.

    ``error`` is the standard error of both shares, 0 where they are exact.
    """

    first: float
    second: float
    error: float


def ahead(
    first: Sequence[Points],
    second: Sequence[Points],
    reference: Sequence[float],
    ideal: Sequence[float],
    maximize: Sequence[bool],
    seed: int,
) -> Ahead:
    """``favoured`` in any number of objectives.

    In two it is exact, from ``differences``. In more the places of the box where strategies differ
    are no few rectangles, and the shares are means over ``PLACES`` places drawn in it.

    Args:
        first: points (n_i, m) of each run of a strategy.
        second: those of the other.
        reference: the worst corner of the box that is looked at.
        ideal: its best corner.
        maximize: one flag an objective.
        seed: of the places.
    """
    if len(maximize) == 2:
        rectangles = differences(first, second, reference, maximize)
        return Ahead(*favoured(rectangles, reference, ideal), 0.0)
    corner, best = minimized(np.array([reference, ideal], dtype=float), maximize)[0]
    places = np.random.default_rng(seed).uniform(best, corner, (PLACES, len(maximize)))
    shares = [np.zeros(PLACES), np.zeros(PLACES)]
    for total, runs in zip(shares, (first, second), strict=True):
        for points in runs:
            total += _attained(_inside(_finite(points, maximize), corner), places) / len(runs)
    more = shares[0] - shares[1]
    parts = np.maximum(more, 0), np.maximum(-more, 0)
    error = max(part.std() for part in parts) / sqrt(PLACES)
    return Ahead(float(parts[0].mean()), float(parts[1].mean()), float(error))


def _attained(points: Points, places: Points) -> npt.NDArray[np.bool_]:
    """Which places some of the points attain; point by point, as all at once take much memory."""
    found = np.zeros(len(places), dtype=bool)
    for point in points:
        found |= (point <= places).all(axis=1)
    return found


def _finite(points: Points, maximize: Sequence[bool]) -> Points:
    signed, _ = minimized(points, maximize)
    return signed[np.isfinite(signed).all(axis=1)]


def _inside(points: Points, corner: Floats) -> Points:
    """The front of what is better than the corner: the rest attains nothing more in the box."""
    points = points[(points < corner).all(axis=1)]
    return points[non_dominated(points, [False] * len(corner))]


def _sorted(points: Points) -> Points:
    return points[np.lexsort(points.T[::-1])]


def _reached(points: Points, starts: Floats, worst: float) -> Floats:
    """Best second objective that a run has from each of ``starts`` of the first one on."""
    points = _sorted(points)
    best = np.append(worst, np.minimum.accumulate(points[:, 1]))
    return best[np.searchsorted(points[:, 0], starts, side="right")]


def _strip(low: float, high: float, reached: Floats, weight: Floats, worst: float) -> Points:
    """Rectangles of one strip, in which each run attains all from its ``reached`` on."""
    order = np.argsort(reached)
    bottoms = reached[order]
    tops = np.append(bottoms[1:], worst)
    difference = np.cumsum(weight[order])
    shown = (tops > bottoms) & (np.abs(difference) > 1e-9)
    sides = np.broadcast_to([low, high], (int(shown.sum()), 2))
    return np.column_stack([sides, bottoms[shown], tops[shown], difference[shown]])


def _turned(rectangles: Points, maximize: Sequence[bool]) -> Points:
    """Rectangles of minimized objectives in the objectives' own directions."""
    turned = rectangles.copy()
    for place, up in enumerate(maximize):
        if up:
            sides = slice(2 * place, 2 * place + 2)
            turned[:, sides] = -rectangles[:, sides][:, ::-1]
    return turned

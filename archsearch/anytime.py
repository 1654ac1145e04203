"""Anytime performance: how the hypervolume of a run grows over trials or seconds."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from archsearch.pareto import Points, hypervolume, minimized
from archsearch.resampling import Floats, basic_interval, drawn_means

Curve = pd.DataFrame
"""Columns ``at`` (rising) and ``hypervolume``, which holds from there to the next row; 0 before."""


def hypervolume_over(
    at: ArrayLike,
    points: Points,
    maximize: Sequence[bool],
    reference: Sequence[float],
    end: float | None = None,
) -> Curve:
    """Hypervolume of all points so far, as a step function.

    Args:
        at: when each point came (n,): trials or seconds.
        points: objective values (n, m); rows that are not finite, or are not better than
            ``reference`` in every objective, add nothing.
        maximize: one flag an objective.
        reference: where hypervolumes are measured from.
        end: when the run ended; the curve has a row there. None ends it with its last step.

    Returns:
        A row for each moment at which the hypervolume grew. ``attrs["reference"]`` is the reference
        point.
    """
    moments = np.asarray(at, dtype=float)
    signed, _ = minimized(points, maximize)
    corner = minimized(np.asarray(reference, dtype=float)[None], maximize)[0][0]
    front = np.empty((0, len(corner)))
    rows: dict[float, float] = {}
    for place in np.argsort(moments, kind="stable"):
        point = signed[place]
        # Most points are dominated, and a look at the front costs less than a volume.
        if not (point < corner).all() or (front <= point).all(axis=1).any():
            continue
        if not np.isfinite(point).all():
            continue
        front = np.vstack([front[(front < point).any(axis=1)], point])
        rows[float(moments[place])] = hypervolume(front, corner.tolist(), [False] * len(corner))
    if end is not None:
        rows.setdefault(max(float(end), *rows, -np.inf), max(rows.values(), default=0.0))
    curve = pd.DataFrame({"at": list(rows), "hypervolume": list(rows.values())}, dtype=float)
    curve.attrs["reference"] = tuple(float(value) for value in reference)
    return curve


def value_at(curve: Curve, moments: ArrayLike) -> Floats:
    """The hypervolume that a run had at each of ``moments``; after its end it keeps the last."""
    place = np.searchsorted(curve["at"], np.asarray(moments, dtype=float), side="right")
    return np.append(0.0, curve["hypervolume"].to_numpy(float))[place]


def band(curves: Sequence[Curve], seed: int) -> pd.DataFrame:
    """Mean of the curves of repeated runs with a bootstrap interval over the runs.

    Args:
        curves: of one strategy, at least one.
        seed: of the bootstrap.

    Returns:
        Columns ``at``, ``hypervolume`` (the mean), ``low`` and ``high`` (95 %, at each moment by
        itself; NaN for one run), a row wherever some curve has one.
    """
    moments = np.unique(np.concatenate([curve["at"] for curve in curves]))
    values = np.stack([value_at(curve, moments) for curve in curves])
    mean = values.mean(axis=0)
    low, high = np.full((2, len(moments)), nan)
    if len(curves) > 1:
        low, high = basic_interval(mean, drawn_means(values, seed))
    return pd.DataFrame({"at": moments, "hypervolume": mean, "low": low, "high": high})

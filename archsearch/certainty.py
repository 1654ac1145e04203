"""How surely the measures of trials are known, and so how surely a trial is on the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from archsearch.devices.reading import Latency
from archsearch.measures import LATENCY, Direction, latency_in
from archsearch.membership import (
    DRAWS,
    Noise,
    error_of_median,
    front_probability,
    repeated_noise,
)
from archsearch.seeds import derive
from archsearch.spread import spread
from archsearch.trial import Measured, Trial

Floats = npt.NDArray[np.float64]

FOOTNOTE = (
    "front_probability: how often the net is non-dominated when every value is drawn anew from "
    f"what is known of it ({DRAWS:,} draws, seeded)."
)


def values(trials: Sequence[Trial], names: Sequence[str]) -> Floats:
    """Values (N, m) of the measures called ``names``; NaN where a trial lacks one."""
    rows = [[_value(trial.measures.get(name)) for name in names] for trial in trials]
    return np.array(rows, dtype=float).reshape(len(rows), len(names))


def noise(trials: Sequence[Trial], name: str) -> Noise:
    """How surely a measure of each trial is known, from its repetitions.

    Where some trial was repeated, the deviations of all say it (``membership.repeated_noise``);
    where none was, an accuracy has its images' binomial standard error, which is too small as the
    training's seed is not in it. A latency has the error of its median and that which its device
    expects of its numbers. What is counted is exact.
    """
    if name == LATENCY:
        found = [latency_in(trial.measures) for trial in trials]
        return Noise.known(np.array([_error(latency) for latency in found], dtype=float))
    known = [trial.measures.get(name) for trial in trials]
    n = np.array([1 if one is None else one.n for one in known])
    if (n > 1).any():
        deviations = [np.nan if one is None or one.sd is None else one.sd for one in known]
        return repeated_noise(np.array(deviations), n)
    single = [None if one is None else spread(one) for one in known]
    return Noise.known(np.array([np.nan if one is None else one for one in single], dtype=float))


def front_probabilities(
    trials: Sequence[Trial], directions: Mapping[str, Direction], seed: int
) -> Floats | None:
    """Probability (N,) of each trial of being on the front of them all.

    Args:
        trials: all complete trials, not the front alone; each has all objectives.
        directions: the objectives.
        seed: of the draws.

    Returns:
        See ``membership.front_probability``; None where every objective is exact.
    """
    noises = [noise(trials, name) for name in directions]
    if not any(one.error.any() for one in noises):
        return None
    maximize = [direction == "maximize" for direction in directions.values()]
    points = values(trials, list(directions))
    return front_probability(points, noises, maximize, derive(seed, "front_probability"))


def _value(measured: Measured | None) -> float:
    return np.nan if measured is None else measured.value


def _error(latency: Latency | None) -> float:
    if latency is None:
        return np.nan
    timed = error_of_median(latency.p10_ms, latency.p90_ms, latency.n) if latency.n > 1 else 0.0
    return float(np.hypot(timed, (latency.expected_error or 0.0) * latency.latency_ms))

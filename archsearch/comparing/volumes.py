"""Hypervolumes of strategies, with what is known of their spread."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
import numpy.typing as npt

from archsearch.certainty import noise, values
from archsearch.comparing.box import Box
from archsearch.comparing.strategies import Strategy
from archsearch.membership import redrawn
from archsearch.resampling import DRAWS, basic_interval, drawn_means, permutation_p
from archsearch.seeds import derive

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Volumes:
    """Hypervolumes of a strategy's runs, as shares of the box.

    Attributes:
        of_runs: one a run.
        drawn: what their mean could have been, one a draw; NaN where nothing says it.
        source: what is drawn again: ``runs``, the ``noise`` of one run's measurements, or nothing.
    """

    of_runs: Floats
    drawn: Floats
    source: Literal["runs", "noise", ""]

    @property
    def mean(self) -> float:
        """Over the runs."""
        return float(self.of_runs.mean())

    def interval(self) -> tuple[float, float]:
        """Of the mean, 95 %."""
        low, high = basic_interval(self.mean, self.drawn)
        return float(low), float(high)


def volumes_of(strategy: Strategy, box: Box, seed: int) -> Volumes:
    """Hypervolumes of all complete trials of each run.

    Several runs are drawn again as whole runs. Of one run nothing says what another would have
    reached, so that only its measurements are drawn again, by their errors.
    """
    runs = strategy.complete(box.names)
    points = [values(run, box.names) for run in runs]
    found = np.array([box.share(each) for each in points])
    place = derive(seed, "volumes", strategy.name)
    if len(runs) > 1:
        return Volumes(found, drawn_means(found, place), "runs")
    noises = [noise(runs[0], name) for name in box.names]
    if not any(one.error.any() for one in noises):
        return Volumes(found, np.full(DRAWS, nan), "")
    drawn = np.array([box.share(each) for each in redrawn(points[0], noises, place, DRAWS)])
    return Volumes(found, drawn, "noise")


@dataclass(frozen=True)
class Difference:
    """A strategy's mean hypervolume less that of another, with its interval (95 %) and p-value."""

    value: float
    low: float
    high: float
    p: float


def difference(strategy: Volumes, baseline: Volumes, seed: int) -> Difference:
    """How far a strategy is ahead of another; see ``resampling.permutation_p`` for ``p``."""
    value = strategy.mean - baseline.mean
    low, high = basic_interval(value, strategy.drawn - baseline.drawn)
    p = permutation_p(strategy.of_runs, baseline.of_runs, derive(seed, "permutation"))
    return Difference(value, float(low), float(high), p)

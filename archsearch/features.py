"""What is known of a net before or early in its training, as a row of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from archsearch.grammar import Domain
from archsearch.measures import MEASURES
from archsearch.space import SearchSpace
from archsearch.trial import CurvePoint, Scalar, Trial

Floats = NDArray[np.float64]
Columns = Iterator[list[float]]


def features(
    space: SearchSpace,
    trials: Sequence[Trial],
    *,
    proxies: Sequence[str],
    curves: Mapping[int, Sequence[CurvePoint]] | None = None,
    until: float = 0.0,
) -> Floats:
    """Encode nets (N, F): choices, logarithms of the costs, proxies, and the curve so far.

    Columns follow from the space and the arguments alone, so that nets that are encoded apart can
    stand in one table.

    Args:
        space: of which the trials are members.
        trials: the nets; every one has each cost, each of ``proxies``, and a curve if any is used.
        proxies: names of measures.
        curves: learning curves by trial number.
        until: last epoch of the curves that is known.
    """
    columns = [
        *_choices(space, trials),
        *([np.log1p(t.measures[name].value) for t in trials] for name in _costs()),
        *([t.measures[name].value for t in trials] for name in proxies),
        *(_curve(trials, curves, until) if curves is not None else ()),
    ]
    return np.array(columns, dtype=np.float64).reshape(len(columns), len(trials)).T


def _costs() -> list[str]:
    return [measure.name for measure in MEASURES.values() if measure.stage == "screen"]


def _choices(space: SearchSpace, trials: Sequence[Trial]) -> Columns:
    for path, domain in space.leaves():
        yield from _leaf(domain, [trial.choices.get(path) for trial in trials])


def _leaf(domain: Domain, chosen: Sequence[Scalar | None]) -> Columns:
    """Numbers as they are, a step below the least where the leaf is absent; names one by one."""
    labels = list(domain.labels)
    numbers = [x for x in labels if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) == len(labels):
        least = min(numbers)
        absent = least - max((max(numbers) - least) / len(numbers), 1e-9)
        yield [float(absent if x is None else x) for x in chosen]
        return
    for label in labels:
        yield [float(x is not None and x == label) for x in chosen]


def _curve(
    trials: Sequence[Trial], curves: Mapping[int, Sequence[CurvePoint]], until: float
) -> Columns:
    """Mean accuracy and loss over the repetitions at each epoch that is known."""
    points = [[p for p in curves[trial.number] if p.epoch <= until] for trial in trials]
    for epoch in sorted({point.epoch for curve in points for point in curve}):
        here = [[point for point in curve if point.epoch == epoch] for curve in points]
        yield [fmean(point.validation_accuracy for point in curve) for curve in here]
        yield [fmean(point.train_loss for point in curve) for curve in here]

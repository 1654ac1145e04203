"""Which scored trials deserve training, and what a sampler is told of those that got none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from archsearch.measures import MEASURES
from archsearch.pareto import crowding, fronts
from archsearch.study import Study
from archsearch.trial import Trial

Floats = NDArray[np.float64]


def scores(study: Study, trials: Sequence[Trial]) -> dict[int, float]:
    """Mean rank over the study's proxies, as a share (1 is best), of every scored trial.

    Ranks and not values, because proxies have no common scale.
    """
    stage = study.settings.cascade.score
    scored = [t for t in trials if stage and all(name in t.measures for name in stage.proxies)]
    if stage is None or not scored:
        return {}
    ranks = [
        _ranks([t.measures[name].value for t in scored], MEASURES[name].direction)
        for name in stage.proxies
    ]
    return dict(zip((t.number for t in scored), np.mean(ranks, axis=0), strict=True))


def promoted(study: Study, generation: Sequence[Trial]) -> set[int]:
    """Numbers of the trials of a generation that go on to training.

    Published nets always do: they are the reference points of the front. Of the others the best
    ``promote`` share, at least one, by non-dominated rank over (score, counted objectives) and then
    by crowding distance, so that the trained ones spread over the range of costs.
    """
    train = study.settings.cascade.train
    # A trial that failed in training was alive here: a resumed run must choose as before.
    alive = [t for t in generation if _alive(t)]
    given = {t.number for t in alive if t.origin.startswith("published:")}
    others = [t for t in alive if t.number not in given]
    if train is None or not others:
        return given
    if train.promote == 1:
        return {t.number for t in alive}
    score = scores(study, alive)
    points = [[score[t.number], *_counted(study, t)] for t in others]
    order = best_first(np.array(points), [True, *_counted_directions(study)])
    keep = max(1, round(train.promote * len(others)))
    return given | {others[index].number for index in order[:keep]}


def _alive(trial: Trial) -> bool:
    """Whether a trial was there to be chosen: it neither failed before nor broke a limit."""
    return trial.stage == "train" or (trial.state != "failed" and trial.error is None)


def best_first(points: Floats, maximize: Sequence[bool]) -> list[int]:
    """Indices by non-dominated rank, then by falling crowding distance within the rank."""
    rank = fronts(points, maximize)
    distance = np.zeros(len(points))
    for level in np.unique(rank):
        members = np.flatnonzero(rank == level)
        distance[members] = crowding(points[members])
    return [int(i) for i in np.lexsort((np.arange(len(points)), -distance, rank))]


def told(study: Study, trials: Sequence[Trial]) -> dict[int, tuple[float, ...]]:
    """What the sampler is told of each trial that did not fail or break a limit, from all so far.

    A measured objective is told as measured. A trial that was not trained gets an estimate of
    each trained objective: the trained trials' value at the quantile of its proxy score, which
    keeps the proxies' order and the training's scale. Estimates never enter a front.
    """
    score = scores(study, trials)
    names = [objective.measure for objective in study.settings.objectives]
    estimates = {name: _estimates(name, trials, score) for name in names}
    values = {
        t.number: tuple(
            t.measures[n].value if n in t.measures else estimates[n].get(t.number, np.nan)
            for n in names
        )
        for t in trials
        if t.state != "failed" and t.error is None
    }
    return {number: point for number, point in values.items() if np.isfinite(point).all()}


def _estimates(name: str, trials: Sequence[Trial], score: Mapping[int, float]) -> dict[int, float]:
    known = np.array([t.measures[name].value for t in trials if name in t.measures])
    missing = [t.number for t in trials if name not in t.measures and t.number in score]
    if not known.size or not missing:
        return {}
    quantiles = [score[number] for number in missing]
    if MEASURES[name].direction == "minimize":
        quantiles = [1 - quantile for quantile in quantiles]
    return dict(zip(missing, np.quantile(known, quantiles).tolist(), strict=True))


def _ranks(values: Sequence[float], direction: str) -> Floats:
    """Average ranks scaled to 0..1, 1 for the best."""
    signed = np.array(values) * (1 if direction == "maximize" else -1)
    ranks: Floats = (rankdata(signed) - 0.5) / len(values)
    return ranks


def _counted(study: Study, trial: Trial) -> list[float]:
    return [
        trial.measures[o.measure].value
        for o in study.settings.objectives
        if MEASURES[o.measure].stage in ("screen", "latency")
    ]


def _counted_directions(study: Study) -> list[bool]:
    return [
        o.direction == "maximize"
        for o in study.settings.objectives
        if MEASURES[o.measure].stage in ("screen", "latency")
    ]

"""Which scored trials deserve training, and what a sampler is told of those that got none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from archsearch.measures import ACCURACY, MEASURES, accuracy_at, epochs_reached
from archsearch.pareto import crowding, fronts
from archsearch.proxies.ensembles import mean_rank
from archsearch.study import Study
from archsearch.trial import Trial

Floats = NDArray[np.float64]


def scores(study: Study, trials: Sequence[Trial]) -> dict[int, float]:
    """Where every scored trial stands by the study's proxies, as a share (1 is best).

    This is the mean of its ranks, or its rank by the study's ensemble: whose sums of logarithms
    are no shares, and an estimate is taken at a share.
    """
    stage = study.settings.cascade.score
    scored = [t for t in trials if stage and all(name in t.measures for name in stage.names)]
    if stage is None or not scored:
        return {}
    values = {name: [t.measures[name].value for t in scored] for name in stage.names}
    combined = stage.combination.of(values)
    if stage.ensemble:
        combined = mean_rank(rankdata(combined)[None])
    return dict(zip((t.number for t in scored), combined.tolist(), strict=True))


def promoted(
    study: Study, generation: Sequence[Trial], predicted: Mapping[int, float] | None = None
) -> set[int]:
    """Numbers of the trials of a generation that go on to training.

    Published nets always do: they are the reference points of the front. Of the others the best
    ``promote`` share, at least one, by non-dominated rank over (score, counted objectives) and then
    by crowding distance, so that the trained ones spread over the range of costs. Where accuracy is
    ``predicted``, it stands for the score.
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
    score = predicted or scores(study, alive)
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
    keeps the proxies' order and the training's scale. One that was stopped at a rung gets the
    accuracy at the quantile of its own there among the trials that ended, and the seconds that the
    rest would have taken at its pace. Estimates never enter a front.
    """
    score = scores(study, trials)
    names = [objective.measure for objective in study.settings.objectives]
    estimates = {name: _estimates(study, name, trials, score) for name in names}
    values = {
        t.number: tuple(
            t.measures[n].value if n in t.measures else estimates[n].get(t.number, np.nan)
            for n in names
        )
        for t in trials
        if t.state != "failed" and t.error is None
    }
    return {number: point for number, point in values.items() if np.isfinite(point).all()}


def _estimates(
    study: Study, name: str, trials: Sequence[Trial], score: Mapping[int, float]
) -> dict[int, float]:
    begun = _at_rungs(study, name, trials)
    known = [t.measures[name].value for t in trials if name in t.measures]
    # What was stopped at a rung counts, or else the proxies' best would be told the best of all.
    known += begun.values()
    missing = [
        t.number
        for t in trials
        if name not in t.measures and t.number in score and t.number not in begun
    ]
    if not known or not missing:
        return begun
    quantiles = [score[number] for number in missing]
    if MEASURES[name].direction == "minimize":
        quantiles = [1 - quantile for quantile in quantiles]
    return begun | dict(zip(missing, np.quantile(known, quantiles).tolist(), strict=True))


def _at_rungs(study: Study, name: str, trials: Sequence[Trial]) -> dict[int, float]:
    """Estimates of a trained measure for the trials that were stopped at a rung."""
    if MEASURES[name].stage != "train":
        return {}
    whole = study.settings.training.epochs
    ended = [t for t in trials if t.state == "complete" and ACCURACY in t.measures]
    found = {}
    for trial in trials:
        reached = epochs_reached(trial.measures, whole)
        if trial.state == "failed" or not 0 < reached < whole:
            continue
        if name != ACCURACY:
            spent = sum(m.seconds for m in trial.measures.values() if m.stage == "train")
            found[trial.number] = spent * whole / reached
        elif ended:
            at = accuracy_at(reached)
            there = np.array([t.measures[at].value for t in ended])
            own = trial.measures[at].value
            share = float(np.mean(there < own) + np.mean(there == own) / 2)
            found[trial.number] = float(np.quantile([t.measures[name].value for t in ended], share))
    return found


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

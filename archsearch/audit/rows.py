"""The statistics of an audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from statistics import stdev

import numpy as np

from archsearch.audit.contenders import COSTS, Contender, contenders
from archsearch.audit.trained import Floats, Trained, names_of, read_trained
from archsearch.audits import Audit, Interval, Net, Row, images_of, limits_of, space_identity
from archsearch.correlation import (
    LEVEL,
    RESAMPLES,
    TOP_SHARE,
    Estimate,
    ceiling,
    ceiling_of_images,
    estimate,
    kendall,
    partial_spearman,
    resampled,
    spearman,
    top_recall,
)
from archsearch.seeds import derive

Pairwise = Callable[[Floats, Floats, Floats], Floats]


def audit_of(folder: Path) -> Audit:
    """Judge every contender by the nets that an audit has trained so far.

    Raises:
        InputError: there is no audit in the folder, or too few nets were trained.
    """
    trained = read_trained(folder)
    study, run = trained.study, trained.run
    n = len(trained.trials)
    found, repeated = _ceiling(trained)
    count = trained.trials[0].measures["val_accuracy"].count
    return Audit(
        name=run.study.settings.name,
        study=study.settings.name,
        space_name=study.space.name,
        space=space_identity(study),
        limits=limits_of(study),
        images=images_of(study, str(run.environment.get("images")), count),
        recipe=run.study.settings.training.model_dump(mode="json"),
        epochs=trained.curves.asked,
        seeds=len(trained.accuracy),
        asked=run.study.settings.budget.trials,
        failed=Counter(t.error or "no reason known" for t in run.records if t.state == "failed"),
        ceiling=found,
        ceiling_from="seeds" if repeated else "images",
        level=LEVEL,
        resamples=RESAMPLES,
        top=max(1, round(TOP_SHARE * n)),
        seconds=run.elapsed_s,
        environment=dict(run.environment),
        rows=tuple(row_of(one, trained) for one in contenders(trained)),
        nets=_nets(trained),
    )


def row_of(contender: Contender, trained: Trained) -> Row:
    """Judge one contender by the nets that have its number."""
    known = np.isfinite(contender.x).all(axis=0) & np.isfinite(contender.y).all(axis=0)
    x, y = contender.x[:, known], contender.y[:, known]
    draws = resampled(int(known.sum()), _seed(trained))
    controls = np.stack([trained.values(name)[known] for name in COSTS])

    def judged(statistic: Pairwise, corrected: bool = True) -> Interval:
        return _interval(estimate(_over_views(statistic, x, y), draws, corrected=corrected))

    return Row(
        name=contender.name,
        kind=contender.kind,
        n=int(known.sum()),
        seconds=contender.seconds,
        spearman=judged(spearman),
        kendall=judged(kendall),
        top_recall=judged(top_recall, corrected=False),
        partial_spearman=judged(lambda a, b, weights: partial_spearman(a, b, controls, weights)),
        epochs=contender.epochs,
        own_schedule=contender.own_schedule,
        note=contender.note,
    )


def _over_views(statistic: Pairwise, x: Floats, y: Floats) -> Callable[[Floats], Floats]:
    def mean(weights: Floats) -> Floats:
        views = [statistic(a, b, weights) for a, b in zip(x, y, strict=True)]
        return np.asarray(np.mean(views, axis=0))

    return mean


def _ceiling(trained: Trained) -> tuple[Interval, bool]:
    """The noise ceiling, and whether it is of repetitions."""
    draws = resampled(len(trained.trials), _seed(trained))
    repeated = len(trained.accuracy) > 1
    if repeated:
        statistic = partial(ceiling, trained.accuracy)
    else:
        count = trained.trials[0].measures["val_accuracy"].count
        statistic = partial(ceiling_of_images, trained.accuracy[0], count)
    return _interval(estimate(statistic, draws, corrected=False)), repeated


def _seed(trained: Trained) -> int:
    return derive(trained.study.settings.seed, "audit")


def _interval(found: Estimate) -> Interval:
    if not isfinite(found.value):
        return Interval()
    return Interval(value=found.value, low=found.low, high=found.high)


def _nets(trained: Trained) -> tuple[Net, ...]:
    names = names_of(trained.trials)
    return tuple(
        Net(
            number=trial.number,
            id=trial.architecture_id,
            name=names.get(trial.number),
            params=int(trial.measures["params"].value),
            macs=int(trial.measures["macs"].value),
            accuracy=float(np.mean(accuracies)),
            sd=stdev(accuracies) if len(accuracies) > 1 else None,
            scores={name: trial.measures[name].value for name in trained.proxies},
        )
        for trial, accuracies in zip(trained.trials, _columns(trained.accuracy), strict=True)
    )


def _columns(values: Floats) -> Sequence[list[float]]:
    return [list(map(float, column)) for column in values.T]

"""What is judged by an audit: numbers that could stand for the accuracy of a long training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archsearch.audit.trained import Curves, Floats, Trained
from archsearch.audits import Kind
from archsearch.features import features
from archsearch.predictor import Predictor
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import ENSEMBLES
from archsearch.seeds import derive

COSTS = ("params", "macs")
"""The baselines that a proxy has to beat, the larger taken as the better."""

SAME_TRAINING = "of the very training that judges it"
OUT_OF_FOLD = "predicted by models that have not seen the net"
SAME_START = "from the same initial weights as the training that judges it"


@dataclass(frozen=True)
class Contender:
    """Numbers ``x`` (V, N) whose order is compared with that of accuracies ``y`` (V, N).

    There are V views where one training is judged by the other repetitions, each in turn; a
    statistic is their mean. Larger is better.
    """

    name: str
    kind: Kind
    x: Floats
    y: Floats
    seconds: float
    epochs: float | None = None
    own_schedule: bool = False
    note: str | None = None


def mean_of(accuracies: Floats) -> Floats:
    """Mean (N,) of accuracies (R, N), in which equal ones stay equal: rounding would break ties."""
    return np.asarray(np.round(accuracies.mean(axis=0), 9))


def contenders(trained: Trained) -> list[Contender]:
    """All that an audit judges: costs, proxies, ensembles, short trainings and predictors."""
    return [
        *_costs(trained),
        *_proxies(trained),
        *_ensembles(trained),
        *_budgets(trained),
        *_predictors(trained),
    ]


def _costs(trained: Trained) -> Iterator[Contender]:
    for name in COSTS:
        yield _of_nets(trained, name, "cost", trained.values(name), trained.seconds(name))


def _proxies(trained: Trained) -> Iterator[Contender]:
    for name in trained.proxies:
        sign = 1 if PROXIES[name].direction == "maximize" else -1
        values = sign * trained.values(name)
        yield _of_nets(trained, name, "proxy", values, trained.seconds(name))


def _ensembles(trained: Trained) -> Iterator[Contender]:
    """Every registered ensemble, and the audited study's own, ranked among the audit's nets."""
    stage = trained.study.settings.cascade.score
    known = dict(ENSEMBLES)
    own = () if stage is None else stage.proxies or ()
    if stage is not None and own and own not in {(name,) for name in PROXIES}:
        label = own[0] if len(own) == 1 else f"mean rank of {' and '.join(own)}"
        known[label] = stage.combination
    for name, ensemble in known.items():
        values = {proxy: trained.values(proxy).tolist() for proxy in ensemble.proxies}
        seconds = sum(trained.seconds(proxy) for proxy in ensemble.proxies)
        yield _of_nets(trained, name, "ensemble", ensemble.of(values), seconds)


def _of_nets(trained: Trained, name: str, kind: Kind, values: Floats, seconds: float) -> Contender:
    return Contender(name, kind, values[None], mean_of(trained.accuracy)[None], seconds)


def _budgets(trained: Trained) -> Iterator[Contender]:
    for curves in trained.shorter:
        yield _own_schedule(trained, curves)
    yield from _cut_short(trained)


def _cut_short(trained: Trained) -> Iterator[Contender]:
    """One long training, looked at early, against the ends of the other repetitions."""
    curves, final = trained.curves, trained.accuracy
    repetitions = len(final)
    if repetitions == 1:
        others, note, last = final, SAME_TRAINING, len(curves.epochs) - 1
    else:
        others = np.stack([mean_of(np.delete(final, r, axis=0)) for r in range(repetitions)])
        note, last = None, len(curves.epochs)
    for place, epoch in enumerate(curves.epochs[:last]):
        yield Contender(
            f"{epoch:g} of {curves.asked:g} epochs",
            "budget",
            curves.accuracy[:, :, place],
            others,
            float(np.nanmean(curves.seconds[:, :, place])),
            epochs=epoch,
            note=note,
        )


def _own_schedule(trained: Trained, curves: Curves) -> Contender:
    """The mean of a shorter recipe's repetitions, against those of the long one with other seeds.

    Repetitions of one number begin at the same weights; where the long training has no others, all
    of it judges, and a note says so.
    """
    used = len(curves.accuracy)
    others = trained.accuracy[used:]
    judge = others if len(others) else trained.accuracy
    return Contender(
        f"{curves.asked:g} epochs, own schedule",
        "budget",
        mean_of(curves.accuracy[:, :, -1])[None],
        mean_of(judge)[None],
        float(np.nanmean(curves.seconds[:, :, -1].sum(axis=0))),
        epochs=curves.asked,
        own_schedule=True,
        note=None if len(others) else SAME_START,
    )


def _predictors(trained: Trained) -> Iterator[Contender]:
    """The predictor without any training, and with the first epoch of one."""
    yield _predictor(trained, "predictor", mean_of(trained.accuracy), 0.0)
    if len(trained.curves.epochs) > 1:
        final = trained.accuracy
        judge = mean_of(final[1:]) if len(final) > 1 else final[0]
        first = trained.curves.epochs[0]
        name = f"predictor with {first:g} of {trained.curves.asked:g} epochs"
        yield _predictor(trained, name, judge, first)


def _predictor(trained: Trained, name: str, judge: Floats, until: float) -> Contender:
    """Predictions of held-out nets; a curve is that of the first repetition."""
    began = time.perf_counter()
    curves = {
        number: [point for point in curve if point.repetition == 0]
        for number, curve in trained.points.items()
    }
    known = features(
        trained.run.study.space,
        trained.trials,
        proxies=trained.proxies,
        curves=curves if until else None,
        until=until,
    )
    seed = derive(trained.study.settings.seed, "predictor")
    found = Predictor(known, judge, seed).held_out
    seconds = (time.perf_counter() - began) / len(found)
    seconds += sum(trained.seconds(proxy) for proxy in trained.proxies)
    if until:
        seconds += float(np.nanmean(trained.curves.seconds[:, :, 0]))
    alone = bool(until) and len(trained.accuracy) == 1
    note = OUT_OF_FOLD + (f"; the epoch is {SAME_TRAINING}" if alone else "")
    return Contender(name, "predictor", found[None], judge[None], seconds, note=note)

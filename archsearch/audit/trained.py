"""The nets that an audit trained, read from its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsearch.errors import InputError
from archsearch.measures import MEASURES
from archsearch.proxies import PROXIES
from archsearch.results import RunResults, open_run
from archsearch.runs import DATABASE
from archsearch.store import Store
from archsearch.study import Study, load_study
from archsearch.trial import CurvePoint, Trial

Floats = NDArray[np.float64]

AUDITED = "audited.yaml"
"""The study that an audit is of, beside the run of the study that was derived from it."""

LEAST_TRAINED = 5


def short_folder(folder: Path, epochs: float) -> Path:
    """Where an audit keeps the run of a shorter recipe."""
    return folder / f"{epochs:g}_epochs"


@dataclass(frozen=True)
class Curves:
    """Validation accuracy and training seconds (R, N, E) of R repetitions of N nets.

    ``asked`` are the recipe's epochs, ``epochs`` where the curves were measured.
    """

    asked: float
    epochs: tuple[float, ...]
    accuracy: Floats
    seconds: Floats


@dataclass(frozen=True)
class Trained:
    """An audit's nets: those that ended the long training, in the order of their numbers.

    Attributes:
        study: what the audit is of.
        run: the long training.
        trials: the nets.
        curves: of the long training.
        shorter: curves of the shorter recipes; NaN where a net did not end one.
        points: the long training's curves as stored, by trial number.
    """

    study: Study
    run: RunResults
    trials: tuple[Trial, ...]
    curves: Curves
    shorter: tuple[Curves, ...]
    points: Mapping[int, Sequence[CurvePoint]]

    @cached_property
    def accuracy(self) -> Floats:
        """Accuracy (R, N) at the end of the long training."""
        return self.curves.accuracy[:, :, -1]

    @cached_property
    def proxies(self) -> tuple[str, ...]:
        """Names of the proxies that every net was scored with, counted costs left out."""
        known = [name for name in PROXIES if MEASURES[name].stage == "score"]
        return tuple(n for n in known if all(n in trial.measures for trial in self.trials))

    def values(self, measure: str) -> Floats:
        """A measure (N,) of every net, NaN where it has none."""
        found = [trial.measures.get(measure) for trial in self.trials]
        return np.array([one.value if one else nan for one in found])

    def seconds(self, measure: str) -> float:
        """What a measure cost a net, on average."""
        found = [t.measures[measure].seconds for t in self.trials if measure in t.measures]
        return float(np.mean(found)) if found else nan


def read_trained(folder: Path) -> Trained:
    """Read the runs of an audit.

    Raises:
        InputError: there is no audit, or too few of its nets were trained.
    """
    audited = folder / AUDITED
    if not audited.is_file():
        raise InputError(f"{folder}: holds no audit; archsearch audit STUDY makes one")
    run = open_run(folder)
    trials = tuple(t for t in run.records if t.state == "complete")
    if len(trials) < LEAST_TRAINED:
        raise InputError(
            f"{folder}: {len(trials)} nets were trained, which is too few to judge by; give the "
            "same command again to go on, or see archsearch status"
        )
    ids = [trial.architecture_id for trial in trials]
    shorter = [path.parent for path in sorted(folder.glob(f"*/{DATABASE}"))]
    found = [_curves(path, ids) for path in shorter]
    return Trained(
        study=load_study(audited),
        run=run,
        trials=trials,
        curves=_curves(folder, ids),
        shorter=tuple(sorted(found, key=lambda curves: curves.asked)),
        points=_points(folder),
    )


def _points(folder: Path) -> Mapping[int, Sequence[CurvePoint]]:
    with Store.open(folder / DATABASE) as store:
        return store.curves()


def _curves(folder: Path, ids: Sequence[str]) -> Curves:
    """The learning curves of a run's nets, in the order of ``ids``."""
    with Store.open(folder / DATABASE) as store:
        numbers = {t.architecture_id: t.number for t in store.trials() if t.state == "complete"}
        curves, recipe = store.curves(), store.study["training"]
    points = {net: curves[number] for net, number in numbers.items() if net in ids}
    epochs = sorted({point.epoch for curve in points.values() for point in curve})
    repetitions = 1 + max((p.repetition for c in points.values() for p in c), default=0)
    accuracy, seconds = np.full((2, repetitions, len(ids), len(epochs)), nan)
    for column, net in enumerate(ids):
        _put(points.get(net, ()), column, epochs, accuracy, seconds)
    return Curves(float(recipe["epochs"]), tuple(epochs), accuracy, seconds)


def _put(
    curve: Sequence[CurvePoint],
    column: int,
    epochs: Sequence[float],
    accuracy: Floats,
    seconds: Floats,
) -> None:
    for point in curve:
        place = point.repetition, column, epochs.index(point.epoch)
        accuracy[place], seconds[place] = point.validation_accuracy, point.seconds


def names_of(trials: Sequence[Trial]) -> Mapping[int, str]:
    """Published nets among the trials, by number."""
    return {
        trial.number: trial.origin.removeprefix("published:")
        for trial in trials
        if trial.origin.startswith("published:")
    }

"""Successive halving within a generation: who of the trials in training goes on, and how far.

Trials are compared at rungs, epochs that a study names. At each the best share goes on, by
non-dominated rank over the accuracy there and the objectives that are known, then by crowding
distance. Synchronous (Jamieson and Talwalkar 2016), a rung decides once all that come to it are
there. Asynchronous (ASHA, Li et al. 2020), it decides at any moment over those that are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from archsearch.curves import extrapolated
from archsearch.measures import ACCURACY, MEASURES, accuracy_at
from archsearch.pareto import non_dominated
from archsearch.ranking import best_first
from archsearch.settings import Objective, Train
from archsearch.study import Study
from archsearch.trial import Trial


@dataclass(frozen=True)
class Leg:
    """A trial's next piece of training; ``until`` is the epoch of a rung, None the end."""

    trial: Trial
    until: float | None


def due(
    study: Study, entered: Sequence[Trial], earlier: Sequence[Trial], busy: Collection[int]
) -> list[Leg]:
    """What can be trained now, that which is nearest to its end first.

    Synchronous decisions depend on nothing but the trials' measures, so that they are the same in
    whatever order trials finish, and in a run that goes on after a kill.

    Args:
        study: has ``cascade.train``; without rungs every trial goes to its end.
        entered: the trials of a generation that were chosen for training.
        earlier: those of the generations before it.
        busy: numbers of those that are being trained.
    """
    train = study.settings.cascade.train
    if train is None:
        return []
    names = [*map(accuracy_at, train.rungs), ACCURACY]
    arrived, closed = list(entered), True
    legs: list[Leg] = []
    for place, until in enumerate((*train.rungs, None)):
        name = names[place]
        legs = [
            *(Leg(t, until) for t in arrived if _waits(t, busy) and name not in t.measures),
            *legs,
        ]
        if until is None:
            break
        closed = closed and all(name in t.measures or t.state == "failed" for t in arrived)
        there = [t for t in arrived if name in t.measures]
        gone = {t.number for t in there if names[place + 1] in t.measures or not _waits(t, busy)}
        going = _going_on(study, there, gone, place, closed)
        if train.extrapolate:
            going -= _hopeless(study, [t for t in there if t.number in going], earlier, place)
        arrived = [t for t in there if t.number in gone | going]
    return legs


def _waits(trial: Trial, busy: Collection[int]) -> bool:
    return trial.state == "waiting" and trial.number not in busy


def _going_on(
    study: Study, there: Sequence[Trial], gone: Collection[int], place: int, closed: bool
) -> set[int]:
    """Numbers of those at a rung that may leave it upwards, besides those that are ``gone``.

    Published nets always may: they are the reference points of the front.
    """
    train = _train(study)
    given = {t.number for t in there if _is_given(t)}
    others = [t for t in there if t.number not in given]
    most = _most(train, len(others), closed)
    if not most:
        return given - set(gone)
    name = accuracy_at(train.rungs[place])
    known = _known(study)
    points = [[t.measures[n].value for n in (name, *(o.measure for o in known))] for t in others]
    order = best_first(np.array(points), [True, *(o.direction == "maximize" for o in known)])
    room = most - sum(t.number in gone for t in others)
    best = [others[index].number for index in order[:most]]
    return (given - set(gone)) | set([n for n in best if n not in gone][: max(0, room)])


def _most(train: Train, count: int, closed: bool) -> int:
    """How many of ``count`` trials at a rung may have left it upwards.

    While others are on their way to the rung it is the share rounded down (none at all where the
    rung waits for them), in the end the share rounded, and one at least.
    """
    if closed:
        return max(1, round(train.keep * count)) if count else 0
    return int(train.keep * count) if train.asynchronous else 0


def _known(study: Study) -> list[Objective]:
    """The objectives that are known before a training ends."""
    return [o for o in study.settings.objectives if MEASURES[o.measure].stage != "train"]


def _hopeless(
    study: Study, trials: Sequence[Trial], earlier: Sequence[Trial], place: int
) -> set[int]:
    """Those that the present front dominates even if they end at their upper 95 % bound.

    Bounds and front are those of the generations before, so that they hold still within one.
    """
    objectives, train = study.settings.objectives, _train(study)
    names = [accuracy_at(epochs) for epochs in train.rungs[: place + 1]]
    ended = [t for t in earlier if t.state == "complete" and t.measures.keys() >= set(names)]
    asked = [t for t in trials if not _is_given(t)]
    if not ended or not asked or any(o.measure == "train_s" for o in objectives):
        return set()  # nobody knows how long the rest of a training takes
    curves, partial = (
        np.array([[t.measures[name].value for name in names] for t in some])
        for some in (ended, asked)
    )
    bounds = extrapolated(curves, np.array([t.measures[ACCURACY].value for t in ended]), partial)
    if bounds is None:
        return set()
    maximize = [o.direction == "maximize" for o in objectives]
    front = [[t.measures[o.measure].value for o in objectives] for t in ended]
    found = set()
    for trial, high in zip(asked, bounds.high, strict=True):
        point = [
            high if o.measure == ACCURACY else trial.measures[o.measure].value for o in objectives
        ]
        if not non_dominated(np.array([point, *front]), maximize)[0]:
            found.add(trial.number)
    return found


def _is_given(trial: Trial) -> bool:
    return trial.origin.startswith("published:")


def _train(study: Study) -> Train:
    train = study.settings.cascade.train
    assert train is not None  # noqa: S101 (without it nothing comes to a rung)
    return train

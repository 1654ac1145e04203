"""A run in a few numbers, the same for one that is being worked on and for one on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from archsearch.measures import MEASURES, epochs_reached
from archsearch.notation import duration, quantity
from archsearch.pareto import non_dominated
from archsearch.proposing import planned
from archsearch.spread import spread
from archsearch.study import Study
from archsearch.trial import Measured, Stage, State, Trial

_AT_WORK: dict[Stage | None, str] = {
    "latency": "timing",
    "score": "scoring",
    "train": "training",
    None: "proposing",
}

_MOST_REASONS = 5
"""Reasons that are listed one by one; failures can have as many as there are trials."""


@dataclass(frozen=True)
class Best:
    """The complete trial that is best in the first objective, and what it reached."""

    number: int
    measured: Measured

    def __str__(self) -> str:
        """Such as ``val_accuracy 0.934 ± 0.006 (trial 17)``."""
        unit = MEASURES[self.measured.name].unit
        value = quantity(self.measured.value, unit, spread(self.measured))
        return f"{self.measured.name} {value} (trial {self.number})"


class ArmCounts(NamedTuple):
    """Trainings of one arm: over (failed ones included), failed, waiting."""

    done: int
    failed: int
    waiting: int

    def __str__(self) -> str:
        """Such as ``5 of 6 (1 failed)``."""
        failed = f" ({self.failed} failed)" if self.failed else ""
        return f"{self.done} of {self.done + self.waiting}{failed}"


@dataclass(frozen=True)
class Summary:
    """Counts of one run. ``rejected`` and ``failed`` are by reason.

    ``screened`` candidates were looked at; those that were neither rejected nor left out of the
    start became trials. ``stage`` is what the waiting trials wait for, None if none waits.
    ``scored`` and ``trained`` trials got through those stages. ``stopped_at`` are the stopped
    trials that had been trained, by the epochs that they reached. ``front`` is the number of
    non-dominated complete trials in the study's objectives. ``arms`` are an ablation's.
    """

    name: str
    screened: int
    rejected: Mapping[str, int]
    complete: int
    stopped: int
    failed: Mapping[str, int]
    waiting: int
    scored: int
    trained: int
    budget_trials: int
    budget_minutes: float | None
    generation: int
    stage: Stage | None
    best: Best | None
    front: int
    elapsed_s: float
    stopped_at: Mapping[float, int]
    arms: Mapping[str, ArmCounts] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Trials with which the run is through, whatever came of them."""
        return self.complete + self.stopped + sum(self.failed.values())

    @property
    def state(self) -> str:
        """``finished``, ``out of time`` or ``unfinished``."""
        if not self.waiting and self.done >= self.budget_trials:
            return "finished"
        minutes = self.budget_minutes
        return "out of time" if minutes and self.elapsed_s >= 60 * minutes else "unfinished"

    @property
    def stops(self) -> str:
        """How many were stopped, such as ``9 stopped (3 after 1 epoch, 1 after 3 epochs)``."""
        places = [
            f"{count} after {epochs:g} {'epoch' if epochs == 1 else 'epochs'}"
            for epochs, count in sorted(self.stopped_at.items())
        ]
        return f"{self.stopped} stopped" + (f" ({', '.join(places)})" if places else "")

    @property
    def activity(self) -> str:
        """What the run is at or was at when it ended, such as ``generation 3, training``."""
        if self.state == "finished":
            return "finished"
        return f"generation {self.generation}, {_AT_WORK[self.stage]}"

    def rows(self) -> dict[str, str]:
        """What a table of the run says: label and text."""
        if self.arms:
            return self._rows_of_arms()
        return {
            "run": self.name,
            "state": f"{self.state} ({self.activity})" if self.waiting else self.state,
            "trials": f"{self.done} of {self.budget_trials} done: {self.complete} complete, "
            f"{self.stops}, {sum(self.failed.values())} failed; {self.waiting} waiting",
            "screened": f"{self.screened:,}; rejected {by_reason(self.rejected)}",
            "failed": by_reason(self.failed),
            "best": str(self.best or "no complete trial yet"),
            "front": f"{self.front} trials",
            "elapsed": duration(self.elapsed_s),
        }

    def _rows_of_arms(self) -> dict[str, str]:
        failed = sum(self.failed.values())
        return {
            "ablation": self.name,
            "state": f"{self.state} ({self.activity})" if self.waiting else self.state,
            "trainings": f"{self.done} of {self.budget_trials} done: {self.complete} complete, "
            f"{failed} failed; {self.waiting} waiting",
            "arms x seeds": ", ".join(f"{name} {counts}" for name, counts in self.arms.items()),
            "failed": by_reason(self.failed),
            "elapsed": duration(self.elapsed_s),
        }


def summarize(
    study: Study, trials: Iterable[Trial], counts: Mapping[str, int], elapsed_s: float
) -> Summary:
    """Sum up a run from its trials, what its screens counted and its active seconds."""
    trials = list(trials)
    states: Counter[State] = Counter(trial.state for trial in trials)
    return Summary(
        name=study.settings.name,
        screened=counts.get("asked", 0),
        rejected={
            reason.replace("over:", "over the limit on "): count
            for reason, count in sorted(counts.items())
            if reason != "asked"
        },
        complete=states["complete"],
        stopped=states["stopped"],
        failed=Counter(t.error or "no reason known" for t in trials if t.state == "failed"),
        waiting=states["waiting"],
        scored=_through(trials, "score"),
        trained=_through(trials, "train"),
        budget_trials=planned(study, trials),
        budget_minutes=study.settings.budget.minutes,
        generation=max((trial.generation for trial in trials), default=0),
        stage=_stage(study, trials),
        best=None if study.plan else _best(study, trials),
        front=_front_size(study, trials),
        elapsed_s=elapsed_s,
        stopped_at=_stopped_at(study, trials),
        arms=_arms(study, trials),
    )


def _arms(study: Study, trials: list[Trial]) -> dict[str, ArmCounts]:
    if study.plan is None:
        return {}
    found: dict[str, Counter[State]] = {arm.name: Counter() for arm in study.plan.arms}
    for trial in trials:
        found[str(trial.choices["arm"])][trial.state] += 1
    return {
        name: ArmCounts(states.total() - states["waiting"], states["failed"], states["waiting"])
        for name, states in found.items()
    }


def by_reason(counts: Mapping[str, int]) -> str:
    """Write counts by reason with their sum first, such as ``5 (3 duplicate, 2 invalid)``."""
    total = sum(counts.values())
    listed = Counter(counts).most_common(_MOST_REASONS)
    reasons = [f"{count:,} {reason}" for reason, count in listed if count]
    if rest := total - sum(count for _, count in listed):
        reasons.append(f"{rest:,} for other reasons")
    return f"{total:,} ({', '.join(reasons)})" if total else "0"


def _through(trials: list[Trial], stage: Stage) -> int:
    """How many trials were measured at a stage."""
    names = {measure.name for measure in MEASURES.values() if measure.stage == stage}
    return sum(not names.isdisjoint(trial.measures) for trial in trials)


def _stage(study: Study, trials: list[Trial]) -> Stage | None:
    """The stage after the least advanced waiting trial: those behind it wait for their rank."""
    stages = study.stages
    reached = [
        stages.index(trial.stage) + 1 if trial.stage in stages else 0
        for trial in trials
        if trial.state == "waiting"
    ]
    # What waits behind the last stage is at a rung of it.
    return stages[min([*reached, len(stages) - 1])] if reached else None


def _stopped_at(study: Study, trials: list[Trial]) -> Counter[float]:
    whole = study.settings.training.epochs
    reached = [epochs_reached(t.measures, whole) for t in trials if t.state == "stopped"]
    return Counter(epochs for epochs in reached if epochs)


def _best(study: Study, trials: list[Trial]) -> Best | None:
    objective = study.settings.objectives[0]
    sign = 1 if objective.direction == "maximize" else -1
    complete = [t for t in trials if t.state == "complete" and objective.measure in t.measures]
    if not complete:
        return None
    best = max(complete, key=lambda t: (sign * t.measures[objective.measure].value, -t.number))
    return Best(best.number, best.measures[objective.measure])


def _front_size(study: Study, trials: list[Trial]) -> int:
    objectives = study.settings.objectives
    names = [objective.measure for objective in objectives]
    points = [
        [trial.measures[name].value for name in names]
        for trial in trials
        if trial.state == "complete" and trial.measures.keys() >= set(names)
    ]
    maximize = [objective.direction == "maximize" for objective in objectives]
    return int(non_dominated(np.array(points).reshape(-1, len(names)), maximize).sum())

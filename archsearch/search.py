"""A run: proposes generations, hands out work, takes outcomes, and remembers everything.

Every decision is taken at the border of a generation and depends on nothing but the study and what
the store holds. So the same study proposes the same trials with any engine and any number of
workers, and a run that was killed goes on as if nothing had happened.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

from archsearch.devices.source import Source
from archsearch.evaluate import Job, Outcome, Package
from archsearch.feasible import FeasibleSpace
from archsearch.measures import ACCURACY, LATENCY, epochs_reached, latency_in
from archsearch.pauses import Pauses
from archsearch.predicting import decided
from archsearch.proposing import Proposed, proposer_of
from archsearch.ranking import promoted, told
from archsearch.rungs import Leg, due
from archsearch.screen import StartList
from archsearch.store import Store
from archsearch.study import Study
from archsearch.trial import Stage, State, Trial


class Run:
    """One search or ablation over one store. The driver owns it; workers never see it.

    ``next_package`` and ``finish`` are all that an engine calls.
    """

    def __init__(
        self,
        study: Study,
        store: Store,
        start: StartList | None = None,
        space: FeasibleSpace | None = None,
    ) -> None:
        self.study = study
        self.store = store
        self.trials: dict[int, Trial] = {trial.number: trial for trial in store.trials()}
        self.counts: Counter[str] = Counter()
        self._settled: set[int] = set()
        for generation in store.generations():
            self.counts.update(generation.counts)
            self._settled |= {generation.number} if generation.settled else set()
        self.exhausted = False
        self._proposer = proposer_of(study, start, space)
        self._began = time.monotonic()
        self._before_s = store.active_seconds()
        self._packages: Iterator[Package] = iter(())
        self._entered: set[int] = set()
        self._pauses = Pauses(study.identity)
        self._in_flight: set[tuple[int, Stage]] = set()
        self._stage: Stage | None = None
        self._source: Source | None = None

    @property
    def elapsed_s(self) -> float:
        """Active seconds of the run, over all its starts."""
        return self._before_s + time.monotonic() - self._began

    @property
    def out_of_time(self) -> bool:
        """True once ``budget.minutes`` is used up: nothing more is handed out."""
        minutes = self.study.settings.budget.minutes
        return minutes is not None and self.elapsed_s >= 60 * minutes

    @property
    def has_work(self) -> bool:
        """False if the run is over, so that no engine need be started."""
        if self.out_of_time:
            return False
        return bool(self._current()) or self._proposer.wants(self.trials) > 0

    @property
    def idle(self) -> bool:
        """True if no package is being worked on."""
        return not self._in_flight

    def next_package(self) -> Package | None:
        """Hand out the next piece of work.

        None means: nothing now. If the run is ``idle`` as well, it is over.
        """
        if self.out_of_time:
            return None
        while True:
            package = self._next_leg() if self._stage == "train" else next(self._packages, None)
            if package is not None:
                self._in_flight |= {(job.number, package.stage) for job in package.jobs}
                return package
            if not self.idle or not self._advance():
                return None

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Take what a worker found; stored at once, one transaction a trial."""
        for outcome in outcomes:
            trial = self.trials[outcome.number]
            outcome = self._judged(outcome)
            state = self._state_after(outcome)
            measures = {**trial.measures, **{m.name: m for m in outcome.measures}}
            self.store.record(
                outcome.number,
                outcome.stage,
                outcome.measures,
                outcome.curve,
                state=state,
                error=outcome.error,
            )
            self.trials[outcome.number] = replace(
                trial, state=state, stage=outcome.stage, measures=measures, error=outcome.error
            )
            self._in_flight.discard((outcome.number, outcome.stage))

    def lose(self, package: Package, reason: str) -> None:
        """A worker died over a package: its trials fail with this reason."""
        lost = [
            Outcome(job.number, package.stage, error=f"{package.stage}: {reason}")
            for job in package.jobs
            if (job.number, package.stage) in self._in_flight
        ]
        self.finish(lost)

    def _advance(self) -> bool:
        """Go on to the next stage or the next generation; False if the run is over."""
        generation = self._current()
        if not generation:
            return self._propose()
        stages = self.study.stages
        behind = stages[stages.index(self._stage) + 1 :] if self._stage else stages
        if not behind:
            self._settle(generation)
            return True
        self._stage = behind[0]
        if self._stage == "train":
            self._entered = promoted(self.study, generation, self._predicted(generation))
        else:
            self._packages = iter(self._pack(self._stage, generation))
        return True

    def _predicted(self, generation: Sequence[Trial]) -> Mapping[int, float] | None:
        """Accuracies that choose instead of the score, where that is better; noted either way."""
        decision = decided(self.study, list(self.trials.values()), generation)
        if decision is None:
            return None
        self.store.decide(generation[0].generation, decision.to_data())
        return decision.accuracy

    def _next_leg(self) -> Package | None:
        """The next piece of training, if one can begin now."""
        generation = self._current()
        number = generation[0].generation
        legs = due(
            self.study,
            [t for t in generation if t.number in self._entered],
            [t for t in self.trials.values() if t.generation < number],
            {trial for trial, _ in self._in_flight},
        )
        return Package("train", (_training(legs[0]),)) if legs else None

    def _current(self) -> list[Trial]:
        """The trials of the last generation, or none if it is settled."""
        last = max((t.generation for t in self.trials.values()), default=-1)
        if last in self._settled:
            return []
        return [t for t in self.trials.values() if t.generation == last]

    def _pack(self, stage: Stage, generation: Sequence[Trial]) -> list[Package]:
        """Split what a stage still has to do into packages.

        Scores are cheap: a few packages a worker.
        """
        todo = [t for t in generation if t.state == "waiting" and not _done(t, stage)]
        jobs = [Job(t.number, t.architecture, t.seed) for t in todo]
        size = ceil(len(jobs) / (2 * self.study.settings.engine.workers)) if stage == "score" else 1
        return [
            Package(stage, tuple(jobs[i : i + size])) for i in range(0, len(jobs), max(size, 1))
        ]

    def _settle(self, generation: Sequence[Trial]) -> None:
        """End a generation: stop what was not promoted, and fix what the sampler is told."""
        values = told(self.study, list(self.trials.values()))
        ends: dict[int, tuple[State, tuple[float, ...] | None]] = {}
        for trial in generation:
            state: State = "stopped" if trial.state == "waiting" else trial.state
            ends[trial.number] = (state, None if state == "failed" else values.get(trial.number))
            self.trials[trial.number] = replace(trial, state=state, told=ends[trial.number][1])
        self.store.settle(generation[0].generation, ends)
        self._settled.add(generation[0].generation)
        self._stage = None
        self._pauses.drop({trial.number for trial in generation})

    def _propose(self) -> bool:
        """Propose and store the next generation; False if the budget or the space is used up."""
        if not self._proposer.wants(self.trials):
            return False
        began = time.perf_counter()
        generation = 1 + max((t.generation for t in self.trials.values()), default=-1)
        found, counts = self._proposer.propose(self.trials, generation)
        if not found:
            self.exhausted = True
            return False
        trials = [
            self._trial(len(self.trials) + i, generation, item) for i, item in enumerate(found)
        ]
        self.store.add_generation(generation, dict(counts), trials, time.perf_counter() - began)
        self.counts.update(counts)
        self.trials |= {trial.number: trial for trial in trials}
        return True

    def _trial(self, number: int, generation: int, proposed: Proposed) -> Trial:
        candidate = proposed.candidate
        return Trial(
            number=number,
            generation=generation,
            origin=proposed.origin,
            choices=candidate.choices,
            architecture_id=candidate.architecture.id,
            architecture=candidate.architecture.to_data(),
            seed=proposed.seed,
            note=proposed.note,
            measures=candidate.measures(),
        )

    def _judged(self, outcome: Outcome) -> Outcome:
        """Refuse a latency that must not stand beside those that the run has, or is over a limit.

        What is over a limit keeps its latency, what came from another device does not.
        """
        measures = {measure.name: measure for measure in outcome.measures}
        latency = latency_in(measures)
        if latency is None:
            return outcome
        source = Source.of(latency)
        first = self._source = self._source or self._stored_source() or source
        if source != first:
            reason = f"latency: came from {source}, those before it from {first}"
            return replace(outcome, measures=(), error=reason)
        limit = self.study.settings.constraints.get(LATENCY)
        if limit is None or limit.excess(latency.latency_ms) <= 0:
            return outcome
        bounds = limit.model_dump(exclude_none=True).items()
        text = " and ".join(f"{way}: {value:g}" for way, value in bounds)
        return replace(outcome, error=f"latency: outside the limit on {LATENCY} ({text})")

    def _stored_source(self) -> Source | None:
        found = (latency_in(trial.measures) for trial in self.trials.values())
        return next((Source.of(latency) for latency in found if latency is not None), None)

    def _state_after(self, outcome: Outcome) -> State:
        if outcome.error is not None:
            return "stopped" if latency_in({m.name: m for m in outcome.measures}) else "failed"
        if outcome.stage == "train" and ACCURACY not in {m.name for m in outcome.measures}:
            return "waiting"  # at a rung
        return "complete" if outcome.stage == self.study.stages[-1] else "waiting"


def _training(leg: Leg) -> Job:
    trial = leg.trial
    spent_s = sum(m.seconds for m in trial.measures.values() if m.stage == "train")
    return Job(
        trial.number,
        trial.architecture,
        trial.seed,
        until=leg.until,
        reached=epochs_reached(trial.measures, 0.0),
        spent_s=spent_s,
    )


def _done(trial: Trial, stage: Stage) -> bool:
    return any(measured.stage == stage for measured in trial.measures.values())

"""Who says what the next generation of a run is: a search's sampler, or an ablation's arms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from archsearch.arms.plan import Plan
from archsearch.arms.record import Cell, accuracies, cells_of
from archsearch.feasible import FeasibleSpace
from archsearch.samplers.sampler import Past
from archsearch.screen import Candidate, Screen, StartList, candidate_of, start_candidates
from archsearch.seeds import derive
from archsearch.study import Study
from archsearch.trial import ARM, Trial

PATIENCE = 2_000
"""Refusals in a row after which a sampler is believed to find nothing new."""


class Proposed(NamedTuple):
    """A trial to be: who proposed it, the net, the sampler's note, and the seed of its work."""

    origin: str
    candidate: Candidate
    note: Mapping[str, object]
    seed: int


Trials = Mapping[int, Trial]


class Proposer(Protocol):
    """Decides at the border of a generation, by the study and the trials so far alone."""

    def wants(self, trials: Trials) -> int:
        """How many trials the next generation has at most; 0 where the run is over."""

    def propose(self, trials: Trials, generation: int) -> tuple[list[Proposed], Counter[str]]:
        """The next generation, and what was counted on the way."""


def proposer_of(
    study: Study, start: StartList | None = None, space: FeasibleSpace | None = None
) -> Proposer:
    """The proposer of a study; ``start`` and ``space`` are a search's, if they were made before."""
    if study.plan is not None:
        return _Arms(study, study.plan)
    return _Search(study, start, space or FeasibleSpace.of(study))


class _Search:
    """What is left of the start, then the sampler's."""

    def __init__(self, study: Study, start: StartList | None, space: FeasibleSpace) -> None:
        self._study = study
        self._start = start
        self._space = space
        self._sampler = study.sampler(space)

    def wants(self, trials: Trials) -> int:
        budget = self._study.settings.budget
        return max(0, min(budget.generation, budget.trials - len(trials)))

    def propose(self, trials: Trials, generation: int) -> tuple[list[Proposed], Counter[str]]:
        found, counts = self._candidates(trials, generation, self.wants(trials))
        seed = self._study.settings.seed
        return [
            Proposed(*item, derive(seed, "trial", len(trials) + place))
            for place, item in enumerate(found)
        ], counts

    def _candidates(
        self, trials: Trials, generation: int, count: int
    ) -> tuple[list[tuple[str, Candidate, Mapping[str, object]]], Counter[str]]:
        counts: Counter[str] = Counter()
        if self._start is None:
            self._start = start_candidates(self._study, self._space)
        begin, screened = self._start
        counts.update({} if trials else screened)
        begin = begin[len(trials) : len(trials) + count]
        found: list[tuple[str, Candidate, Mapping[str, object]]] = [(o, c, {}) for o, c in begin]
        known = [t.architecture_id for t in trials.values()]
        screen = Screen(self._study, [*known, *(c.architecture.id for _, c in begin)])
        if count > len(begin):
            self._space.counts.clear()
            proposals = self._sampler.ask(
                past_of(trials),
                count - len(begin),
                derive(self._study.settings.seed, "ask", generation),
                screen.accept,
                PATIENCE,
            )
            by_choices = {repr(sorted(c.choices.items())): c for c in screen.accepted}
            found += [
                ("sampler", by_choices[repr(sorted(p.choices.items()))], dict(p.note))
                for p in proposals
            ]
            counts.update(self._space.counts)
        counts.update(screen.counts)
        return found, counts


class _Arms:
    """A generation is one seed of all arms that want one, so that a killed run is balanced."""

    def __init__(self, study: Study, plan: Plan) -> None:
        self._study = study
        self._plan = plan

    def wants(self, trials: Trials) -> int:
        return len(self._next(trials))

    def propose(self, trials: Trials, generation: int) -> tuple[list[Proposed], Counter[str]]:
        names = self._next(trials)
        # The seed is that of the block, the same for all its arms: common random numbers.
        seed = derive(self._study.settings.seed, "block", generation)
        found = [
            Proposed(
                ARM,
                candidate_of(self._study, {"arm": arm.name, "seed": generation}, arm.architecture),
                {},
                seed,
            )
            for arm in self._plan.arms
            if arm.name in names
        ]
        return found, Counter(asked=len(found))

    def _next(self, trials: Trials) -> Sequence[str]:
        return next_arms(self._plan, trials.values())


def planned(study: Study, trials: Iterable[Trial]) -> int:
    """How many trials a run will have: at most, as long as arms may still want seeds."""
    if study.plan is None:
        return study.settings.budget.trials
    trials = list(trials)
    is_open = any(trial.state == "waiting" for trial in trials) or next_arms(study.plan, trials)
    return max(len(trials), study.settings.budget.trials) if is_open else len(trials)


def next_arms(plan: Plan, trials: Iterable[Trial]) -> Sequence[str]:
    """Names of the arms that are trained with the next seed, after all of ``trials`` are over."""
    trials, seeds = list(trials), plan.settings.seeds
    blocks = 1 + max((trial.generation for trial in trials), default=-1)
    if blocks < seeds.first:
        return [arm.name for arm in plan.arms]
    if not seeds.adaptive or blocks >= seeds.most:
        return []
    return _wanted(_Question.of(plan), cells_of(trials))


class _Question(NamedTuple):
    """What decides which arms want a seed, besides what was measured."""

    arms: tuple[str, ...]
    references: tuple[tuple[str, str], ...]
    alpha: float
    margin: float | None
    first: int
    most: int

    @classmethod
    def of(cls, plan: Plan) -> _Question:
        """That of a plan."""
        own = plan.settings
        return cls(
            tuple(arm.name for arm in plan.arms),
            tuple(plan.references.items()),
            own.alpha,
            own.margin,
            own.seeds.first,
            own.seeds.most,
        )


@lru_cache(maxsize=8)
def _wanted(question: _Question, cells: tuple[Cell, ...]) -> Sequence[str]:
    """Ask the adaptive rule; it is asked again for every display of a run, and takes a while."""
    from archsearch.significance.adaptive import wanted  # pandas: half a second that few runs need

    arms, references, alpha, margin, first, most = question
    return wanted(
        accuracies(cells, arms),
        arms[0],
        alpha=alpha,
        margin=margin,
        first=first,
        most=most,
        references=dict(references),
    )


def past_of(trials: Trials) -> list[Past]:
    """What a sampler is told of the trials so far."""
    return [
        Past(t.choices, t.told, t.state == "complete", t.note)
        for t in sorted(trials.values(), key=lambda t: t.number)
        if t.state != "waiting"
    ]

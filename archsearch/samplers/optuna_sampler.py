"""Optuna's samplers as functions of the history: TPE and NSGA-II over an in-memory study.

The study is only a view of ``past``: it can be thrown away and made again at any time, and the same
proposals come out. Leaves are suggested as indices into their labels, so that labels of any type
come back as they were and an ordered leaf is an integer to Optuna.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState
from pydantic import Field

from archsearch.samplers.sampler import Accept, Past, Proposal
from archsearch.samplers.strategy import (
    DROUGHT,
    Direction,
    Domain,
    SamplerOptions,
    Space,
    collect,
)
from archsearch.seeds import derive
from archsearch.trial import Choices, Scalar

_GENERATION = "_FlatNsga2:generation"
"""Where Optuna keeps the generation of a trial: the class name of the sampler stands in it."""


class _OptunaSampler(ABC):
    """Keeps an Optuna study in step with ``past`` and asks it with a sampler made afresh.

    Optuna's samplers carry a generator from ask to ask; one made from ``seed`` for each ask has no
    such memory. Trials that are asked stay RUNNING until the ask ends, so that TPE's constant liar
    keeps its distance from them; then they are told FAIL, because what becomes of them comes back
    through ``past``.
    """

    def __init__(self, space: Space, directions: Sequence[Direction]) -> None:
        self._space = space
        self._directions = list(directions)
        self._domains = dict(space.leaves())
        self._distributions = {path: _distribution(d) for path, d in self._domains.items()}
        self._study: optuna.Study | None = None
        self._seen = 0
        self._left_over = 0

    def ask(
        self, past: Sequence[Past], count: int, seed: int, accept: Accept, patience: int
    ) -> list[Proposal]:
        """Return up to ``count`` accepted proposals."""
        asked: list[optuna.Trial] = []
        with _silence():
            study = self._in_step(past)
            study.sampler = self._fresh(seed)
        draws = self._space.draws(np.random.default_rng(derive(seed, "draws")))

        def propose(refused: int) -> Proposal:
            asked.append(study.ask())
            if refused >= DROUGHT or self._starts(asked[-1]):
                return self._drawn(asked[-1], next(draws))
            return self._suggest(asked[-1])

        try:
            proposals = collect(propose, count, accept, patience)
            for trial in asked:
                study.tell(trial, state=TrialState.FAIL)
        except BaseException:
            self._study = None  # it holds trials that would run for ever
            raise
        self._left_over += len(asked)
        return proposals

    def _in_step(self, past: Sequence[Past]) -> optuna.Study:
        """The study of ``past``, with what is new in it added.

        Adding to the study of the last ask only saves time. It is made again where it would answer
        otherwise than a new one, or where the asked trials left in it make it slow.
        """
        study = self._study
        slow = self._left_over > 2 * len(past) + 200
        if study is None or slow or self._stale(past[self._seen :]):
            self._study = study = self._new_study()
            self._seen = self._left_over = 0
        for index in range(self._seen, len(past)):
            # Nothing is read of a failed trial.
            if (values := past[index].values) and all(map(math.isfinite, values)):
                study.add_trial(self._finished(past[index], index))
        self._seen = len(past)
        return study

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(directions=self._directions)

    def _finished(self, past: Past, index: int) -> FrozenTrial:
        genes, attributes = self._encoded(past, index)
        return optuna.trial.create_trial(
            params=genes,
            distributions={path: self._distributions[path] for path in genes},
            values=past.values,
            system_attrs=attributes,
        )

    def _active(self, past: Past) -> dict[str, int]:
        return {path: self._domains[path].labels.index(x) for path, x in past.choices.items()}

    def _stale(self, new: Sequence[Past]) -> bool:
        """True if the study would answer otherwise than one made of the whole history."""
        del new
        return False

    @abstractmethod
    def _fresh(self, seed: int) -> optuna.samplers.BaseSampler:
        """Make Optuna's sampler."""

    @abstractmethod
    def _starts(self, trial: optuna.Trial) -> bool:
        """True if Optuna has too little to learn from and would choose every leaf at random."""

    @abstractmethod
    def _suggest(self, trial: optuna.Trial) -> Proposal:
        """Choose every leaf of a point through a running trial."""

    @abstractmethod
    def _drawn(self, trial: optuna.Trial, choices: Choices) -> Proposal:
        """Propose a draw of the space as a running trial."""

    @abstractmethod
    def _encoded(self, past: Past, index: int) -> tuple[dict[str, int], dict[str, Any]]:
        """The ``index``-th trial as Optuna has it: label indices by leaf, and its attributes."""


class TpeOptions(SamplerOptions):
    """``startup`` trials are drawn at random; then each proposal is the best of ``candidates``."""

    startup: int = Field(default=10, ge=1)
    candidates: int = Field(default=24, ge=1)


class Tpe(_OptunaSampler):
    """Tree-structured Parzen estimator (Bergstra et al. 2011), joint within groups of leaves.

    Leaves that always occur together share one density (``multivariate`` and ``group``), so that
    the leaves below a choice are modelled by the trials that made it.
    """

    Options = TpeOptions

    def __init__(self, space: Space, directions: Sequence[Direction], options: TpeOptions) -> None:
        super().__init__(space, directions)
        self._options = options

    def _fresh(self, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(
            seed=seed,
            multivariate=True,
            group=True,
            n_startup_trials=self._options.startup,
            n_ei_candidates=self._options.candidates,
        )

    def _starts(self, trial: optuna.Trial) -> bool:
        finished = trial.study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        return len(finished) < self._options.startup

    def _drawn(self, trial: optuna.Trial, choices: Choices) -> Proposal:
        del trial  # it stays empty: nothing need keep its distance from a draw
        return Proposal(choices)

    def _suggest(self, trial: optuna.Trial) -> Proposal:
        def pick(path: str, domain: Domain) -> Scalar:
            last = len(domain.labels) - 1
            if domain.ordered:
                return domain.labels[trial.suggest_int(path, 0, last)]
            return domain.labels[trial.suggest_categorical(path, range(last + 1))]

        return Proposal(self._space.walk(pick))

    def _encoded(self, past: Past, index: int) -> tuple[dict[str, int], dict[str, Any]]:
        del index
        return self._active(past), {}


class Nsga2Options(SamplerOptions):
    """``population_size`` trials make one of NSGA-II's own generations."""

    population_size: int = Field(default=20, ge=2)


class Nsga2(_OptunaSampler):
    """NSGA-II (Deb et al. 2002).

    Optuna crosses only the leaves that every trial has, and draws conditional ones anew each time.
    So every leaf of the space is a gene here, inactive ones included: they travel in the proposal's
    note, and are expressed when a choice activates them. A trial that was not proposed here counts
    to generation 0, its inactive genes drawn at random.
    """

    Options = Nsga2Options

    def __init__(
        self, space: Space, directions: Sequence[Direction], options: Nsga2Options
    ) -> None:
        super().__init__(space, directions)
        self._population = options.population_size
        self._elites: list[list[FrozenTrial]] = []

    def _new_study(self) -> optuna.Study:
        self._elites = [[]]
        return super()._new_study()

    def _stale(self, new: Sequence[Past]) -> bool:
        # It joins generation 0, from which an elite may have been chosen without it.
        return not all(past.note for past in new)

    def _fresh(self, seed: int) -> optuna.samplers.BaseSampler:
        self._rng = np.random.default_rng(seed)
        return _FlatNsga2(self._population, seed, self._distributions, self._elites)

    def _starts(self, trial: optuna.Trial) -> bool:
        return not trial.relative_params

    def _suggest(self, trial: optuna.Trial) -> Proposal:
        genes = self._bred(trial)
        choices = self._space.walk(lambda path, domain: domain.labels[genes[path]])
        return self._noted(trial, choices, genes)

    def _drawn(self, trial: optuna.Trial, choices: Choices) -> Proposal:
        return self._noted(trial, choices, self._bred(trial))

    def _bred(self, trial: optuna.Trial) -> dict[str, int]:
        """Every gene of a child, all at once: suggesting leaf by leaf costs five times as much.

        What Optuna leaves out, in generation 0 and where it mutates, is meant to be drawn.
        """
        return {**self._genes(self._rng), **trial.relative_params}

    def _noted(self, trial: optuna.Trial, choices: Choices, genes: Mapping[str, int]) -> Proposal:
        """A proposal that carries its generation and the genes that ``choices`` do not express."""
        noted = trial.study.get_trials(deepcopy=False)[trial.number].system_attrs
        inactive = {path: gene for path, gene in genes.items() if path not in choices}
        return Proposal(choices, {"generation": noted[_GENERATION], "inactive": inactive})

    def _encoded(self, past: Past, index: int) -> tuple[dict[str, int], dict[str, Any]]:
        carried: Mapping[str, int] = past.note.get("inactive") or self._genes(
            np.random.default_rng(derive(index, "genes"))
        )
        return {**carried, **self._active(past)}, {_GENERATION: past.note.get("generation", 0)}

    def _genes(self, rng: np.random.Generator) -> dict[str, int]:
        """Genes of every leaf, drawn at random."""
        counts = [len(domain.labels) for domain in self._domains.values()]
        return dict(zip(self._domains, rng.integers(counts).tolist(), strict=True))


class _FlatNsga2(optuna.samplers.NSGAIISampler):
    """Optuna's NSGA-II for a study in which every trial has every leaf.

    Both methods answer as Optuna's own. Its search space is the intersection over all trials, found
    by comparing them all at each ask: here it is known. Its parents of a generation are found by
    recursion to the first one, which ends at Python's limit after some 500 generations.
    """

    def __init__(
        self,
        population: int,
        seed: int,
        distributions: Mapping[str, BaseDistribution],
        elites: list[list[FrozenTrial]],
    ) -> None:
        super().__init__(population_size=population, seed=seed)
        self._open = {path: d for path, d in sorted(distributions.items()) if not d.single()}
        self._elites = elites

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every leaf with more than one label, from the first generation's children on."""
        del study, trial
        return self._open

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """The elite from which ``generation`` is bred."""
        while len(self._elites) <= generation:
            self._elites.append(self.select_parent(study, len(self._elites)))
        return self._elites[generation]


def _distribution(domain: Domain) -> BaseDistribution:
    last = len(domain.labels) - 1
    return IntDistribution(0, last) if domain.ordered else CategoricalDistribution(range(last + 1))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Optuna from announcing the study, and from warning that ``group`` is experimental."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)

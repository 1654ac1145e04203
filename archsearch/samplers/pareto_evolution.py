"""Evolution on the front: mutate and cross the non-dominated members of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from archsearch.pareto import crowding, fronts
from archsearch.samplers.sampler import Accept, Past, Proposal
from archsearch.samplers.strategy import (
    DROUGHT,
    Direction,
    Domain,
    SamplerOptions,
    Space,
    collect,
)
from archsearch.trial import Choices, Scalar


class ParetoEvolutionOptions(SamplerOptions):
    """Options of Pareto evolution.

    ``parents`` are kept at least, if there are as many trials. ``crossover_rate`` is the share of
    children that have two. A child mutates at one leaf for sure and at ``mutations`` others on
    average. ``neighbour_rate`` is the share of an ordered leaf's mutations that go to a neighbour.
    """

    parents: int = Field(default=10, ge=1)
    crossover_rate: float = Field(default=0.8, ge=0, le=1)
    mutations: float = Field(default=0.5, ge=0)
    neighbour_rate: float = Field(default=0.7, ge=0, le=1)


@dataclass(frozen=True)
class _Parent:
    """A point with its place in the order of merit: rank first, then falling crowding distance."""

    choices: Choices
    rank: int
    distance: float

    @property
    def merit(self) -> tuple[int, float]:
        return (-self.rank, self.distance)


class ParetoEvolution:
    """Evolution whose parents are the front of all that was measured so far.

    Parents compete in binary tournaments by rank and crowding distance as in NSGA-II (Deb et al.
    2002). Children come from the points themselves, not from a flat string of genes: a leaf that a
    change activates is drawn uniformly, and all other leaves are kept.
    """

    Options = ParetoEvolutionOptions

    def __init__(
        self, space: Space, directions: Sequence[Direction], options: ParetoEvolutionOptions
    ) -> None:
        self._space = space
        self._maximize = [direction == "maximize" for direction in directions]
        self._options = options
        self._domains = dict(space.leaves())

    def ask(
        self, past: Sequence[Past], count: int, seed: int, accept: Accept, patience: int
    ) -> list[Proposal]:
        """Return up to ``count`` accepted children, or draws if nothing was measured yet."""
        rng = np.random.default_rng(seed)
        parents = self._parents(past)
        draws = self._space.draws(rng)

        def propose(refused: int) -> Proposal:
            if not parents or refused >= DROUGHT:
                return Proposal(next(draws))
            return Proposal(self._child(parents, rng, refused))

        return collect(propose, count, accept, patience)

    def _parents(self, past: Sequence[Past]) -> list[_Parent]:
        """The front of the complete trials; next fronts, then stopped trials, if it is small.

        Stopped trials stand behind all complete ones, because their accuracy is an estimate.
        """
        complete = self._ordered([trial for trial in past if trial.complete], 0)
        worst = complete[-1].rank if complete else -1
        stopped = self._ordered([trial for trial in past if not trial.complete], worst + 1)
        front = sum(parent.rank == 0 for parent in complete)
        return [*complete, *stopped][: max(front, self._options.parents)]

    def _ordered(self, past: Sequence[Past], best: int) -> list[_Parent]:
        """Those with finite values in order of merit, ranks counted from ``best``."""
        known = [trial for trial in past if trial.values and np.isfinite(trial.values).all()]
        if not known:
            return []
        points = np.array([trial.values for trial in known])
        ranks = fronts(points, self._maximize)
        distances = np.zeros(len(known))
        for rank in np.unique(ranks):
            distances[ranks == rank] = crowding(points[ranks == rank])
        return [
            _Parent(known[i].choices, best + int(ranks[i]), float(distances[i]))
            for i in np.lexsort((-distances, ranks))
        ]

    def _child(self, parents: Sequence[_Parent], rng: np.random.Generator, refused: int) -> Choices:
        mother = _tournament(parents, rng)
        crossed = rng.random() < self._options.crossover_rate
        father = _tournament(parents, rng) if crossed else mother
        changed = self._changed(mother, rng, refused)

        def pick(path: str, domain: Domain) -> Scalar:
            label = _inherited(path, mother, father, rng)
            if label is None:
                return domain.labels[int(rng.integers(len(domain.labels)))]
            return self._other(domain, label, rng) if path in changed else label

        return self._space.walk(pick)

    def _changed(
        self, mother: Mapping[str, Scalar], rng: np.random.Generator, refused: int
    ) -> set[str]:
        """Leaves to change: one, and others with a rate that grows with refusals in a row.

        It grows to one half, so that the neighbours of the front being used up is no dead end.
        """
        paths = [path for path in mother if len(self._domains[path].labels) > 1]
        if not paths:
            return set()
        rate = min(0.5, (self._options.mutations + refused / 20) / len(paths))
        forced = int(rng.integers(len(paths)))
        draws = rng.random(len(paths))
        return {path for i, path in enumerate(paths) if i == forced or draws[i] < rate}

    def _other(self, domain: Domain, label: Scalar, rng: np.random.Generator) -> Scalar:
        """Another label than ``label``: of an ordered domain, a neighbour more often than not."""
        labels = domain.labels
        place = labels.index(label)
        others = [i for i in range(len(labels)) if i != place]
        if domain.ordered and rng.random() < self._options.neighbour_rate:
            others = [i for i in others if abs(i - place) == 1]
        return labels[others[int(rng.integers(len(others)))]]


def _tournament(parents: Sequence[_Parent], rng: np.random.Generator) -> Choices:
    one, two = (parents[int(i)] for i in rng.integers(len(parents), size=2))
    return max(one, two, key=lambda parent: parent.merit).choices


def _inherited(
    path: str, mother: Choices, father: Choices, rng: np.random.Generator
) -> Scalar | None:
    """The label of either parent that has the leaf, or None if neither does."""
    labels = [parent[path] for parent in (mother, father) if path in parent]
    return labels[int(rng.integers(len(labels)))] if labels else None

"""A search space narrowed to what a study's limits allow, and random points of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import cycle
from math import ceil
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np

from archsearch.codes import IntArray, draw_codes
from archsearch.cost import NetCost
from archsearch.cost.population import Counted, PopulationCosts
from archsearch.errors import InputError
from archsearch.grammar import Domain
from archsearch.measures import LATENCY
from archsearch.seeds import derive
from archsearch.settings import Limit
from archsearch.space import Pick, SearchSpace
from archsearch.splitting import Chains, Cloud, FloatArray
from archsearch.study import Study
from archsearch.trial import Choices

PILOT = 16_384
"""Draws by which a space is judged at first."""

COMMON = 16
"""So many of the pilot draws must be feasible for feasible points to be found by drawing alone."""

CLOUD = 512
"""Points that are carried from level to level where feasible ones are rare."""

AT_ONCE = 128
"""Feasible points that are looked for at a time where they are rare; others are found in batches
in which a few are expected."""


class Costs(Protocol):
    """Counts a population; see ``archsearch.cost.population.PopulationCosts``."""

    def count(self, codes: IntArray, /) -> Counted:
        """Count the points (N, L)."""


Price = Callable[[IntArray], FloatArray]
"""Gives a number beside the counted ones, such as a predicted latency, to valid points (N, L)."""


class Judged(NamedTuple):
    """What N points cost and how far they are outside.

    ``values`` are the numbers that limits are on (N,), by measure, NaN for an invalid point.
    ``excess`` (N,) is the sum, over the limits, of the share of the limit by which it is broken: 0
    for a feasible point, infinite for an invalid one. ``reason`` (N,) numbers the reasons for
    refusing a point: 0 is none, the others stand behind it in ``FeasibleSpace.reasons``.
    """

    counted: Counted
    values: Mapping[str, FloatArray]
    excess: FloatArray
    reason: IntArray


def prices_of(study: Study) -> dict[str, Price]:
    """What is known of a point beside its counted costs: its latency where that is predicted."""
    predictor = study.device.predictor if study.device else None
    if predictor is None:
        return {}
    return {LATENCY: predictor.population(study.space.tree, study.settings.classes)}


class FeasibleSpace:
    """A search space as a sampler sees it, whose draws are valid members within every limit.

    A draw is distributed as ``SearchSpace.draw`` is, given that the point is feasible.

    Where one draw in 1,000 is (``COMMON`` of ``PILOT``), draws are made until they are: that is
    exact. Where fewer are, points come from multilevel splitting (``archsearch.splitting``): chains
    that keep that distribution run from points that reached the limits level by level, until nine
    tenths of all leaves have been drawn anew. The distribution is that one in the limit of many
    points and long chains, and points of one space are not quite independent of each other.

    Everything follows from the space, the limits, ``seed`` and the generator given to ``draws``.

    Attributes:
        counts: how many points ``draws`` looked at and refused: ``asked``, and by reason.
        reasons: why a point can be refused; the first means not at all.
    """

    def __init__(
        self,
        space: SearchSpace,
        limits: Mapping[str, Limit],
        costs: Costs,
        seed: int,
        prices: Mapping[str, Price] = MappingProxyType({}),
    ) -> None:
        self._space = space
        self._limits = dict(limits)
        self._costs = costs
        self._prices = prices
        self._seed = seed
        self._paths = [path for path, _ in space.leaves()]
        self._labels = np.array([len(d.labels) for _, d in space.leaves()], dtype=np.int64)
        self.reasons = ["", "invalid", *(f"over:{name}" for name in limits)]
        self.counts: Counter[str] = Counter()

    @classmethod
    def of(cls, study: Study) -> FeasibleSpace:
        """The feasible part of a study's space."""
        settings, tree = study.settings, study.space.tree
        costs = PopulationCosts(tree, settings.classes)
        seed = derive(settings.seed, "feasible")
        prices = prices_of(study)
        known = {*NetCost._fields, *prices}
        limits = {name: limit for name, limit in settings.constraints.items() if name in known}
        return cls(study.space, limits, costs, seed, prices)

    def walk(self, pick: Pick) -> Choices:
        """Visit the active leaves as the whole space does."""
        return self._space.walk(pick)

    def leaves(self) -> tuple[tuple[str, Domain], ...]:
        """Every leaf of the whole space."""
        return self._space.leaves()

    def draws(self, rng: np.random.Generator) -> Iterator[Choices]:
        """Draw feasible points, one after another without end, duplicates included.

        If none can be found, they are draws of the whole space.
        """
        if self.problem is not None:
            yield from self._space.draws(rng)
        for row in self.rows(rng):
            yield self.point(row)

    def point(self, row: IntArray) -> Choices:
        """The point that a row of codes stands for."""
        codes = dict(zip(self._paths, row.tolist(), strict=True))
        return self._space.walk(lambda path, domain: domain.labels[codes[path]])

    def rows(self, rng: np.random.Generator) -> Iterator[IntArray]:
        """Draw feasible points as rows of codes (L,), see ``archsearch.codes``.

        Raises:
            InputError: no feasible point can be found.
        """
        self.ensure()
        return self._common_rows(rng) if self._common else self._rare_rows(rng)

    def ensure(self) -> None:
        """Refuse limits that no member seems to meet.

        Raises:
            InputError: with the closest value that was found.
        """
        if self.problem is not None:
            raise InputError(self.problem)

    @cached_property
    def problem(self) -> str | None:
        """Why no feasible point can be found; None if some were."""
        found = self._found
        if (found.excess <= 0).any():
            return None
        if not np.isfinite(found.excess).any():
            return (
                f"{self._space.name}: none of {PILOT:,} random points is a valid member; "
                "check the widths against the layers' rules"
            )
        return self._nothing_fits(found.rows[int(found.excess.argmin())])

    def draw_rows(self, rng: np.random.Generator, number: int) -> IntArray:
        """Draw points (number, L) of the whole space, feasible or not."""
        return draw_codes(self._space.tree, rng, number)

    def judge(self, rows: IntArray) -> Judged:
        """Count points (N, L) and say which are refused, and why."""
        counted = self._costs.count(rows)
        values = {name: self._values(name, rows, counted) for name in self._limits}
        shares = np.zeros((len(rows), 1 + len(self._limits)))
        for number, (name, limit) in enumerate(self._limits.items(), start=1):
            shares[:, number] = [max(limit.excess(value), 0.0) for value in values[name].tolist()]
        reason = np.where(shares.any(axis=1), shares.argmax(axis=1) + 1, 0)
        return Judged(
            counted,
            values,
            np.where(counted.valid, shares.sum(axis=1), np.inf),
            np.where(counted.valid, reason, 1),
        )

    def _values(self, name: str, rows: IntArray, counted: Counted) -> FloatArray:
        if name not in self._prices:
            return np.where(counted.valid, getattr(counted, name), np.nan)
        values = np.full(len(rows), np.nan)
        values[counted.valid] = self._prices[name](rows[counted.valid])
        return values

    def refusals(self, reason: IntArray) -> Counter[str]:
        """Count refused points by reason, from the numbers of their reasons."""
        times = np.bincount(reason, minlength=len(self.reasons))[1:].tolist()
        return +Counter(dict(zip(self.reasons[1:], times, strict=True)))

    @cached_property
    def _pilot(self) -> Cloud:
        rows = self.draw_rows(np.random.default_rng(derive(self._seed, "pilot")), PILOT)
        return Cloud(rows, self.judge(rows).excess)

    @cached_property
    def _feasible_share(self) -> float:
        return float((self._pilot.excess <= 0).mean())

    @property
    def _common(self) -> bool:
        return self._feasible_share * PILOT >= COMMON

    @cached_property
    def _found(self) -> Cloud:
        """The pilot draws, or what was split from them if few of them are feasible."""
        if self._common or not np.isfinite(self._pilot.excess).any():
            return self._pilot
        rng = np.random.default_rng(derive(self._seed, "split"))
        return self._chains(rng, lambda _: None).split(self._pilot, CLOUD)

    def _chains(self, rng: np.random.Generator, note: Callable[[IntArray], None]) -> Chains:
        def excess(rows: IntArray) -> FloatArray:
            judged = self.judge(rows)
            note(judged.reason)
            return judged.excess

        return Chains(self._labels, excess, rng)

    def _common_rows(self, rng: np.random.Generator) -> Iterator[IntArray]:
        """The feasible ones of independent draws; what is refused is counted up to each."""
        number = min(PILOT, ceil(COMMON / self._feasible_share))
        while True:
            rows = self.draw_rows(rng, number)
            reason = self.judge(rows).reason
            begin = 0
            for index in np.flatnonzero(reason == 0).tolist():
                self._note(reason[begin:index])
                yield rows[index]
                begin = index + 1
            self._note(reason[begin:])

    def _rare_rows(self, rng: np.random.Generator) -> Iterator[IntArray]:
        """Rows of the split cloud, renewed each time before they are given."""
        chains = self._chains(rng, self._note)
        order = rng.permutation(len(self._found))
        parts = [self._found.taken(order[i : i + AT_ONCE]) for i in range(0, len(order), AT_ONCE)]
        for number in cycle(range(len(parts))):
            parts[number] = chains.renew(parts[number])
            yield from parts[number].rows

    def _note(self, reason: IntArray) -> None:
        refused = self.refusals(reason)
        self.counts.update(refused, asked=refused.total())

    def _nothing_fits(self, row: IntArray) -> str:
        """Say which limit the closest point breaks by most, and its value."""
        judged = self.judge(row[None])
        name = self.reasons[int(judged.reason[0])].removeprefix("over:")
        limit, value = self._limits[name], float(judged.values[name][0])
        above = limit.at_most is not None and value > limit.at_most
        way, at = ("at_most", limit.at_most) if above else ("at_least", limit.at_least)
        bound = f"{way}: {_told(at or 0)}"
        others = " together with the other limits" if len(self._limits) > 1 else ""
        return (
            f"constraints.{name}: no member of {self._space.name} meets {bound}{others}; the "
            f"closest found has {_told(value)} {name}; change the limit or the space"
        )


def _told(value: float) -> str:
    """A limit or a cost as a message says it: counts in full."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"

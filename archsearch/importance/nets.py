"""Nets as rows of codes, and what the methods of importance ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsearch.codes import BoolArray, IntArray, Leaf, active, draw_codes, leaves_of
from archsearch.grammar import Domain, Tree

Floats = NDArray[np.float64]

LEAST_NETS = 10
"""Fewer nets, or fewer that have a leaf, say nothing of it."""

MOST_GROUPS = 16
"""Labels of an ordered leaf that are told apart; of more, neighbours are put together."""


@dataclass(frozen=True)
class Shares:
    """Importances (J,) of J leaves, as shares of the variance of what is asked about.

    Attributes:
        value: the importance.
        low: lower end of its 95 % bootstrap interval.
        high: upper end.
        chance: what it must exceed so that, with 95 % confidence, none of the J leaves would
            exceed theirs if none mattered.
        where_active: share of the variance among the nets that have the leaf.
    """

    value: Floats
    low: Floats
    high: Floats
    chance: Floats
    where_active: Floats


@dataclass(frozen=True, eq=False)
class Nets:
    """Points of a space as codes (N, L), see ``archsearch.codes``."""

    tree: Tree
    codes: IntArray

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """All L leaves of the space."""
        return tuple(leaves_of(self.tree))

    @cached_property
    def active(self) -> BoolArray:
        """Which leaves each net has (N, L)."""
        return active(self.tree, self.codes)

    @cached_property
    def judged(self) -> tuple[int, ...]:
        """The J leaves that can be judged: enough nets have them, and did not all choose alike."""
        return tuple(
            column
            for column in range(len(self.leaves))
            if (here := self.active[:, column]).sum() >= LEAST_NETS
            and len(np.unique(self.group(column, self.codes[here, column]))) > 1
        )

    def draw(self, rng: np.random.Generator, number: int) -> Nets:
        """Random points of the space, every active leaf uniform; they may break a layer's rule."""
        return Nets(self.tree, draw_codes(self.tree, rng, number))

    def moved_with(self, column: int) -> list[int]:
        """A leaf and all leaves that exist only under some of its labels."""
        path = self.leaves[column].path
        below = [any(path == on for on, _ in leaf.needs) for leaf in self.leaves]
        return [column, *np.flatnonzero(below).tolist()]

    def groups(self, column: int) -> int:
        """How many groups of labels of a leaf are told apart."""
        domain = self.leaves[column].domain
        return min(len(domain.labels), MOST_GROUPS) if domain.ordered else len(domain.labels)

    def group(self, column: int, codes: IntArray) -> IntArray:
        """The group that each of some codes of a leaf is in."""
        return codes * self.groups(column) // len(self.leaves[column].domain.labels)

    def names(self, column: int) -> list[str]:
        """What each group of labels is called, such as ``5`` or ``3 to 4``."""
        labels = self.leaves[column].domain.labels
        places = self.group(column, np.arange(len(labels)))
        groups = [np.flatnonzero(places == group) for group in range(self.groups(column))]
        ends = [dict.fromkeys((str(labels[g[0]]), str(labels[g[-1]]))) for g in groups]
        return [" to ".join(each) for each in ends]

    def members(self, column: int, nets: Nets | None = None) -> Floats:
        """Whether a net has a leaf and chose a label of each group: ones and zeros (N, K).

        ``nets`` are those to look at, of the same space; None for these.
        """
        nets = nets or self
        found = np.eye(self.groups(column))[self.group(column, nets.codes[:, column])]
        return np.asarray(found * nets.active[:, column, None])

    def features(self, codes: IntArray | None = None) -> Floats:
        """The judged leaves of points (N, L) as rows of numbers (N, F), for trees.

        Numbers stand as they are, a step below the least where the leaf is absent; names one by
        one.
        """
        codes = self.codes if codes is None else codes
        here = active(self.tree, codes)
        columns = [
            table[np.where(here[:, column], codes[:, column], len(table) - 1)]
            for column, table in zip(self.judged, self._tables, strict=True)
        ]
        return np.concatenate(columns, axis=1)

    @cached_property
    def _tables(self) -> list[Floats]:
        return [_table(self.leaves[column].domain) for column in self.judged]


@dataclass(frozen=True, eq=False)
class Question:
    """What leaves are important for.

    Attributes:
        nets: the nets that it was measured of.
        values: what was measured (N,), not all equal.
        best: which nets are among the best (N,).
        seed: of all chance.
    """

    nets: Nets
    values: Floats
    best: BoolArray
    seed: int


Method = Callable[[Question], Shares]


def stacked(rows: Iterator[tuple[float, ...]]) -> Shares:
    """Importances of leaves that were found one by one."""
    return Shares(*np.array(list(rows)).reshape(-1, 5).T)


def _table(domain: Domain) -> Floats:
    """What stands for each label, a row each, and in the last row for absence."""
    numbers = [x for x in domain.labels if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < len(domain.labels):
        return np.eye(len(domain.labels) + 1)[:, :-1]
    step = max((max(numbers) - min(numbers)) / len(numbers), 1e-9)
    return np.array([*numbers, min(numbers) - step], dtype=float)[:, None]

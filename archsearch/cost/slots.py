"""What can stand in one slot of a space, and its cost, looked up for many points at once.

The formulas are the layers' own, for one layer at one site at a time. What makes this fast is that
the points of a population share most of their layers and sites: each is evaluated when it is met
first and kept. It changes no answer, for it adds nothing of its own.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from archsearch.blocks.layer import Cost, Site
from archsearch.codes import BoolArray, IntArray, made
from archsearch.cost.memory import Memory, Numbered
from archsearch.cost.static import Placed
from archsearch.grammar import Alternative, Fixed, Slot, values_of

_MOST_SIZES = 1 << 20
_FIELDS = 4 + len(Cost._fields)

Shared = tuple[tuple[str, int], ...]
"""Parameters that a layer shares with others of its stage: their names and how many they are."""


class Formulas(NamedTuple):
    """The closed forms of what can stand in a slot; a layer is None where it is left out."""

    fits: Callable[[Any, Site], bool]
    """Whether a layer can stand between these channels, whatever the size of the map."""

    placed: Callable[[Any, Site], Placed]
    """What it costs there."""

    picoseconds: Callable[[Any, Site], int]
    """That it takes on a device; 0 where none was given."""


class Looked(NamedTuple):
    """What was looked up for n points: arrays (n,), and sums (n, fields of Cost and picoseconds).

    ``size``, of the map behind the layer, and ``shared`` are numbers of ``Places``.
    """

    size: IntArray
    shared: IntArray
    live: IntArray
    sums: IntArray


class Standing(NamedTuple):
    """Where a layer stands at some points of a population.

    Args:
        points: (n,) columns of the codes (L, N).
        copy: which copy of the slot, where copies vary.
        before: numbers (n,) of the channels before the layer.
        behind: numbers (n,) of those behind it.
        times: (n,) how many alike follow each other.
    """

    points: IntArray
    copy: int
    before: IntArray
    behind: IntArray
    times: IntArray


class Places:
    """What the slots of a space have in common: numbers of channels, map sizes, shared names."""

    def __init__(self, channels: Iterable[int]) -> None:
        self.channels = Numbered(*channels)
        self.sizes: Numbered[tuple[int, int]] = Numbered()
        self.shared: Numbered[Shared] = Numbered(())


class SlotLayers:
    """The layers of a slot, numbered by alternative, then by leaves in mixed radix.

    Args:
        slot: the slot.
        paths: of the slot; of each copy where copies vary.
        columns: from a leaf's path to its row in codes (L, N).
    """

    def __init__(self, slot: Slot, paths: Sequence[str], columns: Mapping[str, int]) -> None:
        self._alternatives = slot.alternatives
        *self._first, self.total = accumulate(map(_count, slot.alternatives), initial=0)
        self._picks = [columns.get(f"{path}.layer") for path in paths]
        self._open = [[_open(path, a, columns) for a in slot.alternatives] for path in paths]
        self._made: dict[int, BaseModel | None] = {}

    def numbers(
        self, codes: IntArray, points: IntArray, copy: int, dtype: type[np.generic]
    ) -> NDArray[Any]:
        """Number (n,) of the layer that stands at ``copy`` of the slot at each of ``points``."""
        numbers = np.zeros(len(points), dtype=dtype)
        pick = self._picks[copy]
        chosen = np.zeros(len(points), dtype=np.int64) if pick is None else codes[pick, points]
        for index, leaves in enumerate(self._open[copy]):
            here = np.flatnonzero(chosen == index)
            inside = np.zeros(len(here), dtype=dtype)
            for column, labels in leaves:
                inside = inside * labels + codes[column, points[here]]
            numbers[here] = inside + self._first[index]
        return numbers

    def layer(self, number: int) -> BaseModel | None:
        """Give the layer that has a number; None where it is to have none."""
        if number not in self._made:
            self._made[number] = self._make(number)
        return self._made[number]

    def _make(self, number: int) -> BaseModel | None:
        index = bisect(self._first, number) - 1
        alternative, rest = self._alternatives[index], number - self._first[index]
        if alternative.model is None:
            return None
        leaves: list[tuple[str, Any]] = []
        for name, node in reversed(list(alternative.leaves.items())):
            values = values_of(node)
            rest, code = divmod(rest, len(values))
            leaves.append((name, values[code]))
        return made(alternative.model, tuple(leaves[::-1]))


class SlotCosts:
    """Rule and cost of the layers of a slot, by memory.

    Keys are a layer's number, the channels before and behind it and, for its cost, the size of its
    map, in mixed radix.
    """

    def __init__(self, layers: SlotLayers, places: Places, formulas: Formulas) -> None:
        self.layers, self._places, self._formulas = layers, places, formulas
        self._rules_most = layers.total * len(places.channels.things) ** 2
        self._rules = Memory(self._rule, 1, self._rules_most)
        self._costs = Memory(self._cost, _FIELDS, self._rules_most * _MOST_SIZES)

    def fits(self, codes: IntArray, at: Standing) -> BoolArray:
        """Say at which points (n,) the layer can stand there."""
        found: BoolArray = self._rules.rows(self._keys(codes, at, self._rules.dtype))[:, 0] > 0
        return found

    def look_up(self, codes: IntArray, at: Standing, sizes: IntArray) -> Looked:
        """Look up what stands at points where it can; ``sizes`` (n,) are numbers of map sizes."""
        dtype = self._costs.dtype
        keys = sizes.astype(dtype) * self._rules_most + self._keys(codes, at, dtype)
        rows = self._costs.rows(keys)
        return Looked(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3:])

    def _keys(self, codes: IntArray, at: Standing, dtype: type[np.generic]) -> NDArray[Any]:
        sites = at.before.astype(dtype) * len(self._places.channels.things) + at.behind
        layers = self.layers.numbers(codes, at.points, at.copy, dtype)
        keys: NDArray[Any] = sites * self.layers.total + layers
        return keys

    def _rule(self, key: int) -> tuple[int]:
        return (int(self._formulas.fits(*self._read(key, (1, 1)))),)

    def _cost(self, key: int) -> tuple[int, ...]:
        """Sizes, shared parameters, live elements and sums, as ``look_up`` reads them."""
        size, rest = divmod(key, self._rules_most)
        layer, site = self._read(rest, self._places.sizes.things[size])
        at = self._formulas.placed(layer, site)
        params, macs, activations, live, _, height, width, shared = at
        return (
            self._places.sizes.number((height, width)),
            self._places.shared.number(shared),
            live,
            params,
            macs,
            activations,
            self._formulas.picoseconds(layer, site),
        )

    def _read(self, key: int, size: tuple[int, int]) -> tuple[BaseModel | None, Site]:
        """The layer and the site that a rule's key stands for."""
        channels = self._places.channels.things
        rest, number = divmod(key, self.layers.total)
        before, behind = divmod(rest, len(channels))
        return self.layers.layer(number), Site(channels[before], channels[behind], *size)


def _count(alternative: Alternative) -> int:
    return prod(len(values_of(node)) for node in alternative.leaves.values())


def _open(path: str, alternative: Alternative, columns: Mapping[str, int]) -> list[tuple[int, int]]:
    """Column of each open leaf of a layer, and how many labels it has."""
    return [
        (columns[f"{path}.{alternative.label}.{name}"], len(node.values))
        for name, node in alternative.leaves.items()
        if not isinstance(node, Fixed)
    ]

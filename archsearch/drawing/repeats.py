"""Runs in a row of layers: ``a a b c b c`` is 2 × a, then twice (b, c)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

_LONGEST = 4
"""Layers of a pattern that is looked for."""


class Item(NamedTuple):
    """``times`` equal layers, from ``start``."""

    start: int
    times: int


class Run(NamedTuple):
    """Items that stand ``times`` times one after another."""

    times: int
    items: tuple[Item, ...]


def runs(looks: Sequence[Hashable]) -> list[Run]:
    """Fold equal neighbours, then patterns of them; every layer is in one run."""
    items: list[Item] = []
    for place, look in enumerate(looks):
        if items and looks[items[-1].start] == look:
            items[-1] = Item(items[-1].start, items[-1].times + 1)
        else:
            items.append(Item(place, 1))
    keys = [(looks[item.start], item.times) for item in items]
    found: list[Run] = []
    place = 0
    while place < len(items):
        length, count = _pattern(keys[place:])
        found.append(Run(count, tuple(items[place : place + length])))
        place += length * count
    return found


def _pattern(keys: Sequence[Hashable]) -> tuple[int, int]:
    """Length and count of the pattern at the beginning that covers most; one item at least."""
    best = (1, 1)
    for length in range(2, min(_LONGEST, len(keys) // 2) + 1):
        count = 1
        while keys[count * length : (count + 1) * length] == keys[:length]:
            count += 1
        if count > 1 and length * count > best[0] * best[1]:
            best = (length, count)
    return best

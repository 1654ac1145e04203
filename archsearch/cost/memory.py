"""Answers that are kept and looked up by whole arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from archsearch.codes import BoolArray, IntArray

MOST_KEPT = 1_000_000
"""Rows that a memory keeps, 80 bytes each or less; beyond, it forgets and begins anew."""

_T = TypeVar("_T")


class Numbered(Generic[_T]):
    """Numbers things from 0 in the order in which they are met."""

    def __init__(self, *things: _T) -> None:
        self._numbers: dict[_T, int] = {}
        self.things: list[_T] = []
        for thing in things:
            self.number(thing)

    def number(self, thing: _T) -> int:
        """Give the number of ``thing``, a new one if it was not met before."""
        number = self._numbers.get(thing)
        if number is None:
            number = self._numbers[thing] = len(self.things)
            self.things.append(thing)
        return number


class Memory:
    """A row of integers for every key, made when the key is met first.

    Keys and rows are kept in ascending order of the keys.

    Args:
        make: from a key to its row.
        fields: length of a row.
        largest: an upper bound of the keys. Beyond 64 bits they are Python's own integers, which
            are slow and have no end.
    """

    def __init__(self, make: Callable[[int], tuple[int, ...]], fields: int, largest: int) -> None:
        self._make = make
        self.dtype: type[np.generic] = np.int64 if largest < 1 << 63 else np.object_
        self._keys: NDArray[Any] = np.zeros(0, dtype=self.dtype)
        self._rows: IntArray = np.zeros((0, fields), dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of rows kept."""
        return len(self._keys)

    def rows(self, keys: NDArray[Any]) -> IntArray:
        """Give the rows (n, fields) of keys (n,), which are of the memory's ``dtype``."""
        places, known = self._find(keys)
        if not known.all():
            if len(self) + np.count_nonzero(~known) > MOST_KEPT:
                self._keys, self._rows = self._keys[:0], self._rows[:0]
                known[:] = False
            self._learn(np.unique(keys[~known]))
            places, _ = self._find(keys)
        rows: IntArray = self._rows[places]
        return rows

    def _find(self, keys: NDArray[Any]) -> tuple[IntArray, BoolArray]:
        """Where each key stands among those that are kept, and whether it does."""
        if not len(self):
            return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=bool)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self) - 1)
        return places, np.asarray(self._keys[places] == keys, dtype=bool)

    def _learn(self, keys: NDArray[Any]) -> None:
        """Make the rows of new keys, which are in ascending order."""
        rows = np.array([self._make(key) for key in keys.tolist()], dtype=np.int64)
        where = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, where, keys)
        self._rows = np.insert(self._rows, where, rows, axis=0)

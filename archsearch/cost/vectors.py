"""Formulas written for one site, evaluated at many at once.

The closed forms are plain Python on integers. Given a ``Vector`` in place of an integer, the same
code computes at many sites in one go. That is a fast path, and it changes no answer: a vector does
arithmetic element by element, it lets itself be compared or converted only where all its elements
agree, and it does nothing else. Where they do not agree the sites are parted and the formula starts
again on each part; where a formula needs more, it is evaluated at one site after the other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.blocks.layer import Site

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Formula = Callable[[Site], Sequence[int]]


class Disagreement(Exception):  # noqa: N818 (reads as what it says)
    """A question that has several answers; ``mask`` parts the elements by their answer."""

    def __init__(self, mask: BoolArray) -> None:
        super().__init__("elements of a vector disagree")
        self.mask = mask


class Vector:
    """Numbers that are computed with as if they were one."""

    __slots__ = ("numbers",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, numbers: NDArray[Any]) -> None:
        self.numbers = numbers

    def __neg__(self) -> Vector:
        return Vector(-self.numbers)

    def __ceil__(self) -> Vector:
        return Vector(np.ceil(self.numbers).astype(np.int64))

    def __floor__(self) -> Vector:
        return Vector(np.floor(self.numbers).astype(np.int64))

    def __round__(self) -> Vector:  # to the even one of two, as Python's
        return Vector(np.rint(self.numbers).astype(np.int64))

    def __bool__(self) -> bool:
        return _agreed(self.numbers != 0)

    def __int__(self) -> int:
        return int(self._only())

    def __index__(self) -> int:
        return operator.index(self._only())

    def __float__(self) -> float:
        return float(self._only())

    def _only(self) -> Any:
        """The number that all elements are, as a plain one."""
        same = self.numbers == self.numbers[0]
        if not same.all():
            raise Disagreement(same)
        return self.numbers[0].item()


def larger(one: Any, other: Any) -> Any:
    """The larger one of two numbers, element by element where they are vectors."""
    if isinstance(one, Vector) or isinstance(other, Vector):
        return Vector(np.maximum(_numbers(one), _numbers(other)))
    return max(one, other)


def evaluate(formula: Formula, sites: IntArray) -> IntArray:
    """Evaluate a formula at each of ``sites``.

    Args:
        formula: from a site to k integers.
        sites: (n, 4), columns in the order of ``Site``; n at least 1.

    Returns:
        (n, k), row by row what the formula gives there.
    """
    try:
        found = formula(_together(sites))
        rows = [np.broadcast_to(_numbers(value), len(sites)) for value in found]
        return np.stack(rows, axis=1).astype(np.int64)
    except Disagreement as answers:
        parts = [(mask, evaluate(formula, sites[mask])) for mask in (answers.mask, ~answers.mask)]
        whole = np.empty((len(sites), parts[0][1].shape[1]), dtype=np.int64)
        for mask, part in parts:
            whole[mask] = part
        return whole
    except (TypeError, AttributeError):  # something that vectors do not have
        return np.array([formula(Site(*row)) for row in sites.tolist()], dtype=np.int64)


def _together(sites: IntArray) -> Site:
    """All sites as one; what is the same in all of them is a plain integer."""
    columns: list[Any] = [
        int(column[0]) if (column == column[0]).all() else Vector(column) for column in sites.T
    ]
    return Site(*columns)


def _numbers(value: Any) -> Any:
    return value.numbers if isinstance(value, Vector) else value


def _agreed(answers: Any) -> bool:
    if answers.all():
        return True
    if answers.any():
        raise Disagreement(answers)
    return False


def _arithmetic(name: str) -> None:
    """Give vectors an operator, element by element, from the left and from the right."""
    compute = getattr(operator, name)

    def left(self: Vector, other: Any) -> Vector:
        return Vector(compute(self.numbers, _numbers(other)))

    def right(self: Vector, other: Any) -> Vector:
        return Vector(compute(other, self.numbers))

    setattr(Vector, f"__{name}__", left)
    setattr(Vector, f"__r{name}__", right)


def _comparison(name: str) -> None:
    """Give vectors a comparison, which is true or false of all elements."""
    compare = getattr(operator, name)

    def answer(self: Vector, other: Any) -> bool:
        return _agreed(compare(self.numbers, _numbers(other)))

    setattr(Vector, f"__{name}__", answer)


for _name in ("add", "sub", "mul", "floordiv", "mod", "truediv", "rshift"):
    _arithmetic(_name)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(_name)

"""Designs: which levels of which factors an ablation's arms have, and what each is compared with.

A design is a function of the factors alone. The first row is the reference of all others, or, of a
cumulative design, of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from archsearch.arms.fractions import alias_table, fraction, relation
from archsearch.arms.settings import BASE
from archsearch.documents import Misfit

Factors = Mapping[str, Sequence[str]]
"""Levels of every factor but for the base."""

MOST_CROSSED = 10
"""Factors of a factorial design: ten of two levels have 1,024 cells."""

FULL = "full"
"""The arm of a leave-one-out design in which everything is changed."""


class Row(NamedTuple):
    """An arm to be made: its name, the level of every factor, and what it is compared with."""

    name: str
    levels: Mapping[str, str]
    reference: str | None


class Design(NamedTuple):
    """The arms to be made, and what a fractional design cannot tell apart."""

    rows: Sequence[Row]
    relation: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def design_of(name: str, factors: Factors, resolution: int | None = None) -> Design:
    """Lay out a design; ``resolution`` is that of a fractional one.

    Raises:
        Misfit: the design cannot be made of these factors.
    """
    if resolution is not None:
        return fractional_factorial(factors, resolution)
    return Design(_DESIGNS[name](factors))


def one_at_a_time(factors: Factors) -> list[Row]:
    """The base, and every level by itself."""
    base = dict.fromkeys(factors, BASE)
    alone = [(name, label) for name, labels in factors.items() for label in labels]
    return [
        Row(BASE, base, None),
        *(Row(label, {**base, name: label}, BASE) for name, label in alone),
    ]


def leave_one_out(factors: Factors) -> list[Row]:
    """All changes made, and each left out once."""
    full = _only_levels("leave_one_out", factors)
    return [
        Row(FULL, full, None),
        *(Row(f"without_{name}", {**full, name: BASE}, FULL) for name in factors),
    ]


def cumulative(factors: Factors) -> list[Row]:
    """The road map: the base, then every change on top of those before it."""
    changed = _only_levels("cumulative", factors)
    names = list(factors)
    rows = [Row(BASE, dict.fromkeys(names, BASE), None)]
    for number, name in enumerate(names):
        done = {other: changed[other] for other in names[: number + 1]}
        rows.append(Row(name, {**rows[0].levels, **done}, rows[-1].name))
    return rows


def full_factorial(factors: Factors) -> list[Row]:
    """Every combination of levels; the last factor changes fastest."""
    _few("full_factorial", factors)
    cells = product(*([BASE, *labels] for labels in factors.values()))
    return [cell_row(dict(zip(factors, cell, strict=True))) for cell in cells]


def fractional_factorial(factors: Factors, resolution: int) -> Design:
    """The smallest regular fraction of a resolution, the base among its cells."""
    changed = _only_levels("fractional_factorial", factors)
    _few("fractional_factorial", factors)
    found = fraction(len(factors), resolution)
    if found is None:
        raise Misfit(
            ("design", "fractional_factorial", "resolution"),
            f"{len(factors)} factors have no fraction of resolution {resolution} with fewer than "
            f"all {2 ** len(factors)} cells; lower it or take full_factorial",
        )
    names = list(factors)
    rows = [
        cell_row(
            {name: changed[name] if bit else BASE for name, bit in zip(names, cell, strict=True)}
        )
        for cell in found.cells
    ]
    return Design(rows, relation(found, names), alias_table(found, names))


def cell_row(levels: Mapping[str, str]) -> Row:
    """A combination of levels; its name has those that are not the base's."""
    changed = [label for label in levels.values() if label != BASE]
    return Row("+".join(changed) or BASE, levels, BASE if changed else None)


def _only_levels(design: str, factors: Factors) -> dict[str, str]:
    for name, labels in factors.items():
        if len(labels) > 1:
            raise Misfit(
                ("factors", name, "levels"),
                f"has {len(labels)} levels beside the base, and {design} takes one; keep one, or "
                "take one_at_a_time or full_factorial",
            )
    return {name: labels[0] for name, labels in factors.items()}


def _few(design: str, factors: Factors) -> None:
    if len(factors) > MOST_CROSSED:
        raise Misfit(
            ("factors",),
            f"{design} takes {MOST_CROSSED} factors at most, got {len(factors)}; drop some or take "
            "one_at_a_time",
        )


_DESIGNS: Mapping[str, Callable[[Factors], list[Row]]] = {
    "one_at_a_time": one_at_a_time,
    "leave_one_out": leave_one_out,
    "cumulative": cumulative,
    "full_factorial": full_factorial,
}

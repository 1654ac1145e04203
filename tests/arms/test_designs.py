"""Designs: their arms, what each is compared with, and fractions."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_ablations import TWO_LEVELS, plan

from archsearch.arms.designs import Factors, design_of
from archsearch.arms.fractions import Fraction, alias_table, fraction, relation
from archsearch.documents import Misfit
from archsearch.errors import InputError

THREE: Factors = {"a": ["a"], "b": ["b"], "c": ["c"]}


def levels(name: str, factors: Factors = THREE) -> list[tuple[str, str, str | None]]:
    """Of every arm: name, its levels in a word, and what it is compared with."""
    rows = design_of(name, factors).rows
    return [
        (row.name, "".join(x if x != "base" else "." for x in row.levels.values()), row.reference)
        for row in rows
    ]


def test_one_at_a_time_changes_one_factor_an_arm() -> None:
    """Every level of every factor, all compared with the base."""
    assert levels("one_at_a_time", {"a": ["a"], "b": ["1", "2"]}) == [
        ("base", "..", None),
        ("a", "a.", "base"),
        ("1", ".1", "base"),
        ("2", ".2", "base"),
    ]


def test_leave_one_out_starts_from_everything_changed() -> None:
    """And is compared with it."""
    assert levels("leave_one_out") == [
        ("full", "abc", None),
        ("without_a", ".bc", "full"),
        ("without_b", "a.c", "full"),
        ("without_c", "ab.", "full"),
    ]


def test_a_road_map_adds_change_upon_change() -> None:
    """Every step is compared with the one before it."""
    assert levels("cumulative") == [
        ("base", "...", None),
        ("a", "a..", "base"),
        ("b", "ab.", "a"),
        ("c", "abc", "b"),
    ]


def test_a_full_factorial_has_every_combination_once() -> None:
    """Of mixed numbers of levels, the base first."""
    rows = levels("full_factorial", {"a": ["a"], "b": ["1", "2"]})
    assert [name for name, _, _ in rows] == ["base", "1", "2", "a", "a+1", "a+2"]
    assert {text for _, text, _ in rows} == {"..", ".1", ".2", "a.", "a1", "a2"}
    assert [reference for *_, reference in rows] == [None, *["base"] * 5]


@pytest.mark.parametrize("name", ["leave_one_out", "cumulative", "fractional_factorial"])
def test_designs_of_two_levels_say_so(name: str) -> None:
    """A factor with more levels is refused, with the designs that take it."""
    resolution = 3 if name == "fractional_factorial" else None
    with pytest.raises(Misfit, match=f"has 2 levels beside the base, and {name} takes one"):
        design_of(name, {"a": ["a"], "b": ["1", "2"]}, resolution)


@pytest.mark.parametrize(
    ("factors", "resolution", "cells"),
    [
        (3, 3, 4),
        (4, 3, 8),
        (4, 4, 8),
        (5, 3, 8),
        (5, 4, 16),
        (5, 5, 16),
        (6, 3, 8),
        (6, 4, 16),
        (6, 5, 32),
        (7, 3, 8),
        (7, 4, 16),
        (7, 5, 64),
        (8, 4, 16),
        (8, 5, 64),
        (9, 3, 16),
        (9, 4, 32),
        (9, 5, 128),
        (10, 4, 32),
        (10, 5, 128),
    ],
)
def test_fractions_are_as_small_as_the_published_ones(
    factors: int, resolution: int, cells: int
) -> None:
    """Sizes from the tables of Box, Hunter and Hunter (1978, table 12.15)."""
    found = fraction(factors, resolution)
    assert found is not None
    assert len(found.cells) == cells


@pytest.mark.parametrize(("factors", "resolution"), [(2, 3), (3, 4), (3, 5), (4, 5)])
def test_where_no_fraction_is_small_enough_there_is_none(factors: int, resolution: int) -> None:
    """All cells are needed then."""
    assert fraction(factors, resolution) is None


def effects(found: Fraction, size: int) -> dict[frozenset[int], np.ndarray]:
    """Columns of +1 and -1 of every product of up to ``size`` factors: a second way to see it."""
    signs = 2 * np.array(found.cells) - 1
    return {
        frozenset(term): signs[:, term].prod(axis=1)
        for number in range(1, size + 1)
        for term in combinations(range(found.factors), number)
    }


@given(st.integers(3, 9), st.integers(3, 5))
def test_a_fraction_has_the_resolution_that_was_asked(factors: int, resolution: int) -> None:
    """Of the columns themselves: terms with fewer factors together are never confounded."""
    found = fraction(factors, resolution)
    if found is None:
        return
    assert len(set(found.cells)) == len(found.cells)
    assert found.cells[0] == (0,) * factors
    columns = effects(found, 2)
    for one, two in combinations(columns, 2):
        inner = int(columns[one] @ columns[two])
        if len(one) + len(two) < resolution:
            assert inner == 0
        assert abs(inner) in (0, len(found.cells))


@given(st.integers(3, 8), st.integers(3, 5))
def test_aliases_are_the_columns_that_are_equal(factors: int, resolution: int) -> None:
    """With the sign; nothing more and nothing less."""
    found = fraction(factors, resolution)
    if found is None:
        return
    names = [f"f{number}" for number in range(factors)]
    columns = effects(found, 2)
    table: dict[str, set[str]] = {}
    for one, two in product(columns, repeat=2):
        inner = int(columns[one] @ columns[two]) // len(found.cells)
        if one != two and inner:
            name, other = (" x ".join(names[i] for i in sorted(term)) for term in (one, two))
            table.setdefault(name, set()).add(("-" if inner < 0 else "") + other)
    assert {term: set(others) for term, others in alias_table(found, names).items()} == table


def test_the_defining_relation_is_that_of_the_cells() -> None:
    """Each word's column is the same in all cells, with the sign that is said."""
    found = fraction(6, 3)
    assert found is not None
    signs = 2 * np.array(found.cells) - 1
    names = "abcdef"
    for word in relation(found, names):
        sign = -1 if word.startswith("-") else 1
        column = signs[:, [names.index(x) for x in word.lstrip("-").split(" x ")]].prod(axis=1)
        assert (column == sign).all()
    assert len(relation(found, names)) == 2**3 - 1


def test_a_plan_reports_what_its_fraction_cannot_tell_apart() -> None:
    """By the factors' names."""
    found = plan(factors=f"{{{TWO_LEVELS.strip().replace(chr(10), ',')}}}", design=HALF)
    assert [arm.name for arm in found.arms] == [
        "base",
        "large_kernels+narrow",
        "convolution+narrow",
        "convolution+large_kernels",
    ]
    assert found.relation == ("-convolution x large_kernels x narrow",)
    assert found.aliases["narrow"] == ("-convolution x large_kernels",)


HALF = "{fractional_factorial: {resolution: 3}}"


def test_too_many_cells_are_refused() -> None:
    """Before a thousand nets are made."""
    many = {f"f{number}": [f"f{number}"] for number in range(11)}
    for name, resolution in (("full_factorial", None), ("fractional_factorial", 3)):
        with pytest.raises(Misfit, match="takes 10 factors at most, got 11"):
            design_of(name, many, resolution)


def test_a_resolution_without_a_fraction_is_said() -> None:
    """With what to take instead."""
    factors = f"{{{TWO_LEVELS.strip().replace(chr(10), ',')}}}"
    with pytest.raises(InputError, match=r"3 factors have no fraction of resolution 4.*8 cells"):
        plan(factors=factors, design="{fractional_factorial: {resolution: 4}}")

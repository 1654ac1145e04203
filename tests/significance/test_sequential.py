"""Looking after every seed: the error over all looks is exact, whatever the differences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.errors import InputError
from archsearch.significance.sequential import Looks, ladder, sequential_p
from archsearch.significance.sign_flip import Tail, sign_flip_p

LOOKS = Looks(4, 8)
LEVELS = ladder(0.05, 3, LOOKS.most)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=8, max_size=8),
    st.sampled_from(["both", "greater"]),
)
def test_over_all_sign_patterns_no_level_is_exceeded(sizes: list[int], tail: Tail) -> None:
    """Of all 2^8 patterns at most the share a ever has p <= a: the promise, in full."""
    paths = [
        sequential_p(np.array(sizes) * np.array(signs), LOOKS, LEVELS, tail)
        for signs in product((1.0, -1.0), repeat=8)
    ]
    smallest = np.array([path.min() for path in paths])
    for level in LEVELS:
        assert (smallest <= level).mean() <= level + 1e-12


def test_a_p_never_rises_and_starts_at_the_first_look() -> None:
    """What was shown stays shown; before ``first`` pairs nothing is."""
    d = np.array([1.0, 2, 3, 4, 5, -9, -9, -9, 50, 50])
    path = sequential_p(d, LOOKS, LEVELS)
    assert (path[:3] == 1).all()
    assert (np.diff(path) <= 0).all()
    assert path[3] < 1
    assert (path[8:] == path[7]).all()


def test_looking_costs_little_for_a_clear_difference() -> None:
    """Eight equal signs: 2 of 256 patterns, at the smallest level of the ladder that pays them."""
    path = sequential_p(np.arange(1.0, 9), LOOKS, LEVELS)
    alone = sign_flip_p(np.arange(1.0, 9))
    assert alone <= path[-1] <= 1.5 * alone


def test_with_one_look_it_is_the_plain_test() -> None:
    """The p-value is the ladder's next level above the exact one."""
    d = np.array([0.4, 1.2, -0.3, 0.8, 0.9, 2.0, 0.7, -0.1])
    levels = np.linspace(1, 0, 129)[:-1]
    path = sequential_p(d, Looks(8, 8), levels)
    assert path[-1] == pytest.approx(sign_flip_p(d))
    assert (path[:-1] == 1).all()


def test_holm_s_levels_are_on_the_ladder() -> None:
    """A p of alpha / k must be able to come out as exactly that."""
    assert set(0.05 / np.arange(1, 6)) <= set(ladder(0.05, 5, 12))
    assert (np.diff(ladder(0.05, 5, 12)) < 0).all()


def test_some_of_the_level_is_kept_for_later_looks() -> None:
    """Nothing before the first look, a part at each, all at the last and none beyond."""
    spent = [Looks(6, 12).spent(n) for n in (5, 6, 8, 12, 15)]
    assert spent == pytest.approx([0, 0.5**0.5, (2 / 3) ** 0.5, 1, 1])
    path = sequential_p(np.arange(1.0, 7), Looks(6, 12), np.array([1.0, 0.05, 0.04]))
    assert path[-1] == 0.05


def test_nothing_seen_is_no_p() -> None:
    """An arm whose trainings all failed has no p-value."""
    assert np.isnan(sequential_p([], LOOKS, LEVELS)).all()


@pytest.mark.parametrize(("first", "most"), [(0, 6), (7, 6), (6, 21)])
def test_looks_are_checked(first: int, most: int) -> None:
    """The message says what holds and why twenty is the end."""
    with pytest.raises(InputError, match=rf"first {first} and most {most}.*<= 20"):
        Looks(first, most)

"""Resampling: exact distributions of small samples, and intervals that hold what they promise."""

from __future__ import annotations

from itertools import combinations
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch import resampling
from archsearch.resampling import basic_interval, drawn_means, holm, permutation_p


def test_drawn_means_have_the_variance_of_a_mean() -> None:
    """s² / R without bias, which drawing R of R repetitions would not give."""
    values = np.array([1.0, 4.0, 6.0, 9.0])
    drawn = drawn_means(values, seed=0, draws=200_000)
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.02)
    assert drawn.var() == pytest.approx(values.var(ddof=1) / 4, rel=0.02)


def test_drawn_means_draw_whole_repetitions() -> None:
    """What belongs to one repetition stays together; the seed decides."""
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    drawn = drawn_means(values, seed=1)
    assert (drawn[:, 1] == 10 * drawn[:, 0]).all()
    assert (drawn == drawn_means(values, seed=1)).all()
    assert (drawn != drawn_means(values, seed=2)).any()
    assert np.isnan(drawn_means(values[:1], seed=0)).all()


def test_the_basic_interval_reflects_the_draws() -> None:
    """Draws that are higher by 3 in the mean put the interval lower by 3."""
    drawn = np.arange(101.0) + 3.0
    low, high = basic_interval(50.0, drawn, level=0.9)
    assert (low, high) == pytest.approx((50 - 3 - 45, 50 - 3 + 45))


def test_the_permutation_test_counts_all_splits() -> None:
    """Against a loop over them; the most extreme of 20 splits is 2 of 20."""
    first, second = np.array([1.0, 2.0, 9.0]), np.array([3.0, 5.0, 6.5])
    pooled = [*first, *second]
    away = [
        abs(sum(chosen) / 3 - (sum(pooled) - sum(chosen)) / 3) for chosen in combinations(pooled, 3)
    ]
    observed = abs(first.mean() - second.mean())
    expected = sum(a >= observed - 1e-12 for a in away) / 20
    assert permutation_p(first, second, seed=0) == pytest.approx(expected)
    assert permutation_p(np.arange(3.0), np.arange(3.0) + 50, seed=0) == pytest.approx(0.1)
    assert permutation_p(first, first[::-1], seed=0) == 1.0
    assert isnan(permutation_p(first[:1], second, seed=0))


def test_many_splits_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the given one among them, so that p is never 0, and near the exact p-value."""
    rng = np.random.default_rng(3)
    first, second = rng.normal(0, 1, 6), rng.normal(1, 1, 7)
    exact = permutation_p(first, second, seed=0)
    monkeypatch.setattr(resampling, "_MOST_SPLITS", 1_000)
    assert permutation_p(first, second, seed=0) == pytest.approx(exact, abs=0.04)
    assert 0 < permutation_p(first, second + 100, seed=0) <= 0.005


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_its_definition(values: list[float]) -> None:
    """The i-th smallest of m times m - i + 1, no smaller than those before it, at most 1."""
    p = np.array(values)
    found = holm(p)
    for at, value in enumerate(p):
        before = [(q, i) for i, q in enumerate(p) if (q, i) <= (value, at)]
        steps = [(len(p) - rank) * q for rank, (q, _) in enumerate(sorted(before))]
        assert found[at] == pytest.approx(min(max(steps), 1))

"""Rank statistics and their intervals, against scipy and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from archsearch.correlation import (
    Estimate,
    ceiling,
    ceiling_of_images,
    estimate,
    kendall,
    partial_spearman,
    ranks,
    resampled,
    spearman,
    top_recall,
    whole,
)

Floats = NDArray[np.float64]

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=14)
WEIGHTS = st.lists(st.integers(0, 3), min_size=14, max_size=14).filter(lambda w: any(w[:3]))


def columns(pairs: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    x, y = np.array(pairs, dtype=float).T
    return x, y


def copied(values: Floats, weights: list[int]) -> Floats:
    """The sample that weights stand for, written out."""
    return np.repeat(values, weights[: len(values)])


@settings(max_examples=60, deadline=None)
@given(PAIRS, WEIGHTS)
def test_weights_are_copies_for_scipy(pairs: list[tuple[int, int]], times: list[int]) -> None:
    """Spearman, Kendall's tau-b and ranks of a weighted sample are scipy's of the copies."""
    x, y = columns(pairs)
    a, b = copied(x, times), copied(y, times)
    weights = np.array([times[: len(x)]], dtype=float)
    if len(set(a)) < 2 or len(set(b)) < 2:
        assert np.isnan(spearman(x, y, weights)[0])
        assert np.isnan(kendall(x, y, weights)[0])
        return
    assert spearman(x, y, weights)[0] == pytest.approx(stats.spearmanr(a, b).statistic)
    assert kendall(x, y, weights)[0] == pytest.approx(stats.kendalltau(a, b).statistic)
    assert copied(ranks(x, weights)[0], times) == pytest.approx(stats.rankdata(a))


def residual(y: Floats, on: Floats) -> Floats:
    design = np.column_stack([np.ones(len(y)), *on])
    return np.asarray(y - design @ np.linalg.lstsq(design, y, rcond=None)[0])


@pytest.mark.parametrize("seed", range(5))
def test_partial_correlation_is_that_of_rank_residuals(seed: int) -> None:
    """Equal to regressing the ranks by least squares and correlating what is left."""
    x, y, *given_ = np.random.default_rng(seed).integers(0, 9, size=(4, 20)).astype(float)
    times = np.random.default_rng(seed).integers(0, 3, size=20)
    r = [stats.rankdata(np.repeat(v, times)) for v in (x, y, *given_)]
    expected = np.corrcoef(residual(r[0], np.array(r[2:])), residual(r[1], np.array(r[2:])))[0, 1]
    weights = times[None].astype(float)
    assert partial_spearman(x, y, np.array(given_), weights)[0] == pytest.approx(expected)


def test_partial_correlation_with_one_control_is_the_closed_form() -> None:
    """(r_xy - r_xz r_yz) / sqrt((1 - r_xz^2)(1 - r_yz^2))."""
    x, y, z = np.random.default_rng(0).normal(size=(3, 25))
    xy, xz, yz = (stats.spearmanr(a, b).statistic for a, b in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    found = partial_spearman(x, y, z[None], whole(25))[0]
    assert found == pytest.approx(expected)
    assert partial_spearman(x, y, np.array([z, z]), whole(25))[0] == pytest.approx(expected)


def test_a_control_has_no_partial_correlation() -> None:
    """Nothing is left of params at fixed params; nor of what has the same order."""
    x, y = np.random.default_rng(1).normal(size=(2, 12))
    assert np.isnan(partial_spearman(x, y, x[None], whole(12))[0])
    assert np.isnan(partial_spearman(np.exp(x), y, np.array([x, y + x]), whole(12))[0])


def test_a_proxy_of_costs_alone_explains_nothing_at_fixed_costs() -> None:
    """Its correlation is high, its partial correlation is about zero."""
    rng = np.random.default_rng(2)
    cost = rng.normal(size=400)
    proxy, accuracy = cost + 0.3 * rng.normal(size=(2, 400))
    assert spearman(proxy, accuracy, whole(400))[0] > 0.85
    assert abs(partial_spearman(proxy, accuracy, cost[None], whole(400))[0]) < 0.15


def brute_recall(x: Floats, y: Floats, k: int) -> float:
    """Of distinct values: the best k by each, as sets."""
    top = [set(np.argsort(-v)[:k].tolist()) for v in (x, y)]
    return len(top[0] & top[1]) / k


@pytest.mark.parametrize(("n", "k"), [(4, 1), (14, 1), (16, 2), (40, 4), (100, 10)])
def test_recall_counts_the_best_that_are_found(n: int, k: int) -> None:
    """A tenth, rounded, at least one; equal to intersecting two sets."""
    x, y = np.random.default_rng(n).permutation(2 * n).reshape(2, n).astype(float)
    assert top_recall(x, y, whole(n))[0] == pytest.approx(brute_recall(x, y, k))
    assert top_recall(y, y, whole(n))[0] == 1
    assert top_recall(-y, y, whole(n))[0] == 0


def test_ties_at_the_border_share_its_places() -> None:
    """One who knows nothing finds as much as chance does; copies of a net stay one net."""
    y = np.arange(20.0)
    assert top_recall(np.zeros(20), y, whole(20))[0] == pytest.approx(2 / 20)
    x = np.where(y >= 16, 1.0, 0.0)  # four tie for two places, the two best among them
    assert top_recall(x, y, whole(20))[0] == pytest.approx(0.5)
    thrice = np.where(y == 19, 3.0, np.where(y < 2, 0.0, 1.0))[None]
    assert top_recall(y, y, thrice)[0] == 1


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_only_the_order_of_a_proxy_matters(pairs: list[tuple[int, int]]) -> None:
    """Any increasing change of scale leaves every statistic as it is; a falling one turns signs."""
    x, y = columns(pairs)
    once = whole(len(x))
    for statistic in (spearman, kendall, top_recall):
        assert statistic(np.exp(x), y, once) == pytest.approx(statistic(x, y, once), nan_ok=True)
    for statistic in (spearman, kendall):
        assert statistic(-x, y, once) == pytest.approx(-statistic(x, y, once), nan_ok=True)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(spearman, stats.spearmanr), (kendall, stats.kendalltau)]
)
def test_the_interval_is_scipys(ours: Callable[..., Floats], theirs: Callable[..., object]) -> None:
    """BCa of scipy, up to the noise of the resamples; the percentiles alone are elsewhere."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    y = x + 0.4 * rng.normal(size=30)
    found = estimate(partial(ours, x, y), resampled(30, 0, 8000))
    expected = stats.bootstrap(
        (x, y),
        lambda a, b: theirs(a, b).statistic,  # type: ignore[attr-defined]
        paired=True,
        vectorized=False,
        n_resamples=1500,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found.value == pytest.approx(theirs(x, y).statistic)  # type: ignore[attr-defined]
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)
    plain = estimate(partial(ours, x, y), resampled(30, 0, 8000), corrected=False)
    assert abs(plain.low - found.low) > 0.005


def test_intervals_cover() -> None:
    """Of 200 samples of a correlation of .6, 95 % intervals hold it in about 190."""
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's of a bivariate normal
    rng = np.random.default_rng(4)
    inside = 0
    for seed in range(200):
        x, e = rng.normal(size=(2, 30))
        found = estimate(partial(spearman, x, 0.6 * x + 0.8 * e), resampled(30, seed, 400))
        inside += found.low <= truth <= found.high
    assert 0.89 <= inside / 200 <= 0.99


def test_a_perfect_order_is_certain_and_no_spread_is_undefined() -> None:
    """No interval around 1; none at all where a proxy is constant."""
    y = np.arange(10.0)
    assert estimate(partial(spearman, y, y), resampled(10, 0)) == Estimate(1, 1, 1)
    none = estimate(partial(spearman, np.zeros(10), y), resampled(10, 0))
    assert np.isnan([none.value, none.low, none.high]).all()


def test_resamples_are_seeded_and_whole() -> None:
    """Every resample has as many nets as the sample; a seed gives the same ones."""
    draws = resampled(12, 5, 300)
    assert draws.shape == (300, 12)
    assert (draws.sum(axis=1) == 12).all()
    assert (draws == resampled(12, 5, 300)).all()
    assert (draws != resampled(12, 6, 300)).any()


@pytest.mark.parametrize("repetitions", [2, 3])
def test_the_ceiling_is_what_a_perfect_proxy_reaches(repetitions: int) -> None:
    """Means of noisy repetitions correlate with the truth as the ceiling says."""
    rng = np.random.default_rng(6)
    truth = rng.normal(size=3000)
    repeated = truth + rng.normal(size=(repetitions, 3000))
    reached = np.corrcoef(truth, repeated.mean(axis=0))[0, 1]
    found = ceiling(repeated, whole(3000))[0]
    assert found == pytest.approx(reached, abs=0.02)
    assert found == pytest.approx(np.sqrt(repetitions / (1 + repetitions)), abs=0.02)


def test_the_ceiling_of_one_training_counts_the_images() -> None:
    """Binomial draws of known shares: correlation of shares and truth."""
    rng = np.random.default_rng(7)
    truth = rng.uniform(0.4, 0.6, size=4000)
    accuracy = rng.binomial(200, truth) / 200
    reached = np.corrcoef(truth, accuracy)[0, 1]
    assert ceiling_of_images(accuracy, 200, whole(4000))[0] == pytest.approx(reached, abs=0.02)


def test_no_difference_between_nets_is_no_ceiling() -> None:
    """Equal means have nothing to order."""
    assert np.isnan(ceiling(np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]), whole(3))[0])
    assert ceiling(np.array([[0.0, 1.0, 0.4], [1.0, 0.0, 0.5]]), whole(3))[0] == 0

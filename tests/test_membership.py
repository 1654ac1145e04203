"""Membership of a front: closed forms, and variances whose law is known."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.stats import norm, t

from archsearch.membership import (
    Noise,
    error_of_median,
    front_probability,
    redrawn,
    repeated_noise,
)
from archsearch.pareto import hypervolume, non_dominated
from archsearch.resampling import basic_interval

UP = (True, False)


def exact(n: int) -> Noise:
    return Noise.known(np.zeros(n))


def test_two_candidates_have_the_probability_of_a_normal_difference() -> None:
    """The dearer is on the front if it is truly better: Phi(difference / error of it)."""
    points = np.array([[0.80, 1.0], [0.83, 2.0]])
    noise = Noise.known(np.array([0.03, 0.04]))
    found = front_probability(points, [noise, exact(2)], UP, seed=0, draws=8_000)
    assert found[0] == 1.0
    assert found[1] == pytest.approx(norm.cdf(0.03 / 0.05), abs=0.02)


def test_estimated_errors_have_the_tails_of_student_s_t() -> None:
    """One candidate with an error of 3 degrees of freedom against an exact one."""
    points = np.array([[0.80, 1.0], [0.83, 2.0]])
    noise = Noise(np.array([0.0, 0.02]), np.array([inf, 3.0]))
    found = front_probability(points, [noise, exact(2)], UP, seed=0, draws=8_000)
    assert found[1] == pytest.approx(t.cdf(0.03 / 0.02, df=3), abs=0.02)


def test_a_beaten_candidate_has_a_chance_within_the_errors() -> None:
    """Equally dear and as uncertain: the worse of two has less than half, both sum to one."""
    points = np.array([[0.80, 1.0], [0.79, 1.0]])
    noise = Noise.known(np.array([0.01, 0.01]))
    found = front_probability(points, [noise, exact(2)], UP, seed=1, draws=8_000)
    assert found.sum() == pytest.approx(1.0)
    assert found[1] == pytest.approx(norm.cdf(-0.01 / np.hypot(0.01, 0.01)), abs=0.02)


def test_exact_values_are_on_the_front_or_not() -> None:
    """Without noise the probability is the mask; a row with NaN is never on it."""
    points = np.array([[0.8, 1.0], [0.7, 2.0], [0.9, 3.0], [np.nan, 0.0]])
    found = front_probability(points, [exact(4), exact(4)], UP, seed=0)
    assert found.tolist() == [1.0, 0.0, 1.0, 0.0]
    noise = Noise.known(np.full(4, 0.01))
    assert front_probability(points, [noise, exact(4)], UP, seed=0)[3] == 0.0


def test_the_seed_decides_the_draws() -> None:
    """The same table every time."""
    points = np.array([[0.80, 1.0], [0.81, 2.0]])
    noises = [Noise.known(np.full(2, 0.02)), exact(2)]
    first = front_probability(points, noises, UP, seed=5, draws=500)
    assert (first == front_probability(points, noises, UP, seed=5, draws=500)).all()
    assert (first != front_probability(points, noises, UP, seed=6, draws=500)).any()


def test_unequal_variances_are_told_apart_as_far_as_they_are_known() -> None:
    """Of variances of an inverse chi-square law, its parameters are found again (Smyth 2004)."""
    rng = np.random.default_rng(0)
    d0, s0, d = 6.0, 0.02, 4
    true = d0 * s0**2 / rng.chisquare(d0, 20_000)
    sd = np.sqrt(true * rng.chisquare(d, 20_000) / d)
    found = repeated_noise(sd, np.full(20_000, d + 1))
    assert found.df[0] == pytest.approx(d0 + d, rel=0.06)
    moderated = found.error**2 * (d + 1)
    expected = (d0 * s0**2 + d * sd**2) / (d0 + d)
    assert moderated == pytest.approx(expected, rel=0.06)
    away = [np.mean(np.log(found / true) ** 2) for found in (moderated, sd**2)]
    assert away[0] < 0.6 * away[1]


def test_equal_variances_are_pooled() -> None:
    """Where variances differ no more than by chance, every candidate has their mean."""
    sd = np.random.default_rng(1).uniform(0.02, 0.04, 60)
    found = repeated_noise(sd, np.full(60, 2))
    assert found.error == pytest.approx(np.sqrt(np.mean(sd**2) / 2))
    assert (found.df == 60).all()


def test_an_unrepeated_candidate_has_the_common_deviation() -> None:
    """And its whole error, as it is no mean; two repeated ones are pooled by their freedom."""
    found = repeated_noise(np.array([0.03, 0.06, np.nan]), np.array([3, 2, 1]))
    pooled = np.sqrt((2 * 0.03**2 + 0.06**2) / 3)
    assert found.error == pytest.approx(pooled / np.sqrt([3, 2, 1]))
    assert found.df.tolist() == [3, 3, 3]


def test_one_pair_of_equal_repetitions_is_not_taken_for_certainty() -> None:
    """Its deviation of zero is drawn towards that of the others."""
    found = repeated_noise(np.array([0.0, 0.02, 0.03, 0.01]), np.full(4, 2))
    assert found.error[0] > 0.002


@pytest.mark.parametrize("n", [np.ones(3), np.full(3, 2.0)])
def test_no_deviation_anywhere_is_no_noise(n: np.ndarray) -> None:
    """Neither unrepeated candidates nor repetitions that all agree have an error."""
    sd = np.where(n > 1, 0.0, np.nan)
    assert repeated_noise(sd, n).error.tolist() == [0.0, 0.0, 0.0]


def test_the_error_of_a_median_is_that_of_normal_runs() -> None:
    """Against medians of simulated runs."""
    rng = np.random.default_rng(0)
    runs = rng.normal(30, 2, (4_000, 51))
    p10, p90 = np.quantile(rng.normal(30, 2, 100_000), [0.1, 0.9])
    assert error_of_median(p10, p90, 51) == pytest.approx(np.median(runs, axis=1).std(), rel=0.04)


def test_intervals_of_a_noisy_front_hold_the_true_hypervolume() -> None:
    """In some 92 of 100 cases, though the front of 60 noisy points looks far better than it is.

    Without the reflection of ``basic_interval`` it is 1 in 8.
    """
    rng = np.random.default_rng(1)
    held, percentile, cases, error = 0, 0, 100, np.full(60, 0.06)
    noises = [Noise.known(error), Noise.known(np.zeros(60))]
    for case in range(cases):
        true = rng.random((60, 2))
        true[:, 0] = 0.6 * true[:, 1] + 0.4 * true[:, 0]
        measured = true + np.c_[rng.normal(0, error), np.zeros(60)]
        redraws = redrawn(measured, noises, case, 200)
        drawn = np.array([hypervolume(each, (-0.2, 1.2), UP) for each in redraws])
        low, high = basic_interval(hypervolume(measured, (-0.2, 1.2), UP), drawn)
        value = hypervolume(true, (-0.2, 1.2), UP)
        held += low <= value <= high
        percentile += np.quantile(drawn, 0.025) <= value <= np.quantile(drawn, 0.975)
    assert 85 <= held <= 100
    assert percentile < 30


def test_redrawn_points_have_their_errors_and_no_heavier_tails() -> None:
    """Normal, whatever the degrees of freedom; what is exact stays."""
    noise = Noise(np.array([0.1, 0.2]), np.array([1.0, 1.0]))
    points = np.array([[1.0, 5.0], [2.0, 6.0]])
    drawn = np.array(list(redrawn(points, [noise, exact(2)], seed=0, draws=20_000)))
    assert drawn[:, :, 0].mean(axis=0) == pytest.approx([1.0, 2.0], abs=0.02)
    assert drawn[:, :, 0].std(axis=0) == pytest.approx([0.1, 0.2], rel=0.03)
    assert (drawn[:, :, 1] == [5.0, 6.0]).all()
    assert non_dominated(drawn[0], UP).any()

"""Planning: what n can show, what a difference needs, and that the forecast comes true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archsearch.errors import InputError
from archsearch.significance.holm import holm
from archsearch.significance.power import (
    MOST_SEEDS,
    cautious_sd,
    fewest_seeds,
    forecast,
    seeds_needed,
    smallest_p,
)
from archsearch.significance.sign_flip import sign_flip_p


def test_what_n_can_show_at_best() -> None:
    """Three seeds 0.25; six 0.031; eight after Holm over five arms 0.039."""
    assert smallest_p(3) == (0.25, 0.25)
    assert smallest_p(6, 1) == (0.03125, 0.03125)
    assert smallest_p(8, 5) == (0.0078125, 0.0390625)
    assert smallest_p(3, 5) == (0.25, 1.0)
    assert [fewest_seeds(arms) for arms in (1, 2, 5, 7)] == [6, 7, 8, 10 - 1]


def test_six_seeds_show_what_has_one_sign() -> None:
    """The closed form: at n = 6 all differences must have the same sign."""
    for effect in (0.5, 1.0, 2.0):
        one_sign = stats.norm.cdf(effect) ** 6 + stats.norm.cdf(-effect) ** 6
        assert forecast(6, effect, 1.0) == pytest.approx(one_sign, abs=0.025)


def test_many_seeds_are_forecast_by_student_s_power() -> None:
    """Against the noncentral t distribution."""
    n, effect, level = 30, 0.6, 0.05 / 4
    bar, centre = stats.t.ppf(1 - level / 2, n - 1), effect * np.sqrt(n)
    known = stats.nct.sf(bar, n - 1, centre) + stats.nct.cdf(-bar, n - 1, centre)
    assert forecast(n, effect, 1.0, arms=4) == pytest.approx(known, abs=0.003)


@pytest.mark.parametrize(("n", "arms", "effect"), [(8, 4, 1.5), (10, 3, 1.0), (12, 1, 0.8)])
def test_simulated_power_is_within_five_points_of_the_forecast(
    n: int, arms: int, effect: float
) -> None:
    """One arm differs; 600 studies of the whole procedure, sign flips and Holm."""
    rng = np.random.default_rng(n)
    shown = 0
    for _ in range(600):
        noise = rng.standard_normal((n, arms + 1)) / np.sqrt(2)
        differences = noise[:, 1:] - noise[:, :1]
        differences[:, 0] += effect
        shown += holm([sign_flip_p(d) for d in differences.T])[0] <= 0.05
    assert shown / 600 == pytest.approx(forecast(n, effect, 1.0, arms), abs=0.05)


def test_a_forecast_knows_only_the_ratio_and_few_seeds_nothing() -> None:
    """Unit and sign do not matter; where no pattern is allowed power is zero."""
    assert forecast(9, 0.02, 0.01) == forecast(9, -2, 1)
    assert forecast(5, 100, 1) == 0
    assert forecast(7, 100, 1, arms=5) == 0
    assert forecast(8, 100, 1, arms=5) == 1


def test_seeds_needed_are_the_fewest_with_the_power() -> None:
    """One seed less has too little."""
    n = seeds_needed(0.01, 0.01, arms=3)
    assert n is not None
    assert forecast(n, 0.01, 0.01, 3) >= 0.8 > forecast(n - 1, 0.01, 0.01, 3)
    assert seeds_needed(0.01, 0.0001, arms=5) == 8
    assert seeds_needed(0.0, 0.01) is None
    assert forecast(MOST_SEEDS, 0.0001, 0.01) < 0.8
    assert seeds_needed(0.0001, 0.01) is None


def test_a_plan_from_few_seeds_can_be_cautious() -> None:
    """Four in five true deviations lie below; with many seeds hardly anything is added."""
    rng = np.random.default_rng(0)
    below = [cautious_sd(float(d.std(ddof=1)), 6) >= 1 for d in rng.standard_normal((4000, 6))]
    assert np.mean(below) == pytest.approx(0.8, abs=0.03)
    assert cautious_sd(1, 1000) == pytest.approx(1, abs=0.03)
    assert cautious_sd(1, 1) == float("inf")


@pytest.mark.parametrize("sd", [0.0, float("nan"), -1.0])
def test_no_spread_is_no_plan(sd: float) -> None:
    """The message says what to do."""
    with pytest.raises(InputError, match="must be a positive number: run two seeds"):
        seeds_needed(0.01, sd)
    with pytest.raises(InputError, match="0 seeds and 1 arms"):
        forecast(0, 0.01, 1.0)


@settings(max_examples=25)
@given(
    st.floats(0.05, 3),
    st.sampled_from((1, 2, 5, 40, 127)),
    st.sampled_from((0.05, 0.01)),
    st.sampled_from((0.5, 0.8, 0.95)),
)
def test_halving_finds_what_trying_every_number_finds(
    ratio: float, arms: int, alpha: float, power: float
) -> None:
    """The first number of seeds with the power, of all from 1 on."""
    counts = range(1, MOST_SEEDS + 1)
    first = next((n for n in counts if forecast(n, ratio, 1, arms, alpha) >= power), None)
    assert seeds_needed(ratio, 1, arms, alpha, power) == first

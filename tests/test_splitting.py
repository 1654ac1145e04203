"""Multilevel splitting reaches rare rows and keeps their distribution, known here exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, ttest_1samp

from archsearch.splitting import SURVIVE, Chains, Cloud, FloatArray, IntArray, next_level

SIGNIFICANCE = 1e-3
"""A right sampler fails each test of a distribution here with this chance, but for fixed seeds."""

DICE, FACES = 20, 6


class Dice:
    """Rows of dice whose sum is limited; counts the rows that it is asked about."""

    def __init__(self, outside: Callable[[IntArray], FloatArray]) -> None:
        self._outside = outside
        self.asked = 0

    def excess(self, rows: IntArray) -> FloatArray:
        self.asked += len(rows)
        return np.maximum(self._outside(rows.sum(axis=1)), 0.0)

    def sampled(self, seed: int, size: int = 512, dice: int = DICE) -> IntArray:
        """Split from 4,096 draws, then renewed."""
        rng = np.random.default_rng(seed)
        rows = rng.integers(FACES, size=(4096, dice))
        chains = Chains(np.full(dice, FACES), self.excess, rng)
        cloud = chains.renew(chains.split(Cloud(rows, self.excess(rows)), size))
        assert not cloud.excess.any()
        assert not self.excess(cloud.rows).any()
        return cloud.rows


def at_most(limit: int) -> Dice:
    return Dice(lambda sums: (sums - limit) / limit)


def sums(dice: int) -> FloatArray:
    """Probability of every sum of so many dice with faces from 0: their convolution."""
    found = np.ones(1)
    for _ in range(dice):
        found = np.convolve(found, np.full(FACES, 1 / FACES))
    return found


def p_value(observed: IntArray, expected: FloatArray) -> float:
    """Chi-square test of counts against probabilities, rare cells together."""
    counts = expected / expected.sum() * observed.sum()
    rare = counts < 5
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        counts = np.append(counts[~rare], counts[rare].sum())
    assert len(counts) > 3
    return float(chisquare(observed, counts).pvalue)


@pytest.mark.parametrize("limit", [30, 17])
def test_rare_rows_are_distributed_as_draws_within_the_limit(limit: int) -> None:
    """At shares of 5e-3 and 4e-6: sums, and labels of the first die, are the exact ones."""
    dice = at_most(limit)
    rows = np.concatenate([dice.sampled(seed) for seed in range(8)])
    share = sums(DICE)[: limit + 1].sum()
    assert share == pytest.approx({30: 4.93e-3, 17: 3.89e-6}[limit], rel=1e-2)
    found = np.bincount(rows.sum(axis=1), minlength=limit + 1)
    assert p_value(found, sums(DICE)[: limit + 1]) > SIGNIFICANCE
    first = np.array([sums(DICE - 1)[: limit + 1 - face].sum() for face in range(FACES)])
    for die in range(DICE):
        assert p_value(np.bincount(rows[:, die], minlength=FACES), first) > SIGNIFICANCE / DICE


def test_rows_do_not_repeat_each_other() -> None:
    """Survivors have common ancestors, of whom nothing is left: pairs agree as independent ones."""
    rows = at_most(17).sampled(0)
    assert len(np.unique(rows, axis=0)) == len(rows)
    agree = (rows[:, None] == rows[None]).mean(axis=(0, 1))
    first = np.array([sums(DICE - 1)[: 18 - face].sum() for face in range(FACES)])
    first /= first.sum()
    assert agree.mean() == pytest.approx((first**2).sum(), rel=0.02)


def test_each_of_two_separate_regions_keeps_its_share() -> None:
    """No region is lost or favoured on the way down: the shares are right on average."""
    low, high = 30, 72
    dice = Dice(lambda sums: np.minimum(sums - low, high - sums) / DICE)
    exact = sums(DICE)[: low + 1].sum()
    exact /= exact + sums(DICE)[high:].sum()
    assert 0.3 < exact / (1 - exact) < 3
    found = [float((dice.sampled(seed, 128).sum(axis=1) <= low).mean()) for seed in range(40)]
    assert ttest_1samp(found, exact).pvalue > SIGNIFICANCE


def test_a_step_keeps_the_distribution() -> None:
    """Rows that have the exact distribution within a level still have it after many steps."""
    limit = 8
    every = np.stack(np.meshgrid(*[np.arange(FACES)] * 4), axis=-1).reshape(-1, 4)
    within = every[every.sum(axis=1) <= limit]
    rng = np.random.default_rng(4)
    rows = within[rng.integers(len(within), size=20_000)]
    cloud = Cloud(rows, np.zeros(len(rows)))
    chains = Chains(np.full(4, FACES), at_most(limit).excess, rng)
    for _ in range(30):
        cloud, _ = chains.step(cloud, 0.0)
    index = cloud.rows @ FACES ** np.arange(4)
    found = np.bincount(index, minlength=FACES**4)
    assert (cloud.rows != rows).any(axis=1).mean() > 0.9
    assert p_value(found[np.sort(within @ FACES ** np.arange(4))], np.ones(len(within))) > (
        SIGNIFICANCE
    )


@pytest.mark.parametrize(("limit", "most"), [(30, 60_000), (17, 200_000), (10, 400_000)])
def test_the_work_grows_with_the_logarithm_of_the_rarity(limit: int, most: int) -> None:
    """At shares of 5e-3, 4e-6 and 8e-9, rows are looked at by the ten thousand."""
    dice = at_most(limit)
    dice.sampled(3)
    assert dice.asked < most


def test_what_cannot_be_met_ends() -> None:
    """The cloud comes back at the lowest level there is, after a bounded number of rows."""
    dice = Dice(lambda sums: sums + 1.0)
    rng = np.random.default_rng(0)
    rows = rng.integers(FACES, size=(4096, DICE))
    chains = Chains(np.full(DICE, FACES), dice.excess, rng)
    cloud = chains.split(Cloud(rows, dice.excess(rows)), 512)
    assert set(cloud.excess) == {1.0}
    assert dice.asked < 600_000


def test_rows_that_are_no_members_are_left_at_once() -> None:
    """Infinite excess: one row in thousands that is finite is enough to begin with."""

    def excess(rows: IntArray) -> FloatArray:
        return np.where(rows[:, 0] == 0, np.where(rows[:, 1:].sum(axis=1) < 3, 0.0, 1.0), np.inf)

    rng = np.random.default_rng(1)
    rows = rng.integers(FACES, size=(300, 6))
    rows[1:, 0] = 1
    rows[0, :2] = (0, 5)
    chains = Chains(np.full(6, FACES), excess, rng)
    cloud = chains.split(Cloud(rows, excess(rows)), 200)
    assert not cloud.excess.any()
    assert not cloud.rows[:, 0].any()


def test_the_same_seed_gives_the_same_rows() -> None:
    """And another one others."""
    one, two, other = (at_most(17).sampled(seed) for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_rows_without_leaves_are_left_as_they_are() -> None:
    """A space of one point has nothing to redraw."""
    cloud = Cloud(np.zeros((5, 0), dtype=np.int64), np.ones(5))
    chains = Chains(
        np.zeros(0, dtype=np.int64), lambda rows: np.ones(len(rows)), np.random.default_rng(0)
    )
    assert chains.split(cloud, 8) is cloud


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.inf]), min_size=1, max_size=40))
def test_the_next_level_is_lower_and_met(values: list[float]) -> None:
    """It is an excess that occurs; a quarter survives, or nobody below could; else it stays."""
    excess = np.array(values)
    level = next_level(excess, np.inf)
    finite = excess[np.isfinite(excess)]
    if not len(finite):
        assert level == np.inf
        return
    assert level in finite
    assert (excess <= level).mean() >= SURVIVE * (len(excess) - 1) / len(excess) or (
        level == finite.max()
    )
    assert next_level(excess, min(values)) == min(values)

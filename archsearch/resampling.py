"""Intervals and a test from resampling, for a few repeated runs."""

from __future__ import annotations

from itertools import combinations
from math import comb, nan

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
DRAWS = 2_000

_MOST_SPLITS = 20_000
"""Up to as many splits of the runs a permutation test looks at all of them."""


def drawn_means(values: Floats, seed: int, draws: int = DRAWS) -> Floats:
    """Bootstrap means of ``values`` (R, ...) over R repetitions.

    Each is the mean of R - 1 repetitions drawn with replacement: their variance is then that of the
    mean without bias, s² / R, where drawing R makes it too small by (R - 1) / R (Rao and Wu 1988,
    section 3), which matters for few runs. NaN where R is 1.

    Returns:
        Means (draws, ...).
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return np.full((draws, *values.shape[1:]), nan)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n - 1, np.full(n, 1 / n), size=draws) / (n - 1)
    return np.tensordot(weights, values, axes=1)


def basic_interval(value: Floats | float, drawn: Floats, level: float = LEVEL) -> Floats:
    """Basic bootstrap interval (2, ...) of ``value`` (...) from ``drawn`` (draws, ...).

    The quantiles of the draws are reflected at the value (Davison and Hinkley 1997, section 5.2).
    So what noise adds to a draw is taken from the value: the front of noisy measurements looks
    better than it is, and a front of measurements drawn again still more so. The value itself can
    therefore lie outside of its interval.
    """
    ends = np.quantile(drawn, [(1 + level) / 2, (1 - level) / 2], axis=0)
    return np.asarray(2 * np.asarray(value) - ends)


def permutation_p(first: Floats, second: Floats, seed: int) -> float:
    """Two-sided p-value of a difference in means, if it did not matter which runs are whose.

    It is the share of ways to split the runs in which the means differ at least as much; all ways
    where they are few enough, else a sample of them with the given one included. With 3 runs
    against 3 it is 0.1 at least. NaN where a side has fewer than two runs.
    """
    if min(len(first), len(second)) < 2:
        return nan
    pooled, k = np.concatenate([first, second]), len(first)
    chosen = _splits(len(pooled), k, seed)
    sums = pooled[chosen].sum(axis=1)
    away = np.abs(sums / k - (pooled.sum() - sums) / (len(pooled) - k))
    # Equal sums in another order differ by rounding.
    return float((away >= away[0] * (1 - 1e-9)).mean())


def _splits(n: int, k: int, seed: int) -> npt.NDArray[np.int64]:
    """Which ``k`` of ``n`` runs are the first strategy's; the given split comes first."""
    if comb(n, k) <= _MOST_SPLITS:
        return np.array(list(combinations(range(n), k)))
    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.broadcast_to(np.arange(n), (_MOST_SPLITS - 1, n)), axis=1)[:, :k]
    return np.vstack([np.arange(k), drawn])

"""How likely each candidate is on the front, given how surely its objectives are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from archsearch.pareto import Points, non_dominated

Floats = npt.NDArray[np.float64]

DRAWS = 2_000

_SMALLEST = 1e-2
"""Smaller shares of the median variance count as that where variances are compared: rounding makes
zeros."""

_NO_EXCESS = 1e-6
"""Variances of log variances that differ by less from that of chance alone are taken as equal."""

_FEW = 3
"""Fewer repeated candidates do not show how much variances differ."""


@dataclass(frozen=True)
class Noise:
    """How surely one objective is known of each of N candidates.

    Attributes:
        error: standard error (N,) of each value, 0 where it is exact.
        df: degrees of freedom (N,) of that error; infinite where it is known and not estimated.
    """

    error: Floats
    df: Floats

    @classmethod
    def known(cls, error: Floats) -> Noise:
        """Standard errors that are no estimates; NaN counts as 0."""
        error = np.nan_to_num(np.asarray(error, dtype=float))
        return cls(error, np.full(len(error), inf))


def repeated_noise(sd: Floats, n: Floats) -> Noise:
    """Noise of means of a few repetitions, with what the candidates' deviations share.

    A deviation of two or three repetitions is itself so uncertain that a candidate would look sure
    or hopeless by chance. So each variance is drawn towards the common one by as much as the
    variances agree: the moderated variance of Smyth (2004, section 6.2), s̃² = (d0 s0² + d s²) /
    (d0 + d) with d0 + d degrees of freedom, where d0 and s0² come from the variances themselves. A
    candidate with one repetition has s0².

    Args:
        sd: standard deviation (N,) over repetitions; NaN where there is one.
        n: repetitions (N,), at least 1.
    """
    sd, n = np.asarray(sd, dtype=float), np.asarray(n, dtype=float)
    repeated = (n >= 2) & np.isfinite(sd)
    variance, df = np.where(repeated, sd, 0.0) ** 2, np.where(repeated, n - 1, 0.0)
    if not (variance > 0).any():
        return Noise.known(np.zeros(len(sd)))
    prior_df, prior = _prior(variance[repeated], df[repeated])
    weight = 1.0 if prior_df == inf else prior_df / (prior_df + df)
    moderated = weight * prior + (1 - weight) * variance
    return Noise(np.sqrt(moderated / n), np.minimum(prior_df + df, df.sum()))


def front_probability(
    points: Points,
    noises: Sequence[Noise],
    maximize: Sequence[bool],
    seed: int,
    draws: int = DRAWS,
) -> Floats:
    """Share of ``draws`` of the true values in which each candidate is non-dominated.

    True values are drawn around the measured ones, every candidate and objective by itself: value +
    error t, with t of Student's distribution. So a candidate that others beat by less than their
    errors has a chance, and a member of the front that others nearly beat has less than certainty.
    The share is itself known to ± sqrt(p (1 - p) / draws), 0.011 at the most with 2,000.

    Args:
        points: measured values (n, m), of all candidates and not of the front alone.
        noises: one an objective.
        maximize: one flag an objective.
        seed: of the draws.
        draws: how many.

    Returns:
        Shares (n,); 0 for a row with NaN.
    """
    if not any(noise.error.any() for noise in noises):
        return non_dominated(points, maximize).astype(float)
    rng = np.random.default_rng(seed)
    found = np.zeros(len(points))
    for drawn in _drawn(points, noises, rng, draws):
        found += non_dominated(drawn, maximize)
    return found / draws


def redrawn(
    points: Points, noises: Sequence[Noise], seed: int, draws: int = DRAWS
) -> Iterator[Points]:
    """``points`` as another measurement could give them: with normal noise of the same errors."""
    normal = [Noise.known(noise.error) for noise in noises]
    yield from _drawn(points, normal, np.random.default_rng(seed), draws)


def _drawn(
    points: Points, noises: Sequence[Noise], rng: np.random.Generator, draws: int
) -> Iterator[Points]:
    error = np.stack([noise.error for noise in noises], axis=1)
    df = np.stack([noise.df for noise in noises], axis=1)
    estimated = np.isfinite(df)
    shape = np.where(estimated, df, 1.0)
    for _ in range(draws):
        normal = rng.standard_normal(error.shape)
        widened = np.sqrt(shape / rng.chisquare(shape)) if estimated.any() else 1.0
        yield points + error * normal * np.where(estimated, widened, 1.0)


def _prior(variance: Floats, df: Floats) -> tuple[float, float]:
    """Degrees of freedom d0 and variance s0² that the variances share (Smyth 2004, section 6.2)."""
    pooled = float((df * variance).sum() / df.sum())
    if len(variance) < _FEW:
        return inf, pooled
    floored = np.maximum(variance, _SMALLEST * float(np.median(variance[variance > 0])))
    logs = np.log(floored) - digamma(df / 2) + np.log(df / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, df / 2).mean())
    if excess < _NO_EXCESS:
        return inf, pooled
    half = float(np.exp(brentq(lambda log: polygamma(1, np.exp(log)) - excess, -20.0, 20.0)))
    return 2 * half, float(np.exp(logs.mean() + digamma(half) - np.log(half)))


def error_of_median(p10: float, p90: float, n: int) -> float:
    """Standard error of the median of ``n`` runs, from their tenth and ninetieth percentile.

    For normal runs: their deviation is (p90 - p10) / 2.563, and a median of many has sqrt(pi / 2)
    times the error of a mean.
    """
    return sqrt(np.pi / 2) * (p90 - p10) / 2.563 / sqrt(n)

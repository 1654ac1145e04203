"""How well a number orders nets by their accuracy: rank statistics with bootstrap intervals.

Every statistic takes ``weights`` (B, N), which say how often each of the N nets stands in each of B
samples, and gives one number a sample (B,): the sample itself, its bootstrap resamples and its
jackknife are three matrices of weights, and one product of matrices makes all ranks of all samples.
A statistic is NaN where a sample leaves it undefined, such as a correlation without spread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From weights (B, N) to one number a sample (B,)."""

LEVEL = 0.95
RESAMPLES = 2_000
TOP_SHARE = 0.1

_NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A statistic with its bootstrap interval; all NaN where it is undefined."""

    value: float
    low: float
    high: float


def whole(n: int) -> Floats:
    """Weights (1, N) of the sample itself."""
    return np.ones((1, n))


def resampled(n: int, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Weights (resamples, N) of samples of N nets drawn with replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def estimate(
    statistic: Statistic, draws: Floats, *, level: float = LEVEL, corrected: bool = True
) -> Estimate:
    """A statistic of N nets with the interval of its resamples.

    Args:
        statistic: what to estimate.
        draws: weights (B, N) as ``resampled`` gives them; the same for all that is compared.
        level: coverage that the interval aims at.
        corrected: BCa, bias-corrected and accelerated (Efron 1987); False takes the percentiles,
            as for statistics of few distinct values.
    """
    n = draws.shape[1]
    value = float(statistic(whole(n))[0])
    found = statistic(draws)
    found = found[np.isfinite(found)]
    if not np.isfinite(value) or not found.size:
        return Estimate(nan, nan, nan)
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    if corrected:
        ends = _accelerated(ends, value, found, statistic(1 - np.eye(n)))
    low, high = np.quantile(found, ends)
    return Estimate(value, float(low), float(high))


def _accelerated(ends: Floats, value: float, found: Floats, left_out: Floats) -> Floats:
    """Levels at which BCa reads the resamples; ``ends`` themselves where it is not defined."""
    below = ((found < value).sum() + 0.5 * (found == value).sum()) / found.size
    jackknife = left_out[np.isfinite(left_out)]
    away = jackknife.mean() - jackknife if jackknife.size else np.zeros(1)
    scale = (away**2).sum() ** 1.5
    if not 0 < below < 1 or scale == 0:
        return ends
    bias, acceleration = ndtri(below), (away**3).sum() / (6 * scale)
    shifted = bias + ndtri(ends)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)))


def spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Spearman's rank correlation of x and y (N,), with average ranks for ties."""
    return _correlation(ranks(x, weights), ranks(y, weights), weights)


def kendall(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Kendall's tau-b of x and y (N,).

    Concordant less discordant pairs, over the geometric mean of the pairs that are not tied in x
    and of those that are not tied in y. Copies of one net are a tie in both.
    """
    across, upwards = _signs(x), _signs(y)
    untied = _pairs(np.abs(across), weights) * _pairs(np.abs(upwards), weights)
    return _over(_pairs(across * upwards, weights), np.sqrt(untied))


def top_recall(x: Floats, y: Floats, weights: Floats, share: float = TOP_SHARE) -> Floats:
    """Share of the best nets by y that are among as many best by x.

    As many are ``share`` of the nets, rounded, at least one. Nets that tie at the border share the
    places left there evenly; a proxy that ties all of N nets finds k of the best k with k / N.
    """
    places = np.maximum(1, np.round(share * weights.sum(axis=1, keepdims=True)))
    both = np.minimum(_in_top(x, weights, places), _in_top(y, weights, places))
    return np.asarray((weights * both).sum(axis=1) / places[:, 0])


def partial_spearman(x: Floats, y: Floats, controls: Floats, weights: Floats) -> Floats:
    """Correlation of what is left of the ranks of x and y at fixed ranks of ``controls`` (C, N).

    What is left are the residuals of a linear regression on the controls' ranks. NaN where the
    controls leave nothing of x or y, so for a control itself.
    """
    ranked = np.stack([ranks(each, weights) for each in (x, y, *controls)], axis=1)
    matrix = _covariances(ranked, weights)
    given = np.linalg.pinv(matrix[:, 2:, 2:], hermitian=True)
    explained = matrix[:, :2, 2:] @ given @ matrix[:, 2:, :2]
    left = matrix[:, :2, :2] - explained
    own = np.diagonal(left, axis1=1, axis2=2)
    own = np.where(own > 1e-6 * np.diagonal(matrix, axis1=1, axis2=2)[:, :2], own, 0)
    return _over(left[:, 0, 1], np.sqrt(own.prod(axis=1)))


def ceiling(repeated: Floats, weights: Floats) -> Floats:
    """The highest correlation with the means of ``repeated`` (R, N) that noise lets one expect.

    It is the square root of the reliability of the mean of R repetitions, 1 - MSW / MSB of a
    one-way analysis of variance (Spearman 1904; the intraclass correlation ICC(1, k) of Shrout and
    Fleiss 1979), for a proxy that knows every net's true mean. R must be 2 at least.
    """
    noise = (weights * repeated.var(axis=0, ddof=1)).sum(axis=1) / weights.sum(axis=1)
    return _ceiling(repeated.mean(axis=0), noise / len(repeated), weights)


def ceiling_of_images(accuracy: Floats, images: int, weights: Floats) -> Floats:
    """As ``ceiling``, where each accuracy (N,) comes from one training on ``images`` images.

    Only the draw of the images, p(1-p)/images, is counted as noise: with that of the seed, which
    one training does not show, the ceiling would be lower.
    """
    noise = (weights * accuracy * (1 - accuracy)).sum(axis=1) / weights.sum(axis=1)
    return _ceiling(accuracy, noise / images, weights)


def _ceiling(means: Floats, noise: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=1)
    centred = means - ((weights * means).sum(axis=1) / total)[:, None]
    between = (weights * centred**2).sum(axis=1) / (total - 1)
    return np.sqrt(np.clip(1 - _over(noise, between), 0, 1))


def ranks(x: ArrayLike, weights: Floats) -> Floats:
    """Average ranks (B, N), from 1, of every net among all copies of a sample."""
    x = np.asarray(x, dtype=np.float64)
    before = (x[:, None] < x[None, :]) + 0.5 * (x[:, None] == x[None, :])
    return np.asarray(weights @ before + 0.5)


def _in_top(x: Floats, weights: Floats, places: Floats) -> Floats:
    """Share (B, N) of each copy of a net that is among the ``places`` (B, 1) best."""
    above = weights @ (x[:, None] > x[None, :]).astype(np.float64)
    tied = weights @ (x[:, None] == x[None, :]).astype(np.float64)
    return np.asarray(np.clip((places - above) / np.maximum(tied, 1), 0, 1))


def _signs(x: Floats) -> Floats:
    return np.sign(x[:, None] - x[None, :])


def _pairs(of: Floats, weights: Floats) -> Floats:
    """Sum (B,) of a symmetric (N, N) over all ordered pairs of a sample."""
    return np.asarray(((weights @ of) * weights).sum(axis=1))


def _correlation(a: Floats, b: Floats, weights: Floats) -> Floats:
    matrix = _covariances(np.stack([a, b], axis=1), weights)
    return _over(matrix[:, 0, 1], np.sqrt(matrix[:, 0, 0] * matrix[:, 1, 1]))


def _covariances(values: Floats, weights: Floats) -> Floats:
    """Covariances (B, K, K) of K variables (B, K, N) over the nets of each sample."""
    total = weights.sum(axis=1)[:, None, None]
    centred = values - (weights[:, None] * values).sum(axis=2, keepdims=True) / total
    return np.asarray((weights[:, None] * centred) @ centred.transpose(0, 2, 1) / total)


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is zero up to rounding."""
    defined = denominator > _NO_SPREAD
    return np.where(defined, numerator / np.where(defined, denominator, 1), nan)

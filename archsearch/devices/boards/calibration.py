"""``archsearch devices calibrate``: a few nets timed on a user's board, a profile refitted to it.

With counts C (nets x features), a shipped profile's coefficients c0 and the median ratio s of
measured to predicted times, k = c / (s c0 u) is fitted to (C_ij u_j s / t_i) k = 1 with a pull
towards the profile, as ``fitting.fit_relative`` does it; u_j makes a feature's root mean square 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from archsearch.devices.fitting import RIDGES, fit_relative
from archsearch.devices.profile import Errors, Fit, FloatArray, class_weights
from archsearch.errors import InputError

FEWEST, MOST = 5, 12
"""Nets to measure: below, a profile cannot be told from chance; above, little is gained."""

_PREFIX = "ns_per_"


def choose(counts: FloatArray, fit: Fit, number: int) -> list[int]:
    """Choose nets whose time is made of different things.

    Greedy D-optimal design: each next net is the one that enlarges det(X'X) most, where a row of X
    says how a net's time is shared out between the features. The first is the net whose shares
    are the most extreme.

    Args:
        counts: of the candidates, shape (nets, classes).
        fit: the profile's, to begin with.
        number: how many.

    Returns:
        Indices of the chosen, in the order of choice.
    """
    shares = counts @ class_weights(_features(fit)) / fit.milliseconds(counts)[:, None]
    scale = np.sqrt((shares**2).mean(axis=0))
    x = shares / np.where(scale > 0, scale, 1.0)
    inverse = np.eye(x.shape[1]) / 1e-3
    chosen: list[int] = []
    for _ in range(min(number, len(x))):
        gain = np.einsum("ni,ij,nj->n", x, inverse, x)
        gain[chosen] = -1.0
        best = int(gain.argmax())
        along = inverse @ x[best]
        inverse -= np.outer(along, along) / (1 + x[best] @ along)  # Sherman and Morrison
        chosen.append(best)
    return chosen


@dataclass(frozen=True)
class Calibration:
    """Coefficients for a user's board.

    Attributes:
        fit: coefficients, and the errors to expect: each net held out once.
        predicted_ms: of each net, by a fit that did not see it.
    """

    fit: Fit
    predicted_ms: FloatArray


def refit(counts: FloatArray, ms: FloatArray, base: Fit, runtime: str) -> Calibration:
    """Refit ``base`` to a board.

    The strength of the pull towards ``base`` is chosen by leaving nets out; the reported errors
    are nested, a net that is predicted has no part in that choice.

    Args:
        counts: of the nets, shape (nets, classes).
        ms: their times on the board, shape (nets,).
        base: the fit to begin with.
        runtime: that was counted and timed, with its version.

    Raises:
        InputError: these are fewer than ``FEWEST`` nets.
    """
    if len(ms) < FEWEST:
        raise InputError(f"{len(ms)} nets were measured; a profile needs at least {FEWEST}")
    features = counts @ class_weights(_features(base))
    start = np.array(list(base.coefficients.values())) / 1e6
    held_out = [_without(features, ms, start, i) for i in range(len(ms))]
    predicted = np.array([row @ k for row, k in zip(features, held_out, strict=True)])
    coefficients = _fitted(features, ms, start, _best_ridge(features, ms, start)) * 1e6
    named = zip(base.coefficients, coefficients, strict=True)
    fit = Fit(
        counts=base.counts,
        runtime=runtime,
        threads=base.threads,
        coefficients={name: float(f"{value:.5g}") for name, value in named},
        cross_validated=_errors(predicted, ms),
    )
    return Calibration(fit, predicted)


def _features(fit: Fit) -> list[str]:
    return [name.removeprefix(_PREFIX) for name in fit.coefficients]


def _without(features: FloatArray, ms: FloatArray, start: FloatArray, net: int) -> FloatArray:
    """Coefficients that know nothing of one net."""
    others = np.arange(len(ms)) != net
    features, ms = features[others], ms[others]
    return _fitted(features, ms, start, _best_ridge(features, ms, start))


def _best_ridge(features: FloatArray, ms: FloatArray, start: FloatArray) -> float:
    def error(ridge: float) -> float:
        wrong = []
        for net in range(len(ms)):
            others = np.arange(len(ms)) != net
            k = _fitted(features[others], ms[others], start, ridge)
            wrong.append(abs(features[net] @ k / ms[net] - 1))
        return float(np.mean(wrong))

    return min(RIDGES, key=error)


def _fitted(features: FloatArray, ms: FloatArray, start: FloatArray, ridge: float) -> FloatArray:
    """Milliseconds per one of each feature."""
    scale = np.median(ms / (features @ start))
    a = features * scale / ms[:, None]
    unit = np.sqrt((a**2).mean(axis=0))
    unit[unit == 0] = 1.0
    k: FloatArray = fit_relative(a / unit, start * unit, ridge) / unit * scale
    return k


def _errors(predicted: FloatArray, ms: FloatArray) -> Errors:
    wrong = np.abs(predicted / ms - 1)
    return Errors(
        nets=len(ms),
        families=len(ms),
        mape=round(float(wrong.mean()), 4),
        median=round(float(np.median(wrong)), 4),
        max=round(float(wrong.max()), 4),
        spearman=round(float(spearmanr(predicted, ms).statistic), 4),
    )

"""Learning curves that go on: the final accuracy of a net from its first epochs, with its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]

LEAST_FINISHED = 8
"""Finished curves below which nothing is said."""

_CLOSEST = 1e-3
"""Accuracies are moved this far from 0 and 1, where their logits are infinite."""


@dataclass(frozen=True)
class Extrapolation:
    """Final accuracies (N,): the middle of the prediction, and its bounds on either side."""

    value: Floats
    low: Floats
    high: Floats


def extrapolated(
    curves: Floats, finals: Floats, partial: Floats, level: float = 0.95
) -> Extrapolation | None:
    """Extrapolate partial curves by the finished ones of the same recipe and schedule.

    The logit of the final accuracy is regressed on the logits of the accuracies so far. With the
    prior p(b, s) ~ 1 / s the prediction is Student-t about the line of least squares, with n - p
    degrees of freedom and the scale s sqrt(1 + x' (X'X)^-1 x) (Gelman et al., Bayesian Data
    Analysis, section 14.2). Where the last accuracy is constant or the columns depend on each other
    the shortest solution is taken.

    Args:
        curves: accuracies (F, E) of finished trainings at E points, fractions.
        finals: their final accuracies (F,).
        partial: accuracies (N, E) at the same points of those that go on.
        level: probability that a final accuracy is not above ``high``, and not below ``low``.

    Returns:
        None where fewer than ``LEAST_FINISHED`` curves, or than four more than the regression has
        coefficients, are finished.
    """
    design, asked = _design(curves), _design(partial)
    if len(design) < max(LEAST_FINISHED, design.shape[1] + 4):
        return None
    target = _logit(finals)
    inverse = np.linalg.pinv(design)
    line = inverse @ target
    freedom = len(design) - int(np.linalg.matrix_rank(design))
    residual = target - design @ line
    scale = np.sqrt(residual @ residual / freedom * (1 + ((asked @ inverse) ** 2).sum(axis=1)))
    middle, reach = asked @ line, student.ppf(level, freedom) * scale
    return Extrapolation(_accuracy(middle), _accuracy(middle - reach), _accuracy(middle + reach))


def _design(curves: Floats) -> Floats:
    return np.column_stack([np.ones(len(curves)), _logit(curves)])


def _logit(accuracy: Floats) -> Floats:
    inside: Floats = np.clip(np.asarray(accuracy, dtype=float), _CLOSEST, 1 - _CLOSEST)
    return np.log(inside / (1 - inside))


def _accuracy(logit: Floats) -> Floats:
    return 1 / (1 + np.exp(-logit))

"""grasp: whether the gradient's flow grows as the weights do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from sys import float_info

import torch
from torch.linalg import vector_norm

from archsearch.proxies.passes.gradients import (
    Gradient,
    Halves,
    gradients,
    gradients_of,
    run_halves,
)
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy

_STEP = 0.002
"""Logarithm of the factor by which all weights grow for the difference.

Rounding in float32 adds about 1e-7 / _STEP, and what is no power of the factor about _STEP: at .002
up to .2 % of ||g||^2 beside autograd's second derivatives, .03 % on NAS-Bench-201. A second step,
the other way, would make it .02 %, for a third of the cost again.
"""


def grasp(probe: Probe) -> float:
    """Sum over all weights of -theta (H g) (Wang et al. 2020, eq. 8).

    g is the gradient of the loss by the weights and H its Hessian: the change in the gradient's
    squared norm, to first order, when the weights go. Summed over all weights, as Abdelfattah et
    al. 2021 do to score a network. Weights as in ``weights_of``, the batch in two halves as for
    ``grad_norm``. Higher is better.

    H is symmetric, so theta^T H g is the derivative of ||g||^2 / 2 along the ray through the
    weights: ||g||^2 d log ||g(e^s theta)|| / ds at s = 0, taken here as a difference over s. It is
    exact where ||g|| is a power of the weights' size, as it is in front of batch norms (it
    goes with e^-s) and in chains of rectifiers without biases. Second derivatives by autograd cost
    more, and some operators (hard-sigmoid) have none.

    H knows nothing of kinks: behind one the gradient jumps. A difference would contain these jumps
    at any step, for a shorter one crosses fewer kinks and divides by less. So ``RECTIFIERS`` and
    max pools stay on the pieces on which they are at theta (``passes.pieces``); other functions
    with kinks do not.

    Cost: two forward and two backward passes.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    found = probe.of(gradients)
    squared_norm = _in_range(_squared_norm(found.layers))
    if squared_norm == 0:
        return 0.0
    larger = _squared_norm_at(math.exp(_STEP), found.halves, probe)
    return _in_range(-squared_norm * _growth(squared_norm, larger) / (2 * _STEP))


def _growth(before: float, after: float) -> float:
    """Logarithm of a squared norm's growth; one that vanished or overflowed is at the end of float.

    Random nets of fifty blocks and more have gradients that rounding changes by powers of ten.
    """
    known = (float_info.max if math.isnan(norm) else norm for norm in (before, after))
    first, last = (min(max(norm, float_info.min), float_info.max) for norm in known)
    # Not the difference of logarithms where the quotient is exact: it is nearly 1.
    quotient = last / first
    return math.log(quotient) if 0 < quotient < math.inf else math.log(last) - math.log(first)


def _in_range(flow: float) -> float:
    return min(max(flow, -float_info.max), float_info.max)


def _squared_norm_at(factor: float, at: Halves, probe: Probe) -> float:
    """Give ||g||^2 at ``factor`` times the weights, on the pieces where these have been."""
    weights = {name: (own.detach() * factor).requires_grad_() for name, own in at.weights.items()}
    halves = run_halves(at.copied, weights, probe, kept=at.places)
    return _squared_norm(gradients_of(halves, retain_graph=False))


def _squared_norm(found: Sequence[Gradient]) -> float:
    norms = [vector_norm(gradient.mean, dtype=torch.float64) for gradient in found]
    return float(torch.stack(norms).square().sum())


GRASP = Proxy("grasp", "maximize", grasp)

"""grasp: whether the gradient's flow grows as the weights do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.linalg import vector_norm

from archsearch.proxies.passes.gradients import (
    Gradient,
    gradients,
    gradients_of,
    run_halves,
)
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy

_STEP = 0.01
"""Logarithm of the factor by which all weights grow for the difference.

Rounding in float32 adds about 1e-7 / _STEP, and what is no power of the factor about _STEP / 2.
"""


def grasp(probe: Probe) -> float:
    """Sum over all weights of -theta (H g) (Wang et al. 2020, eq. 8).

    g is the gradient of the loss by the weights and H its Hessian: the change in the gradient's
    squared norm, to first order, when the weights go. Summed over all weights, as Abdelfattah et
    al. 2021 do to score a network. Weights as in ``weights_of``, the batch in two halves as for
    ``grad_norm``. Higher is better.

    H is symmetric, so theta^T H g is the derivative of ||g||^2 / 2 along the ray through the
    weights: ||g||^2 d log ||g(e^s theta)|| / ds at s = 0, taken here as a difference over s.
    Second derivatives by autograd cost five times as much, and some operators (hard-sigmoid) have
    none. The difference is exact where ||g|| is a power of the weights' size, as it is in front of
    batch norms (it goes with e^-s) and in chains of rectifiers without biases; there no rectifier
    changes its sign on the way either. Where one does, the difference sees it and H does not.

    Cost: two forward and two backward passes.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    found = probe.of(gradients)
    halves, before = found.halves, _squared_norm(found.layers)
    if before == 0:
        return 0.0
    larger = {
        name: (weight.detach() * math.exp(_STEP)).requires_grad_()
        for name, weight in halves.weights.items()
    }
    after = _squared_norm(
        gradients_of(run_halves(halves.copied, larger, probe), retain_graph=False)
    )
    return -before * math.log(after / before) / (2 * _STEP) if after > 0 else math.nan


def _squared_norm(found: Sequence[Gradient]) -> float:
    norms = [vector_norm(gradient.mean, dtype=torch.float64) for gradient in found]
    return float(torch.stack(norms).square().sum())


GRASP = Proxy("grasp", "maximize", grasp)

"""zico: how well the gradients of different batches agree."""

from __future__ import annotations

import torch
from torch import Tensor

from archsearch.proxies.passes.gradients import Gradient, gradients
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy


def zico(probe: Probe) -> float:
    """Sum over layers of log sum E|g| / std(g) over batches (Li et al. 2023, eq. 10).

    g is the gradient of the loss by one weight, its mean of absolute values and its standard
    deviation are taken over two batches, which here are the halves of the batch, and the inner sum
    over the layer's weights. Weights whose gradient does not vary are left out, and layers of
    nothing else with them, as in the authors' code. Weights as in ``weights_of``. Higher is better.

    Cost: one forward and one backward pass.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    ratios = torch.stack([_ratio(found) for found in probe.of(gradients).layers])
    return float(ratios[ratios > 0].log().sum())


def _ratio(found: Gradient) -> Tensor:
    """Sum E|g| / std(g) over a layer: of two numbers a, b it is (|a| + |b|) / |a - b|."""
    difference = (found.first - found.second).abs_()
    ratio = (found.first.abs() + found.second.abs()).div_(difference)
    return ratio.masked_fill_(difference == 0, 0.0).sum(dtype=torch.float64)


ZICO = Proxy("zico", "maximize", zico)

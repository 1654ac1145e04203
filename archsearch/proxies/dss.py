"""dss: diversity of the attentions' synapses, and what flows through the others."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from archsearch.blocks.cmt import LightweightAttention
from archsearch.blocks.sdta import CrossCovarianceAttention
from archsearch.blocks.transformer import Attention
from archsearch.proxies.passes.linear import Flow, flows
from archsearch.proxies.passes.weights import weights_of
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy

ATTENTIONS = (Attention, CrossCovarianceAttention, LightweightAttention, nn.MultiheadAttention)
"""Modules whose matrices make queries, keys and values and put the heads together."""


def dss(probe: Probe) -> float:
    """Logarithm of synaptic diversity plus synaptic saliency (Zhou et al. 2022, eq. 4 to 6).

    On the pass of ``synflow``, R being the sum of the linear net's outputs (as in the authors'
    code, whose layer norms stay in place):

    - a matrix W of an attention gives ||dR/dW||_nuc ||W||_nuc, the nuclear norms being the sums of
      the singular values: rank collapse makes it small;
    - the weight of any other layer gives sum |W dR/dW|.

    The paper is about ViT, whose only layers beside attention are MLPs, patch embedding and
    head. Here attention is any of ``ATTENTIONS``, between tokens or between channels. The
    depthwise kernels within it, and all convolutions, count as other layers; a net without
    attention has its saliency alone. Weights as in ``weights_of``. As a logarithm, because R
    grows exponentially with depth. Higher is better.

    Cost: that of synflow, and the singular values of the attentions' matrices.

    Raises:
        ProxyFailed: the sum outgrows float64.
    """
    found, diverse = probe.of(flows), set(_matrices(probe.module))
    parts = [
        _diversity(flow) if name in diverse else flow.amount()
        for name in weights_of(probe.module)
        if (flow := found.through.get(name))
    ]
    return found.logarithm(float(torch.stack(parts).sum()) if parts else 0.0, "dss")


def _matrices(module: nn.Module) -> Iterator[str]:
    """Name the weights of attentions that mix all channels."""
    for place, layer in module.named_modules():
        if isinstance(layer, ATTENTIONS):
            for name, weight in weights_of(layer).items():
                if weight.shape[1] > 1:
                    yield f"{place}.{name}" if place else name


def _diversity(flow: Flow) -> Tensor:
    return _nuclear_norm(flow.gradient) * _nuclear_norm(flow.value)


def _nuclear_norm(matrix: Tensor) -> Tensor:
    if not matrix.isfinite().all():
        return matrix.new_tensor(math.nan)
    values: Tensor = torch.linalg.svdvals(matrix.flatten(1))
    return values.sum()


DSS = Proxy("dss", "maximize", dss)

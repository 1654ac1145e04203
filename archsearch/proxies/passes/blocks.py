"""The blocks of a net: between which of its layers proxies look at the features."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from archsearch.network import Network


def blocks(module: nn.Module) -> list[nn.Module]:
    """The stem and every block of a ``Network``, in order; of any other module its children.

    Downsampling layers are blocks. A child that pools its whole map is none, for nothing of the
    map is left to look at.
    """
    if isinstance(module, Network):
        return [module.stem, *(block for stage in module.stages for block in stage.children())]
    pools = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    return [child for child in module.children() if not isinstance(child, pools)]


def map_of(output: Any, layer: nn.Module | None = None) -> Tensor | None:
    """What a layer gives as a map (B, C, H, W), or None if it is none.

    Tokens (B, N, C) become a map (B, C, N, 1), which is how a ``Network`` holds them already. The
    layers that work on the last axis tell by that where their channels are.
    """
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        return None
    if output.ndim == 3:
        return output.transpose(1, 2).unsqueeze(-1)
    return output.movedim(-1, 1) if isinstance(layer, nn.Linear | nn.LayerNorm) else output


def use_batch_statistics(module: nn.Module) -> None:
    """Let batch norms use the batch's own statistics: the running ones of a fresh net say nothing.

    Dropout and stochastic depth stay off.
    """
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train()

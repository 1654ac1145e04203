"""Norms, layer scale and activations, as the blocks use them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["layer", "batch"]
Activation = Literal["gelu", "silu", "relu", "relu6", "hardswish"]

ACTIVATIONS: Mapping[Activation, type[nn.Module]] = MappingProxyType(
    {
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "hardswish": nn.Hardswish,
    }
)

LAYER_SCALE_INIT = 1e-6


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of each pixel (Ba et al., arXiv 1607.06450).

    (B, C, H, W) to (B, C, H, W); ``eps`` is added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, features: Tensor) -> Tensor:
        """Normalise, scale and shift; the result lies channels-last in memory."""
        pixels = features.permute(0, 2, 3, 1)
        normed = F.layer_norm(pixels, self.weight.shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


class LayerScale(nn.Module):
    """Product with one learnt number per channel (CaiT, arXiv 2103.17239).

    (B, C, H, W) to (B, C, H, W). Every such vector in this package is a parameter whose name starts
    with ``gamma``, so that one function can set them all, whatever the block.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), LAYER_SCALE_INIT))

    def forward(self, features: Tensor) -> Tensor:
        """Scale each channel."""
        return features * self.gamma[:, None, None]


NORMS: Mapping[Norm, type[LayerNorm2d | nn.BatchNorm2d]] = MappingProxyType(
    {"layer": LayerNorm2d, "batch": nn.BatchNorm2d}
)

"""Convolutions whose stride is their kernel: one output for each patch of the map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.layer import Site
from archsearch.blocks.live import LiveSet


def patches(length: int, size: int) -> int:
    """Whole patches of ``size`` pixels on an axis of ``length`` pixels, one at least."""
    return length // size or 1


class PatchConv(nn.Module):
    """Map (B, in_channels, H, W) to (B, channels, patches(H, size), patches(W, size)).

    Pixels beyond the last whole patch are not seen. A map smaller than one patch, where the
    official codes fail, is filled up with zeros at the bottom and the right: a search meets such
    maps where many stages stand on a small image.
    """

    def __init__(
        self, in_channels: int, channels: int, size: int, *, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.Conv2d(in_channels, channels, size, size, groups=groups, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve each patch."""
        height, width = features.shape[-2:]
        below, right = max(0, self.size - height), max(0, self.size - width)
        if below or right:
            features = F.pad(features, (0, right, 0, below))
        out: Tensor = self.conv(features)
        return out


def follow_patch_conv(live: LiveSet, site: Site, size: int, *, held: bool = False) -> None:
    """Follow a ``PatchConv`` at ``site``; its input dies with it, or is ``held`` for others."""
    in_channels, channels, height, width = site
    read = 0 if held else in_channels * height * width
    if height < size or width < size:
        filled = in_channels * max(height, size) * max(width, size)
        live.replace(read, filled)
        read = filled
    live.replace(read, channels * patches(height, size) * patches(width, size))

"""Convolutions whose stride is their kernel: one output for each patch of the map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.layer import Site
from archsearch.blocks.live import LiveSet


def patches(length: int, size: int) -> int:
    """Whole patches of ``size`` pixels on an axis of ``length`` pixels, one at least."""
    return max(1, length // size)


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
    read = 0 if held else site.elements
    filled = site.in_channels * max(site.height, size) * max(site.width, size)
    if filled > site.elements:
        live.replace(read, filled)
        read = filled
    live.replace(read, site.channels * patches(site.height, size) * patches(site.width, size))

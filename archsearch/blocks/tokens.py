"""From a map to a row of tokens with a class token at its head: the way into a ViT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.live import LiveSet
from archsearch.blocks.operators import Operator, Operators
from archsearch.blocks.transformer import map_of, tokens_of

_INIT_STD = 0.02


class ClassTokenAndPosition(nn.Module):
    """(B, C, H, W) to (B, C, H W + 1, 1): the class token, then the pixels row by row."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.size = (site.height, site.width)
        count = site.height * site.width + 1
        self.class_token = nn.Parameter(torch.empty(1, site.channels))
        self.position = nn.Parameter(torch.empty(count, site.channels))
        for parameter in (self.class_token, self.position):
            nn.init.trunc_normal_(parameter, std=_INIT_STD)

    def forward(self, features: Tensor) -> Tensor:
        """Prepend the class token and add the position embedding."""
        pixels, size = tokens_of(features), (features.shape[2], features.shape[3])
        tokens = torch.cat((self.class_token.expand(pixels.shape[0], 1, -1), pixels), dim=1)
        positioned = tokens + self._position(size)
        return map_of(positioned, (positioned.shape[1], 1))

    def _position(self, size: tuple[int, int]) -> Tensor:
        """Embedding (H W + 1, C) of a map of ``size``; that of the class token stays."""
        if size == self.size:
            return self.position
        grid = map_of(self.position[None, 1:], self.size)
        resized = F.interpolate(grid, size=size, mode="bilinear", align_corners=False)
        return torch.cat((self.position[:1], tokens_of(resized)[0]))


class Tokens(Layer):
    """Class token and learnt position embedding of ViT (arXiv 2010.11929, Equation 1).

    The pixels of the map become the positions 1 to H W of a map of height H W + 1 and width 1,
    whose position 0 is the class token. The position embedding is made for the site's size; for
    other sizes it is resized bilinearly on the H x W grid, pixels being areas (corners not
    aligned): an extension of ours, the official code of DeiT runs at one size.
    """

    kind: ClassVar[str] = "tokens"

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        if site.in_channels == site.channels:
            return None
        return (
            f"gets {site.in_channels} channels and should give {site.channels}, but tokens keep "
            "their channels; give the layer before it (the stem, say) the stage's width"
        )

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Number of tokens, and 1."""
        return height * width + 1, 1

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        tally.params += (site.height * site.width + 2) * site.channels

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        live.replace(site.elements, site.elements + site.channels)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        tokens = site.height * site.width + 1
        shuffle = Operator("shuffle", site.channels, tokens)
        return (shuffle, Operator("sum", site.channels, tokens), shuffle)

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to (B, C, H W + 1, 1)."""
        return ClassTokenAndPosition(site)

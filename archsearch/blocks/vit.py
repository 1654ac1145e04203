"""The transformer block of ViT and DeiT, over all positions of a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import Ratio, hidden_channels
from archsearch.blocks.live import LiveSet
from archsearch.blocks.operators import Operator, Operators
from archsearch.blocks.operators import attention as attention_operators
from archsearch.blocks.operators import feed_forward as feed_forward_operators
from archsearch.blocks.transformer import (
    TransformerLayer,
    count_attention,
    count_feed_forward,
    follow_transformer,
    heads_problem,
    map_of,
    tokens_of,
)


class VitBlock(nn.Module):
    """A transformer layer whose tokens are the pixels: (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, layer: TransformerLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        """Attend from every pixel to every pixel."""
        height, width = features.shape[-2:]
        return map_of(self.layer(tokens_of(features)), (height, width))


class Vit(Layer):
    """ViT's encoder block (arXiv 2010.11929), as in DeiT (arXiv 2012.12877).

    x + MHSA(LN(x)), then x + W2 GELU(W1 LN(x)); layer norms have eps 1e-6. It knows no positions
    of its own: after ``tokens`` they are in its input, elsewhere it takes the map as a set.
    """

    kind: ClassVar[str] = "vit"

    heads: Annotated[int, Field(ge=1)] = 3
    expand: Ratio = 4.0
    """Hidden channels of the feed-forward part, by channels."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        return heads_problem(site, self.heads)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        hidden = hidden_channels(channels, self.expand)
        count_attention(tally, channels, self.heads, pixels)
        count_feed_forward(tally, channels, hidden, pixels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        pixels = site.height * site.width
        hidden = hidden_channels(site.channels, self.expand) * pixels
        follow_transformer(live, site.elements, self.heads * pixels**2, hidden)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        hidden, swap = hidden_channels(channels, self.expand), Operator("swap", channels, pixels)
        return (
            swap,
            *attention_operators(channels, self.heads, pixels, 1, bias=False),
            *feed_forward_operators(channels, hidden, pixels, "gelu"),
            swap,
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        hidden = hidden_channels(site.channels, self.expand)
        layer = TransformerLayer(site.channels, self.heads, hidden, activation=nn.GELU, eps=1e-6)
        return VitBlock(layer)

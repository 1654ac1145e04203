"""The MobileViT block: a transformer over the places that a pixel has in its patch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import Ratio, hidden_channels, residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.operators import Operator, Operators, product
from archsearch.blocks.operators import attention as attention_operators
from archsearch.blocks.operators import feed_forward as feed_forward_operators
from archsearch.blocks.transformer import (
    TransformerLayer,
    count_attention,
    count_feed_forward,
    follow_transformer,
)

Positive = Annotated[int, Field(ge=1)]


class MobileVitBlock(nn.Module):
    """Local convolutions, a global transformer on patches, fusion with the input.

    Args:
        local: (B, C, H, W) to (B, d, H, W).
        transformer: tokens (B, N, d) to the same shape.
        project: (B, d, H, W) to (B, C, H, W).
        fuse: (B, 2 C, H, W) to (B, C, H, W), on (input, processed).
        patch: side of a patch in pixels.
    """

    def __init__(
        self,
        local: nn.Module,
        transformer: nn.Module,
        project: nn.Module,
        fuse: nn.Module,
        *,
        patch: int,
    ) -> None:
        super().__init__()
        self.local = local
        self.transformer = transformer
        self.project = project
        self.fuse = fuse
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape, at any size."""
        processed = self.project(self._global(self.local(x)))
        fused: Tensor = self.fuse(torch.cat([x, processed], dim=1))
        return fused

    def _global(self, x: Tensor) -> Tensor:
        """Run the transformer on maps resized to whole patches."""
        size = (x.shape[2], x.shape[3])
        whole = (padded(size[0], self.patch), padded(size[1], self.patch))
        tokens = self.transformer(unfold(_resized(x, whole), self.patch))
        return _resized(fold(tokens, whole, self.patch), size)


def padded(length: int, patch: int) -> int:
    """Smallest multiple of ``patch`` that is at least ``length``."""
    return -(-length // patch) * patch


def unfold(x: Tensor, patch: int) -> Tensor:
    """Tokens of each place in a patch: (B, C, H, W) to (B patch², H W / patch², C)."""
    batch, channels, height, width = x.shape
    rows, columns = height // patch, width // patch
    places = x.reshape(batch, channels, rows, patch, columns, patch).permute(0, 3, 5, 2, 4, 1)
    return places.reshape(batch * patch * patch, rows * columns, channels)


def fold(tokens: Tensor, size: tuple[int, int], patch: int) -> Tensor:
    """Undo ``unfold`` to a map of ``size`` (height, width)."""
    rows, columns, channels = size[0] // patch, size[1] // patch, tokens.shape[-1]
    places = tokens.reshape(-1, patch, patch, rows, columns, channels).permute(0, 5, 3, 1, 4, 2)
    return places.reshape(-1, channels, *size)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if (x.shape[2], x.shape[3]) == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def conv_norm(in_channels: int, channels: int, kernel: int, *, groups: int = 1) -> nn.Sequential:
    """Convolution without bias that keeps the size of the map, BN, SiLU; ``kernel`` is odd."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels),
        nn.SiLU(),
    )


def count_conv_norm(
    tally: Tally, in_channels: int, channels: int, kernel: int, pixels: int, *, groups: int = 1
) -> None:
    """Count ``conv_norm`` on a map of ``pixels``."""
    tally.conv2d(in_channels, channels, kernel, pixels, groups=groups, bias=False)
    tally.norm(channels)


class MobileVit(Layer):
    """The MobileViT block (arXiv 2110.02178).

    3x3 convolution BN SiLU, 1x1 convolution to ``inner`` channels; the map is cut in patches and a
    transformer runs over the patches, separately for each place in a patch; LN, 1x1 convolution BN
    SiLU back; concat(input, processed), 3x3 convolution BN SiLU. Maps that are not a whole number
    of patches are resized bilinearly, and back.
    """

    kind: ClassVar[str] = "mobilevit"

    inner: Positive
    """Channels d of the transformer."""
    depth: Positive
    """Number of transformer layers."""
    heads: Positive = 4
    expand: Ratio = 2.0
    """Hidden channels of the feed-forward part, by inner channels."""
    patch: Positive = 2
    """Side of a patch in pixels."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        if self.inner % self.heads:
            return f"inner: {self.inner} does not divide by heads: {self.heads}; change one of them"
        return residual_problem(site)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        channels, inner, pixels = site.channels, self.inner, site.height * site.width
        count_conv_norm(tally, channels, channels, 3, pixels)
        tally.pointwise(channels, inner, pixels, bias=False)
        layer = Tally()
        self._count_layer(site, layer)
        tally.add(layer, self.depth)
        tally.norm(inner)
        count_conv_norm(tally, inner, channels, 1, pixels)
        count_conv_norm(tally, 2 * channels, channels, 3, pixels)

    def _count_layer(self, site: Site, tally: Tally) -> None:
        pixels = padded(site.height, self.patch) * padded(site.width, self.patch)
        places = self.patch**2
        count_attention(tally, self.inner, self.heads, pixels // places, places)
        count_feed_forward(tally, self.inner, self._hidden(), pixels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        map_, inner = site.elements, self.inner * site.height * site.width
        pixels = padded(site.height, self.patch) * padded(site.width, self.patch)
        tokens, scores = self.inner * pixels, self.heads * pixels * (pixels // self.patch**2)
        live.write(map_)
        live.replace(map_, inner)
        if tokens > inner:
            live.replace(inner, tokens)
        for _ in range(self.depth):
            follow_transformer(live, tokens, scores, self._hidden() * pixels)
        if tokens > inner:
            live.replace(tokens, inner)
        live.replace(inner, map_)
        live.replace(2 * map_, 2 * map_)
        live.replace(2 * map_, map_)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, inner, pixels = site.channels, self.inner, site.height * site.width
        whole = padded(site.height, self.patch) * padded(site.width, self.patch)
        places = self.patch**2
        layer = (
            *attention_operators(inner, self.heads, whole // places, places, bias=False),
            *feed_forward_operators(inner, self._hidden(), whole, "silu"),
        )
        resized = [Operator("pool", inner, whole, taps=4)] if whole > pixels else []
        return (
            product(channels, channels, pixels, 9),
            Operator("silu", channels, pixels),
            product(channels, inner, pixels),
            *resized,
            Operator("shuffle", inner, whole),
            *layer * self.depth,
            Operator("norm", inner, whole),
            Operator("shuffle", inner, whole),
            *resized,
            product(inner, channels, pixels),
            Operator("silu", channels, pixels),
            Operator("pack", 2 * channels, pixels),
            product(2 * channels, channels, pixels, 9),
            Operator("silu", channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        channels, inner = site.channels, self.inner
        layers = [TransformerLayer(inner, self.heads, self._hidden()) for _ in range(self.depth)]
        return MobileVitBlock(
            nn.Sequential(
                conv_norm(channels, channels, 3), nn.Conv2d(channels, inner, 1, bias=False)
            ),
            nn.Sequential(*layers, nn.LayerNorm(inner)),
            conv_norm(inner, channels, 1),
            conv_norm(2 * channels, channels, 3),
            patch=self.patch,
        )

    def _hidden(self) -> int:
        return hidden_channels(self.inner, self.expand)

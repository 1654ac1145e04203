"""Split depthwise transpose attention, the global block of EdgeNeXt (arXiv 2206.10589)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import Ratio, hidden_channels, residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.mlp import ScaledMlp, count_mlp, follow_mlp
from archsearch.blocks.norms import NORMS, LayerScale, Norm
from archsearch.blocks.operators import (
    Operator,
    Operators,
    layer_norm,
    matmul,
    product,
    scaled_mlp,
    scaled_sum,
    unit_rows,
)
from archsearch.blocks.operators import depthwise as depthwise_operator

_WAVES = 32  # numbers per axis of the Fourier encoding, half of them sines
_TEMPERATURE = 10_000.0


def chunk_widths(channels: int, splits: int) -> list[int]:
    """Channels of each chunk: equal and rounded up, what is left in the last (88 / 3: 30 30 28)."""
    width = math.ceil(channels / splits)
    return [width] * (splits - 1) + [channels - width * (splits - 1)]


class SplitConv(nn.Module):
    """Hierarchical 3x3 depthwise convolutions: t_i = dw(chunk_i + t_(i-1)); the last passes.

    (B, C, H, W) to (B, C, H, W). In the paper the first chunk passes; we follow the official code.
    """

    def __init__(self, channels: int, splits: int) -> None:
        super().__init__()
        self.widths = chunk_widths(channels, splits)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, groups=width) for width in self.widths[:-1]
        )

    def forward(self, features: Tensor) -> Tensor:
        """Filter all chunks but the last."""
        *chunks, last = torch.split(features, self.widths, dim=1)
        filtered: list[Tensor] = []
        for conv, chunk in zip(self.convs, chunks, strict=True):
            filtered.append(conv(chunk + filtered[-1] if filtered else chunk))
        return torch.cat((*filtered, last), dim=1)


def fourier_waves(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sines and cosines of the pixel's row, then of its column: (2 * 32, height, width).

    With the angle a = 2 pi i / (H + 1e-6) of row i = 1..H, channel j is the sine (j even) or the
    cosine (j odd) of a / 10000^(2 floor(j / 2) / 32); likewise the columns.
    """
    wave = torch.arange(_WAVES, device=device)
    period = _TEMPERATURE ** (2 * (wave // 2) / _WAVES)

    def axis(length: int) -> Tensor:
        place = torch.arange(1, length + 1, device=device)
        angle = (place / (length + 1e-6) * (2 * math.pi)) / period[:, None]
        return torch.where(wave[:, None] % 2 == 0, angle.sin(), angle.cos())

    rows = axis(height)[:, :, None].expand(-1, -1, width)
    columns = axis(width)[:, None, :].expand(-1, height, -1)
    return torch.cat((rows, columns))


class FourierPosition(nn.Module):
    """Fourier position encoding with a learnt 1x1 convolution (XCiT, arXiv 2106.09681)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(2 * _WAVES, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Give the encoding (1, C, H, W) of a map (B, C, H, W), which is only measured."""
        height, width = features.shape[-2:]
        waves = fourier_waves(height, width, features.device).to(self.project.weight.dtype)
        encoding: Tensor = self.project(waves[None])
        return encoding


class CrossCovarianceAttention(nn.Module):
    """Attention between channels (XCA of XCiT, arXiv 2106.09681).

    (B, C, H, W) to (B, C, H, W). Per head, A = softmax(q k^T * temperature) is channels x channels,
    with q and k of unit length along the pixels; the result is A v. Cost is linear in pixels.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Mix the channels of each head."""
        qkv: Tensor = self.qkv(features)
        batch, channels = features.shape[:2]
        split = qkv.reshape(batch, 3, self.heads, channels // self.heads, -1)
        query, key, value = split.unbind(1)
        query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)
        attention = (query @ key.transpose(-2, -1) * self.temperature).softmax(-1)
        mixed: Tensor = self.project((attention @ value).reshape(features.shape))
        return mixed


class SdtaEncoder(nn.Module):
    """One SDTA encoder: (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, channels: int, layer: Sdta) -> None:
        super().__init__()
        self.split = SplitConv(channels, layer.splits)
        self.position = FourierPosition(channels) if layer.position else None
        self.norm = NORMS[layer.norm](channels)
        self.norm_first = layer.norm == "batch"
        self.attention = CrossCovarianceAttention(channels, layer.heads)
        self.scale = LayerScale(channels)
        self.mlp = ScaledMlp(channels, layer.expand, layer.norm)

    def forward(self, features: Tensor) -> Tensor:
        """Add the MLP's branch to the block's own input, not to the tokens: so the official code.

        A batch norm stands before the position encoding and inside the residual path; a layer norm
        stands after it and inside the branch.
        """
        tokens: Tensor = self.split(features)
        if self.norm_first:
            tokens = self.norm(tokens)
        if self.position is not None:
            tokens = tokens + self.position(tokens)
        queries = tokens if self.norm_first else self.norm(tokens)
        tokens = tokens + self.scale(self.attention(queries))
        out: Tensor = features + self.mlp(tokens)
        return out


class Sdta(Layer):
    """EdgeNeXt's SDTA encoder."""

    kind: ClassVar[str] = "sdta"

    splits: Annotated[int, Field(ge=1)] = 2
    """Chunks of channels, of which all but the last are convolved; 1: no convolution."""
    heads: Annotated[int, Field(ge=1)] = 4
    position: bool = False
    """Fourier position encoding."""
    expand: Ratio = 4.0
    """Hidden channels of the MLP, by channels."""
    norm: Norm = "layer"
    """``"batch"``: the fast variant, with batch norm and hard-swish."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        if site.channels % self.heads:
            return (
                f"heads: {self.heads} cannot share {site.channels} channels equally; "
                "make the channels a multiple of the heads"
            )
        if chunk_widths(site.channels, self.splits)[-1] < 1:
            return (
                f"splits: {self.splits} of {site.channels} channels leave the last one empty; "
                "use fewer splits or more channels"
            )
        return residual_problem(site)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        filtered, heads = channels - chunk_widths(channels, self.splits)[-1], self.heads
        head_width = channels // heads
        tally.depthwise(filtered, 3, pixels)
        if self.position:
            tally.pointwise(2 * _WAVES, channels, pixels)
        tally.norm(channels)
        tally.pointwise(channels, 3 * channels, pixels)
        tally.matmul(head_width, pixels, head_width, batch=heads)
        tally.matmul(head_width, head_width, pixels, batch=heads)
        tally.pointwise(channels, channels, pixels)
        tally.params += heads + channels  # temperatures and layer scale
        count_mlp(tally, channels, self.expand, pixels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        map_ = site.elements
        self._follow_split(site, live)
        if self.norm == "layer":
            live.write(map_)
        live.replace(map_ if self.norm == "layer" else 0, 3 * map_)
        self._follow_products(site, live)
        live.replace(map_, map_)
        live.free(live.now - 2 * map_)  # the tokens, where they are not the input itself
        follow_mlp(live, site.channels, self.expand, site.height * site.width)
        live.free(map_)

    def _follow_split(self, site: Site, live: LiveSet) -> None:
        """From the input to the tokens with their position; they may be the input itself."""
        pixels, filtered = site.height * site.width, 0
        for width in chunk_widths(site.channels, self.splits)[:-1]:
            if filtered:
                live.write(width * pixels)
            live.replace(width * pixels if filtered else 0, width * pixels)
            filtered += width * pixels
        if filtered or self.norm == "batch" or self.position:
            live.replace(filtered, site.elements)

    def _follow_products(self, site: Site, live: LiveSet) -> None:
        """From queries, keys and values in one to their mixture."""
        map_, scores = site.elements, site.channels * (site.channels // self.heads)
        for _ in ("queries", "keys"):
            live.write(site.channels)
            live.replace(site.channels, map_)
        live.replace(2 * map_, scores)
        live.replace(scores + 3 * map_, map_)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        hidden = hidden_channels(channels, self.expand)
        return (
            *self._split_operators(site),
            *([Operator("scale", channels, pixels)] if self.norm == "batch" else ()),
            *([Operator("sum", channels, pixels)] if self.position else ()),
            *(layer_norm(channels, pixels) if self.norm == "layer" else ()),
            product(channels, 3 * channels, pixels),
            *self._attention_operators(site),
            product(channels, channels, pixels),
            *scaled_sum(channels, pixels),
            *scaled_mlp(channels, hidden, pixels, self.norm),
        )

    def _split_operators(self, site: Site) -> Operators:
        pixels, found = site.height * site.width, list[Operator]()
        for number, width in enumerate(chunk_widths(site.channels, self.splits)[:-1]):
            found.append(Operator("pack", width, pixels))
            if number:
                found.append(Operator("sum", width, pixels))
            found.append(depthwise_operator(width, pixels, 9))
        return (*found, *([Operator("pack", site.channels, pixels)] if found else ()))

    def _attention_operators(self, site: Site) -> Operators:
        """From queries, keys and values in one to their mixture."""
        channels, pixels, width = (
            site.channels,
            site.height * site.width,
            site.channels // self.heads,
        )
        return (
            Operator("pack", 2 * channels, pixels),
            *unit_rows(self.heads, width, pixels) * 2,
            Operator("pack", channels, pixels),
            Operator("shuffle", channels, pixels),
            matmul(width, pixels, width, self.heads),
            Operator("loop", self.heads, width**2),
            Operator("softmax", width, channels),
            Operator("pack", channels, pixels),
            matmul(width, width, pixels, self.heads),
            Operator("pack", channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        return SdtaEncoder(site.channels, self)

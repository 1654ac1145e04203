"""The CMT block: local perception, lightweight attention, inverted residual FFN (2107.06263)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Shape, Site
from archsearch.blocks.leaves import Ratio, hidden_channels, residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.norms import LayerNorm2d
from archsearch.blocks.operators import Operator, Operators, layer_norm, matmul, product
from archsearch.blocks.operators import depthwise as depthwise_operator
from archsearch.blocks.patches import PatchConv, follow_patch_conv, patches

Size = tuple[int, int]


def resize_relative_position(
    table: Tensor, queries: tuple[Size, Size], keys: tuple[Size, Size]
) -> Tensor:
    """Resize a relative-position table bilinearly, over the query map and over the key map.

    An extension of ours: the official code runs at one size only. Pixels are areas (corners not
    aligned), so that a place in the image keeps its meaning.

    Args:
        table: (heads, H * W, Hk * Wk).
        queries: size (H, W) that the table has and size that it shall have.
        keys: the same of (Hk, Wk).

    Returns:
        (heads, H' * W', Hk' * Wk'); ``table`` itself where both sizes stay.
    """
    for old, new in (queries, keys):
        grid = table.transpose(1, 2).reshape(len(table), -1, *old)
        if old != new:
            grid = F.interpolate(grid, size=new, mode="bilinear", align_corners=False)
        table = grid.flatten(2)
    return table


class LightweightAttention(nn.Module):
    """LMHSA: (B, C, H, W) to (B, C, H, W).

    softmax(q k^T / sqrt(C / heads) + R) v, where k and v come from a map that a depthwise
    convolution made ``reduction`` times smaller; one key at least remains on each axis. Without
    ``relative_position`` there is no R.
    """

    def __init__(self, site: Site, layer: Cmt, relative_position: nn.Parameter | None) -> None:
        super().__init__()
        channels, size = site.channels, layer.reduction
        self.heads, self.reduction = layer.heads, size
        self.size = (site.height, site.width)
        self.relative_position = relative_position
        self.reduce = None
        if size > 1:
            conv = PatchConv(channels, channels, size, groups=channels)
            self.reduce = nn.Sequential(conv, nn.BatchNorm2d(channels))
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Attend from every pixel to every key."""
        reduced = features if self.reduce is None else self.reduce(features)
        query = self._per_head(self.query(features))
        key, value = self._per_head(self.key(reduced)), self._per_head(self.value(reduced))
        scale = 1 / math.sqrt(features.shape[1] / self.heads)
        scores = (query.transpose(-2, -1) @ key) * scale
        if self.relative_position is not None:
            scores = scores + self._resized(self.relative_position, features)
        mixed = value @ scores.softmax(-1).transpose(-2, -1)
        out: Tensor = self.project(mixed.reshape(features.shape))
        return out

    def _per_head(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, heads, C / heads, H * W)."""
        return features.reshape(features.shape[0], self.heads, features.shape[1] // self.heads, -1)

    def _resized(self, table: Tensor, features: Tensor) -> Tensor:
        size = (features.shape[2], features.shape[3])
        keys = key_size(self.size, self.reduction), key_size(size, self.reduction)
        return resize_relative_position(table, (self.size, size), keys)


def key_size(size: Size, reduction: int) -> Size:
    """Size of the map of keys for a map of ``size``."""
    return patches(size[0], reduction), patches(size[1], reduction)


class InvertedResidualFfn(nn.Module):
    """IRFFN: (B, C, H, W) to (B, C, H, W).

    t = BN(GELU(W1 x)); t = BN(GELU(t + dw(t))); BN(W2 t), all with biases. Without ``depthwise``
    the step in the middle is left out: a plain FFN.
    """

    def __init__(self, channels: int, hidden: int, *, depthwise: bool = True) -> None:
        super().__init__()
        self.expand = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.GELU(), nn.BatchNorm2d(hidden)
        )
        self.depthwise = None
        if depthwise:
            self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
            self.activation = nn.GELU()
            self.norm = nn.BatchNorm2d(hidden)
        self.contract = nn.Sequential(nn.Conv2d(hidden, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Give the residual branch."""
        hidden: Tensor = self.expand(features)
        if self.depthwise is not None:
            hidden = self.norm(self.activation(hidden + self.depthwise(hidden)))
        branch: Tensor = self.contract(hidden)
        return branch


class CmtBlock(nn.Module):
    """LPU, attention and FFN, each added to its input: (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, site: Site, layer: Cmt, relative_position: nn.Parameter | None) -> None:
        super().__init__()
        channels = site.channels
        self.perception = (
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
            if layer.perception
            else None
        )
        self.attention_norm = LayerNorm2d(channels)
        self.attention = LightweightAttention(site, layer, relative_position)
        self.ffn_norm = LayerNorm2d(channels)
        hidden = hidden_channels(channels, layer.expand)
        self.ffn = InvertedResidualFfn(channels, hidden, depthwise=layer.depthwise)

    def forward(self, features: Tensor) -> Tensor:
        """Perceive, attend, expand."""
        if self.perception is not None:
            features = features + self.perception(features)
        features = features + self.attention(self.attention_norm(features))
        out: Tensor = features + self.ffn(self.ffn_norm(features))
        return out


class Cmt(Layer):
    """The CMT block."""

    kind: ClassVar[str] = "cmt"

    heads: Annotated[int, Field(ge=1)] = 1
    reduction: Annotated[int, Field(ge=1)] = 1
    """Keys and values come from a map this many times smaller on each axis."""
    expand: Ratio = 4.0
    """Hidden channels of the FFN, by channels, rounded down."""
    perception: bool = True
    """The local perception unit: a residual 3x3 depthwise convolution."""
    position: bool = True
    """The table R of relative positions."""
    depthwise: bool = True
    """The step of the FFN with its 3x3 depthwise convolution; else a plain FFN."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        if site.channels % self.heads:
            return (
                f"heads: {self.heads} cannot share {site.channels} channels equally; "
                "make the channels a multiple of the heads"
            )
        return residual_problem(site)

    def shared(self, site: Site) -> Mapping[str, Shape]:
        """Shape (heads, pixels, keys) of the relative-position table.

        A free table, not one of relative indices: all blocks of a stage with the same heads and
        reduction add the same one. The official code draws it from the standard normal.
        """
        if not self.position:
            return {}
        return {self._table: (self.heads, site.height * site.width, self._keys(site))}

    def count(self, site: Site, tally: Tally) -> None:
        """Count what runs at ``site``; the relative-position table is the stage's."""
        channels, pixels, keys = site.channels, site.height * site.width, self._keys(site)
        heads, reduction = self.heads, self.reduction
        head_width, hidden = channels // heads, hidden_channels(channels, self.expand)
        if self.perception:
            tally.depthwise(channels, 3, pixels)
        tally.norm(channels)
        if reduction > 1:
            tally.depthwise(channels, reduction, keys)
            tally.norm(channels)
        tally.pointwise(channels, 2 * channels, pixels)  # queries and output
        tally.pointwise(channels, 2 * channels, keys)  # keys and values
        tally.matmul(pixels, head_width, keys, batch=heads)
        tally.matmul(pixels, keys, head_width, batch=heads)
        tally.norm(channels)
        tally.pointwise(channels, hidden, pixels)
        tally.norm(hidden)
        if self.depthwise:
            tally.depthwise(hidden, 3, pixels)
            tally.norm(hidden)
        tally.pointwise(hidden, channels, pixels)
        tally.norm(channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        map_, pixels = site.elements, site.height * site.width
        hidden = hidden_channels(site.channels, self.expand) * pixels
        if self.perception:
            live.write(map_)
            live.free(map_)
        live.write(map_)
        self._follow_attention(site, live)
        live.free(map_)
        live.write(map_)
        live.replace(map_, hidden)
        if self.depthwise:
            live.write(hidden)
            live.free(hidden)
        live.replace(hidden, map_)
        live.free(map_)

    def _follow_attention(self, site: Site, live: LiveSet) -> None:
        """Over a map that dies with it."""
        map_, keys = site.elements, self._keys(site)
        keyed, scores = site.channels * keys, self.heads * site.height * site.width * keys
        if self.reduction > 1:
            follow_patch_conv(live, site, self.reduction, held=True)
            live.replace(map_, map_)
        else:
            live.write(map_)
        live.write(keyed)
        live.replace(keyed, keyed)
        live.replace(map_ + keyed, scores)
        live.replace(scores + keyed, map_)
        live.replace(map_, map_)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        hidden = hidden_channels(channels, self.expand)
        sum_, wide = Operator("sum", channels, pixels), Operator("sum", hidden, pixels)
        activated = (Operator("gelu", hidden, pixels), Operator("scale", hidden, pixels))
        return (
            *([depthwise_operator(channels, pixels, 9), sum_] if self.perception else ()),
            *layer_norm(channels, pixels),
            *self._attention_operators(site),
            sum_,
            *layer_norm(channels, pixels),
            product(channels, hidden, pixels),
            *activated,
            *([depthwise_operator(hidden, pixels, 9), wide, *activated] if self.depthwise else ()),
            product(hidden, channels, pixels),
            sum_,
        )

    def _attention_operators(self, site: Site) -> Operators:
        channels, pixels, keys = site.channels, site.height * site.width, self._keys(site)
        width, scores = channels // self.heads, Operator("sum", self.heads, pixels * keys)
        reduce = depthwise_operator(channels, keys, self.reduction**2, self.reduction)
        return (
            *([reduce] if self.reduction > 1 else ()),
            product(channels, channels, pixels),
            *[product(channels, channels, keys)] * 2,
            *[Operator("shuffle", channels, pixels), Operator("pack", channels, pixels + keys)],
            matmul(pixels, width, keys, self.heads),
            *[scores] * (1 + self.position),
            Operator("softmax", keys, self.heads * pixels),
            *[Operator("pack", channels, keys), Operator("shuffle", self.heads, pixels * keys)],
            matmul(width, keys, pixels, self.heads),
            Operator("pack", channels, pixels),
            product(channels, channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:
        """Make the module: (B, C, H, W) to the same shape, at any size.

        The table's parameter is taken from ``shared`` and registered in every block.
        """
        return CmtBlock(site, self, shared[self._table] if self.position else None)

    @property
    def _table(self) -> str:
        return f"relative_pos/{self.heads}/{self.reduction}"

    def _keys(self, site: Site) -> int:
        height, width = key_size((site.height, site.width), self.reduction)
        return height * width

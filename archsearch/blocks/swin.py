"""Swin Transformer (arXiv 2103.14030): attention in windows, and patch merging."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import Ratio, hidden_channels
from archsearch.blocks.live import LiveSet
from archsearch.blocks.norms import LayerNorm2d
from archsearch.blocks.operators import Operator, Operators, product
from archsearch.blocks.operators import attention as attention_operators
from archsearch.blocks.operators import feed_forward as feed_forward_operators
from archsearch.blocks.operators import layer_norm as layer_norm_operators
from archsearch.blocks.transformer import (
    Attention,
    count_attention,
    count_feed_forward,
    follow_attention,
    follow_feed_forward,
    heads_problem,
)

Size = tuple[int, int]

_EPS = 1e-5
_TABLE_STD = 0.02
_MASKED = -100.0  # added to the score of a pair that may not meet, as in the official code


def fitted(size: Size, window: Size) -> Size:
    """Window on a map of ``size``: never larger than the map."""
    return min(size[0], window[0]), min(size[1], window[1])


def whole(size: Size, window: Size) -> Size:
    """Size of the map filled up to whole windows."""
    return -(-size[0] // window[0]) * window[0], -(-size[1] // window[1]) * window[1]


def to_windows(pixels: Tensor, window: Size) -> Tensor:
    """Cut (B, H, W, C) into (B, windows, pixels of a window, C), both row by row."""
    batch, height, width, channels = pixels.shape
    rows, columns = height // window[0], width // window[1]
    cut = pixels.reshape(batch, rows, window[0], columns, window[1], channels)
    return cut.transpose(2, 3).reshape(batch, rows * columns, window[0] * window[1], channels)


def from_windows(windows: Tensor, size: Size, window: Size) -> Tensor:
    """Undo ``to_windows`` to a map of ``size``."""
    batch, *_, channels = windows.shape
    rows, columns = size[0] // window[0], size[1] // window[1]
    cut = windows.reshape(batch, rows, columns, *window, channels)
    return cut.transpose(2, 3).reshape(batch, *size, channels)


def shift_mask(size: Size, window: Size, shift: Size, device: torch.device) -> Tensor:
    """Scores to add, (windows, 1, N, N): pixels that the cyclic shift made neighbours do not meet.

    After the shift the last ``shift`` rows and columns are those that came round from the other
    side; within a window a pixel sees those alone that came round on the same axes as itself.
    """
    rows, columns = (
        torch.arange(length, device=device) >= length - by
        for length, by in zip(size, shift, strict=True)
    )
    labels = rows[:, None] * 2 + columns * 1
    sides = to_windows(labels[None, :, :, None], window)[0, :, :, 0]
    apart = sides[:, :, None] != sides[:, None, :]
    return apart[:, None] * _MASKED


class RelativeBias(nn.Module):
    """One learnt number for each head and each offset between two pixels of a window."""

    def __init__(self, window: Size, heads: int) -> None:
        super().__init__()
        self.window = window
        offsets = (2 * window[0] - 1) * (2 * window[1] - 1)
        self.table = nn.Parameter(torch.empty(offsets, heads))
        nn.init.trunc_normal_(self.table, std=_TABLE_STD)

    def forward(self, window: Size) -> Tensor:
        """Give the bias (heads, N, N) in a window no larger than the one it was made for."""
        device = self.table.device
        rows = torch.arange(window[0], device=device).repeat_interleave(window[1])
        columns = torch.arange(window[1], device=device).repeat(window[0])
        down = rows[:, None] - rows[None, :] + self.window[0] - 1
        right = columns[:, None] - columns[None, :] + self.window[1] - 1
        bias: Tensor = self.table[down * (2 * self.window[1] - 1) + right]
        return bias.permute(2, 0, 1)


class WindowAttention(nn.Module):
    """Attention within windows, shifted by half a window or not: (B, H, W, C) to the same shape.

    An axis on which the map is one window is not shifted.
    """

    def __init__(self, channels: int, heads: int, window: Size, *, shift: bool) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.bias = RelativeBias(window, heads)
        self.attention = Attention(channels, heads)

    def forward(self, pixels: Tensor) -> Tensor:
        """Shift, fill up with zeros at the bottom and the right, attend, and undo the two."""
        height, width = pixels.shape[1:3]
        window = fitted((height, width), self.window)
        size = whole((height, width), window)
        shift = self._shift((height, width), window)
        bias = self.bias(window)
        if any(shift):
            pixels = pixels.roll((-shift[0], -shift[1]), (1, 2))
            bias = bias + shift_mask(size, window, shift, pixels.device).to(bias.dtype)
        padded = F.pad(pixels, (0, 0, 0, size[1] - width, 0, size[0] - height))
        mixed = self.attention(to_windows(padded, window), bias)
        pixels = from_windows(mixed, size, window)[:, :height, :width]
        return pixels.roll(shift, (1, 2)) if any(shift) else pixels

    def _shift(self, size: Size, window: Size) -> Size:
        rows, columns = (
            side // 2 if self.shift and length > side else 0
            for length, side in zip(size, window, strict=True)
        )
        return rows, columns


class SwinBlock(nn.Module):
    """Window attention, then a feed-forward part, both pre-norm: (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, attention: WindowAttention, channels: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels, eps=_EPS)
        self.attention = attention
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(channels, eps=_EPS),
            nn.Linear(channels, hidden),
            nn.GELU(),
            nn.Linear(hidden, channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Add both branches."""
        pixels = features.permute(0, 2, 3, 1)
        pixels = pixels + self.attention(self.attention_norm(pixels))
        out: Tensor = pixels + self.feed_forward(pixels)
        return out.permute(0, 3, 1, 2)


class Swin(Layer):
    """Swin's block: x + W-MSA(LN(x)), then x + W2 GELU(W1 LN(x)); layer norms have eps 1e-5.

    Windows start at the top left corner. On a map that is no whole number of them the order is
    timm's, whose numbers our goldens are: the normed map is shifted, then filled up with zeros at
    the bottom and the right; a mask keeps the last half window of each axis apart, which on whole
    windows is what came round from the other side. After attention the map is cropped and shifted
    back. The zeros are looked at like pixels. The authors' detection code fills up before it
    shifts, which is the same on whole windows and nowhere else; their code for classification
    refuses other maps.

    On an axis on which the map is no longer than the window, the window shrinks to the map, the
    table of relative positions with it, and nothing is shifted: the rule of the code for
    classification, here for each axis by itself.
    """

    kind: ClassVar[str] = "swin"

    heads: Annotated[int, Field(ge=1)] = 3
    window: Annotated[int, Field(ge=1)] = 7
    """Side of a window in pixels."""
    shift: bool = False
    """Windows moved by half a window (SW-MSA): every other block of Swin."""
    expand: Ratio = 4.0
    """Hidden channels of the feed-forward part, by channels."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        if self.shift and self.window == 1:
            return "shift: true moves by half a window, but window: 1 has none; use a larger window"
        return heads_problem(site, self.heads)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what runs at ``site``: attention, on the map filled up to whole windows."""
        channels, window = site.channels, self._window(site)
        size = whole((site.height, site.width), window)
        tokens = window[0] * window[1]
        count_attention(tally, channels, self.heads, tokens, size[0] * size[1] // tokens)
        tally.params += (2 * window[0] - 1) * (2 * window[1] - 1) * self.heads
        hidden = hidden_channels(channels, self.expand)
        count_feed_forward(tally, channels, hidden, site.height * site.width)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        window = self._window(site)
        size = whole((site.height, site.width), window)
        filled, tokens = site.channels * size[0] * size[1], window[0] * window[1]
        live.write(site.elements)
        if filled > site.elements:
            live.replace(site.elements, filled)
        rolls = self.shift and max(site.height, site.width) > self.window
        if rolls:
            live.replace(filled, filled)
        follow_attention(live, filled, self.heads * size[0] * size[1] * tokens)
        if rolls:
            live.replace(filled, filled)
        live.free(filled)
        hidden = hidden_channels(site.channels, self.expand)
        follow_feed_forward(live, site.elements, hidden * site.height * site.width)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, window = site.channels, self._window(site)
        height, width = whole((site.height, site.width), window)
        tokens, hidden = window[0] * window[1], hidden_channels(channels, self.expand)
        moved = Operator("shuffle", channels, height * width)
        rolls = self.shift and max(site.height, site.width) > self.window
        return (
            Operator("swap", channels, site.height * site.width),
            *[moved] * (1 + rolls),
            *attention_operators(channels, self.heads, tokens, height * width // tokens, bias=True),
            *[moved] * (1 + rolls),
            *feed_forward_operators(channels, hidden, site.height * site.width, "gelu"),
            Operator("swap", channels, site.height * site.width),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        hidden = hidden_channels(site.channels, self.expand)
        window = self._window(site)
        attention = WindowAttention(site.channels, self.heads, window, shift=self.shift)
        return SwinBlock(attention, site.channels, hidden)

    def _window(self, site: Site) -> Size:
        return fitted((site.height, site.width), (self.window, self.window))


class MergedPatches(nn.Module):
    """(B, C, H, W) to (B, 4 C, ceil(H / 2), ceil(W / 2)): the pixels of each 2x2 patch.

    Their order is top left, bottom left, top right, bottom right. An odd map is filled up with
    zeros at the bottom and the right.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Stack the pixels of a patch along the channels."""
        height, width = features.shape[-2:]
        features = F.pad(features, (0, width % 2, 0, height % 2))
        batch, channels, height, width = features.shape
        split = features.reshape(batch, channels, height // 2, 2, width // 2, 2)
        stacked = split.permute(0, 5, 3, 1, 2, 4)
        return stacked.reshape(batch, 4 * channels, height // 2, width // 2)


class PatchMerge(Layer):
    """Swin's patch merging: the four pixels of each 2x2 patch, layer norm, linear without bias."""

    kind: ClassVar[str] = "patch_merge"

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """It can stand anywhere."""
        return None

    def out_size(self, height: int, width: int) -> Size:
        """Size of the output map: halved and rounded up."""
        return -(-height // 2), -(-width // 2)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        height, width = self.out_size(site.height, site.width)
        merged = 4 * site.in_channels
        tally.norm(merged)
        tally.pointwise(merged, site.channels, height * width, bias=False)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        height, width = self.out_size(site.height, site.width)
        merged = 4 * site.in_channels * height * width
        if merged > site.elements:
            live.replace(site.elements, merged)
        live.replace(merged, site.channels * height * width)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        merged, pixels = 4 * site.in_channels, prod(self.out_size(site.height, site.width))
        return (
            Operator("shuffle", merged, pixels),
            *layer_norm_operators(merged, pixels),
            product(merged, site.channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        merged = 4 * site.in_channels
        return nn.Sequential(
            MergedPatches(),
            LayerNorm2d(merged, eps=_EPS),
            nn.Conv2d(merged, site.channels, 1, bias=False),
        )

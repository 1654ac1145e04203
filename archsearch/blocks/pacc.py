"""Position aware circular convolution: the operator, its two published uses, the PaCC block.

PaCC-Net and ParC-Net are two titles of one paper (arXiv 2203.03952): a depthwise convolution along
one axis that wraps around the map and may be as long as the axis, so that every output sees the
whole row or column, with a learned position embedding to restore what the wrap-around loses.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import Ratio, hidden_channels, residual_problem
from archsearch.blocks.live import LiveSet, follow_squeeze
from archsearch.blocks.operators import Operator, Operators, branch, channel_mixer

Axis = Literal["height", "width"]
Generation = Literal["interpolate", "crop"]
Kernel = Annotated[int, Field(ge=2)] | Literal["global"]

REDUCTION = 16  # channel attention: squeezed channels are channels // REDUCTION
PACC_POSITION_STD = 1.0  # ParC-Net draws its embeddings from the standard normal
HALVES_POSITION_STD = 0.02  # ParC-ConvNets: cut at +-2, 100 deviations away, so a plain normal


def circular_conv(x: Tensor, weight: Tensor, bias: Tensor | None, axis: Axis) -> Tensor:
    """Convolve along one axis with wrap-around to later places.

    ``y[i] = bias + sum_k weight[k] * x[(i + k) mod n]`` for each channel, k = 0 .. K-1; not
    centred (ParC-Net, equation of ParC-H and ParC-W).

    Args:
        x: (B, C, H, W).
        weight: (C, C / groups, K), K at most the length n of the axis.
        bias: (C,) or None.
        axis: the axis along which the kernel lies.

    Returns:
        (B, C, H, W).
    """
    dim = _dim(axis)
    wrapped = torch.cat([x, x.narrow(dim, 0, weight.shape[-1] - 1)], dim)
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(wrapped, _laid_along(weight, axis), bias, groups=groups)


def generated(meta: Tensor, length: int, generation: Generation, axis: Axis = "width") -> Tensor:
    """Make values of ``length`` from meta values (..., K), for a map of another size.

    ``"interpolate"`` is linear with the end points kept (align_corners); ``"crop"`` takes the
    first values, and interpolates where there are fewer than asked for. ``axis`` is where the
    values lie; it changes the last bit alone.
    """
    given = meta.shape[-1]
    if length == given:
        return meta
    if generation == "crop" and length < given:
        return meta[..., :length]
    # Laid out as in the official code: torch rounds differently for each layout, and a deep net
    # makes of that more than our tolerance (ParC-Net-S at 320x320).
    laid = _laid_along(meta, axis)
    size = (length, 1) if axis == "height" else (1, length)
    maps = laid.reshape(-1, *laid.shape[-3:])
    resized = F.interpolate(maps, size=size, mode="bilinear", align_corners=True)
    return resized.reshape(*meta.shape[:-1], length)


def _dim(axis: Axis) -> int:
    return 2 if axis == "height" else 3


def _laid_along(values: Tensor, axis: Axis) -> Tensor:
    return values.unsqueeze(-1 if axis == "height" else -2)


class CircularConv(nn.Module):
    """``circular_conv`` along one axis, with a kernel generated for the size of the map.

    Args:
        channels: channels in and out.
        axis: the axis along which the kernel lies.
        taps: length K of the stored kernel.
        stretch: make the kernel as long as the map; else it keeps its K taps on larger maps.
        generation: how a kernel of another length is made, see ``generated``.
        bias: add a bias per channel.
        groups: groups of the convolution; None is depthwise.
    """

    def __init__(
        self,
        channels: int,
        axis: Axis,
        taps: int,
        *,
        stretch: bool = True,
        generation: Generation = "interpolate",
        bias: bool = False,
        groups: int | None = None,
    ) -> None:
        super().__init__()
        self.axis: Axis = axis
        self.stretch = stretch
        self.generation: Generation = generation
        fan_in = channels // (groups or channels)
        self.weight = nn.Parameter(torch.empty(channels, fan_in, taps))
        self.bias = nn.Parameter(torch.empty(channels)) if bias else None
        bound = (fan_in * taps) ** -0.5  # torch's default for convolutions
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape, at any size."""
        length = x.shape[_dim(self.axis)]
        taps = length if self.stretch else min(self.weight.shape[-1], length)
        weight = generated(self.weight, taps, self.generation, self.axis)
        return circular_conv(x, weight, self.bias, self.axis)


class PositionEmbedding(nn.Module):
    """Add a learned value per channel and place along one axis, generated for the map's size."""

    def __init__(
        self,
        channels: int,
        axis: Axis,
        length: int,
        *,
        std: float,
        generation: Generation = "interpolate",
    ) -> None:
        super().__init__()
        self.axis: Axis = axis
        self.generation: Generation = generation
        self.pe = nn.Parameter(torch.empty(channels, length))
        nn.init.normal_(self.pe, std=std)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape, at any size."""
        pe = generated(self.pe, x.shape[_dim(self.axis)], self.generation, self.axis)
        return x + _laid_along(pe, self.axis)


class HalvesCircular(nn.Module):
    """Spatial mixing of the ParC-ConvNets: first half of the channels ParC-H, second half ParC-W.

    Each half: position embedding, then a circular convolution with bias as long as the axis.
    Kernels and embeddings are stored for a height x width map and interpolated for others.

    Args:
        channels: even number of channels in and out.
        height: length of the stored kernel of the first half.
        width: length of the stored kernel of the second half.
        position: learn position embeddings.
        dense: mix the channels within each half (ParC-ResNet50) instead of depthwise.
    """

    def __init__(
        self, channels: int, height: int, width: int, position: bool, *, dense: bool = False
    ) -> None:
        super().__init__()
        self.height = _half(channels // 2, "height", height, position, dense)
        self.width = _half(channels // 2, "width", width, position, dense)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape, at any size."""
        first, second = x.chunk(2, dim=1)
        return torch.cat([self.height(first), self.width(second)], dim=1)


def _half(channels: int, axis: Axis, length: int, position: bool, dense: bool) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if position:
        parts["position"] = PositionEmbedding(channels, axis, length, std=HALVES_POSITION_STD)
    parts["conv"] = CircularConv(channels, axis, length, bias=True, groups=1 if dense else None)
    return nn.Sequential(parts)


def count_halves(
    tally: Tally, channels: int, height: int, width: int, position: bool, *, dense: bool = False
) -> None:
    """Count ``HalvesCircular`` on a height x width map."""
    half, pixels = channels // 2, height * width
    seen = half if dense else 1
    tally.conv2d(seen, half, (height, 1), pixels)
    tally.conv2d(seen, half, (1, width), pixels)
    tally.params += position * half * (height + width)


def follow_halves(
    live: LiveSet, channels: int, height: int, width: int, position: bool, *, held: bool = False
) -> None:
    """Follow ``HalvesCircular``; its input dies with the second half, or is ``held`` for others."""
    half = channels // 2 * height * width
    for length, read in ((height, 0), (width, 0 if held else 2 * half)):
        if position:
            live.replace(read, half)
        follow_circular(live, half if position else read, half, length, length)
    live.replace(2 * half, 2 * half)


def follow_circular(live: LiveSet, read: int, elements: int, length: int, taps: int) -> None:
    """Follow ``circular_conv`` of ``elements``, of which ``read`` die when they are wrapped."""
    wrapped = elements // length * (length + taps - 1)
    live.replace(read, wrapped)
    live.replace(wrapped, elements)


def halves_problem(
    kernel: int | Literal["global"], stride: int, position: bool, channels: int
) -> str | None:
    """Say why a spatial kernel that may be ``"global"`` cannot be had, or None.

    ``channels`` are those that ``HalvesCircular`` would split.
    """
    if kernel != "global":
        return (
            f"position embeddings belong to kernel: global, but the kernel is {kernel}; "
            "set position: false"
            if position
            else None
        )
    if stride != 1:
        return f"kernel: global keeps the size of the map, but stride is {stride}; give stride: 1"
    if channels % 2:
        return (
            f"kernel: global splits the hidden channels in halves, but there are {channels}; "
            "change expand or the width"
        )
    return None


class ChannelAttention(nn.Module):
    """Scale each channel by what its mean over the map says (the CA layer of ParC-Net).

    ``x * hardsigmoid(BN(W2 hardswish(BN(W1 mean_HW(x)))))``, W1: C -> C // 16, W2 back, no biases.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = channels // REDUCTION
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, squeezed, 1, bias=False),
            nn.BatchNorm2d(squeezed),
            nn.Hardswish(),
            nn.Conv2d(squeezed, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        scale: Tensor = self.scale(x)
        return x * scale


def count_channel_attention(tally: Tally, channels: int) -> None:
    """Count ``ChannelAttention``; its convolutions see one pixel."""
    squeezed = channels // REDUCTION
    tally.pointwise(channels, squeezed, 1, bias=False)
    tally.norm(squeezed)
    tally.pointwise(squeezed, channels, 1, bias=False)
    tally.norm(channels)


class PaccBlock(nn.Module):
    """Two branches of circular convolutions in opposite order, then a channel mixer.

    ``u = concat(a + A(a), b + B(b))`` for the halves a and b of the channels; ``u + mixer(u)``.
    """

    def __init__(
        self, height_first: nn.Module, width_first: nn.Module, channel_mixer: nn.Module
    ) -> None:
        super().__init__()
        self.height_first = height_first
        self.width_first = width_first
        self.channel_mixer = channel_mixer

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape, at any size."""
        a, b = x.chunk(2, dim=1)
        u = torch.cat([a + self.height_first(a), b + self.width_first(b)], dim=1)
        mixed: Tensor = self.channel_mixer(u)
        return u + mixed


class PaccLeaves(Layer):
    """A PaCC block as the sum of its leaves: its frame has them too, and such blocks inside."""

    kernel: Kernel = "global"
    """Taps: as many as the map has places along the axis, or this many."""
    position: bool = True
    attention: bool = True
    generation: Generation = "interpolate"
    """How kernels and embeddings are made for maps of other sizes than the one built for."""
    padding: Literal["circular", "zero"] = "circular"
    """``"zero"``: centred and zero padded; the official big-kernel ablation with crossed: false."""
    crossed: bool = True
    """Each branch runs along one axis, then the other; else twice along the same one."""
    expand: Ratio = 2.0
    """Hidden channels of the feed-forward part, by channels."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        odd_kernel = self.kernel != "global" and self.kernel % 2 == 1
        if site.channels % 2:
            return (
                f"splits its channels in halves, but there are {site.channels}; give an even width"
            )
        if self.attention and site.channels < REDUCTION:
            return (
                f"attention squeezes channels {REDUCTION} to 1, but there are {site.channels}; "
                "widen the stage or set attention: false"
            )
        if self.padding == "zero" and not odd_kernel:
            return (
                f"padding: zero centres its kernel, but that is {self.kernel}; give an odd number"
            )
        return residual_problem(site)

    def count_block(self, site: Site, tally: Tally) -> None:
        """Count one block at ``site`` without position embeddings."""
        _, channels, height, width = site
        pixels, hidden, kernel = height * width, self._hidden(site), self.kernel
        for length in (height, width):  # along each axis once in each branch
            stored = length if kernel == "global" else kernel
            taps = stored if self.padding == "zero" else min(stored, length)
            tally.depthwise(channels, (taps, 1), pixels, bias=False)
            tally.params += channels * (stored - taps)
        tally.norm(2 * channels)  # the branches' and the mixer's
        tally.pointwise(channels, hidden, pixels)
        tally.pointwise(hidden, channels, pixels)
        if self.attention:
            count_channel_attention(tally, channels)

    def count_positions(self, site: Site, tally: Tally) -> None:
        """Count the position embeddings of one block at ``site``."""
        if self.position:
            tally.params += site.channels * (site.height + site.width)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        _, channels, height, width = site
        map_, hidden = channels * height * width, self._hidden(site) * height * width
        for first, other in ((height, width), (width, height)):
            live.write(map_ // 2)
            self._follow_conv(live, map_ // 2, first)
            self._follow_conv(live, map_ // 2, other if self.crossed else first)
        live.free(map_)
        live.replace(map_, map_)
        live.write(map_)
        live.replace(map_, hidden)
        live.replace(hidden, map_)
        if self.attention:
            follow_squeeze(live, channels, channels // REDUCTION)
        live.free(map_)

    def _follow_conv(self, live: LiveSet, elements: int, length: int) -> None:
        if self.padding == "zero":
            live.replace(elements, elements)
        else:
            taps = length if self.kernel == "global" else min(self.kernel, length)
            follow_circular(live, elements, elements, length, taps)

    def _hidden(self, site: Site) -> int:
        return hidden_channels(site.channels, self.expand)


class Pacc(PaccLeaves):
    """The ParC meta-former block (ParC-Net, the block of its three last stages).

    The official block ends its feed-forward part by dropout 0.1; regularisation is left to the
    training recipe here. The official big-kernel block (``bkc_ca_mf_block``) changes two things at
    once, the padding and the axes of the second convolutions: ``padding`` and ``crossed`` here.
    """

    kind: ClassVar[str] = "pacc"

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        self.count_block(site, tally)
        self.count_positions(site, tally)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, size = site.channels, (site.height, site.width)
        branches: list[Operator] = []
        for first in (0, 1):
            axes = (first, 1 - first if self.crossed else first)
            taps = tuple(size[axis] if self.kernel == "global" else self.kernel for axis in axes)
            wraps = self.padding == "circular"
            branches += branch(channels // 2, size, axes, taps, position=self.position, wraps=wraps)
        squeezed = channels // REDUCTION if self.attention else 0
        return (*branches, *channel_mixer(channels, self._hidden(site), prod(size), squeezed))

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        return PaccBlock(
            self._branch(site, "height", "width" if self.crossed else "height"),
            self._branch(site, "width", "height" if self.crossed else "width"),
            self._channel_mixer(site),
        )

    def _branch(self, site: Site, *axes: Axis) -> nn.Sequential:
        """One branch: the embedding stands before the norm, which comes once, before both."""
        half = site.channels // 2
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for number, axis in enumerate(axes, 1):
            length = site.height if axis == "height" else site.width
            if self.position:
                parts[f"position_{number}"] = PositionEmbedding(
                    half, axis, length, std=PACC_POSITION_STD, generation=self.generation
                )
            if number == 1:
                parts["norm"] = nn.BatchNorm2d(half)
            parts[f"conv_{number}"] = self._conv(half, axis, length)
        return nn.Sequential(parts)

    def _conv(self, channels: int, axis: Axis, length: int) -> nn.Module:
        taps = length if self.kernel == "global" else self.kernel
        if self.padding == "zero":
            shape = (taps, 1) if axis == "height" else (1, taps)
            return nn.Conv2d(channels, channels, shape, padding="same", groups=channels, bias=False)
        stretch = self.kernel == "global"
        return CircularConv(channels, axis, taps, stretch=stretch, generation=self.generation)

    def _channel_mixer(self, site: Site) -> nn.Sequential:
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            norm=nn.BatchNorm2d(site.channels),
            expand=nn.Conv2d(site.channels, self._hidden(site), 1),
            activation=nn.Hardswish(),
            project=nn.Conv2d(self._hidden(site), site.channels, 1),
        )
        if self.attention:
            parts["attention"] = ChannelAttention(site.channels)
        return nn.Sequential(parts)

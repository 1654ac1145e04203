"""Recursive gated convolution and the HorNet block around it (arXiv 2207.14284)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import OddKernel, Ratio, hidden_channels, residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.mlp import ScaledMlp, count_mlp, follow_mlp
from archsearch.blocks.norms import LayerNorm2d, LayerScale
from archsearch.blocks.operators import (
    Operator,
    Operators,
    layer_norm,
    matmul,
    product,
    scaled_mlp,
    scaled_sum,
)
from archsearch.blocks.operators import depthwise as depthwise_operator

_WEIGHT_STD = 0.02  # of the complex filters, as in the official code
_BY_PRODUCTS: ContextVar[bool] = ContextVar("by products", default=False)


def order_widths(channels: int, order: int) -> list[int]:
    """Channels of each order: d_k = C / 2^(n - 1 - k) for k = 0..n-1."""
    return [channels >> (order - 1 - k) for k in range(order)]


def circular_filter(features: Tensor, weight: Tensor) -> Tensor:
    """Multiply the spectrum of each channel by a complex filter: a circular 2-D convolution.

    Args:
        features: (B, C, H, W), real.
        weight: (C, H, W // 2 + 1, 2), real and imaginary parts on the half spectrum.

    Returns:
        (B, C, H, W).
    """
    if torch.compiler.is_exporting() or _BY_PRODUCTS.get():
        return _filter_by_products(features, weight)
    # A channels-last module stores this 4-D weight with its last axis strided.
    filter_ = torch.view_as_complex(weight.contiguous())
    # There are no transforms of bf16, and autocast widens their input on CPUs only.
    spectrum = torch.fft.rfft2(features.to(weight.dtype), norm="ortho") * filter_
    filtered: Tensor = torch.fft.irfft2(spectrum, s=features.shape[-2:], norm="ortho")
    return filtered


@contextmanager
def filters_by_products() -> Iterator[None]:
    """Compute global filters in this thread as exported graphs do; see ``_filter_by_products``."""
    token = _BY_PRODUCTS.set(True)
    try:
        yield
    finally:
        _BY_PRODUCTS.reset(token)


def _waves(length: int, frequencies: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal cosines and sines (length, frequencies), from angles reduced to one turn."""
    place = torch.arange(length, device=like.device)
    turn = (place[:, None] * torch.arange(frequencies, device=like.device)) % length
    angle = turn.to(torch.float64) * (2 * math.pi / length)
    size = math.sqrt(length)
    return (angle.cos() / size).to(like.dtype), (angle.sin() / size).to(like.dtype)


def _filter_by_products(features: Tensor, weight: Tensor) -> Tensor:
    """Give ``circular_filter`` by products with DFT matrices.

    For exported graphs: the DFT operator of onnxruntime 1.31 takes 7 to 48 times as long on maps
    of 7 to 56 pixels and loses up to two digits, and smaller runtimes have no such operator.
    Changes no answer.
    """
    height, width = features.shape[-2:]
    half = width // 2 + 1
    cos_w, sin_w = _waves(width, half, features)
    cos_h, sin_h = _waves(height, height, features)
    real, imaginary = features @ cos_w, -(features @ sin_w)
    real, imaginary = cos_h @ real + sin_h @ imaginary, cos_h @ imaginary - sin_h @ real
    a, b = weight.unbind(-1)
    real, imaginary = real * a - imaginary * b, real * b + imaginary * a
    real, imaginary = cos_h @ real - sin_h @ imaginary, cos_h @ imaginary + sin_h @ real
    # A column stands for its mirror image too, where it has one: not the mean, nor the highest
    # frequency of an even width.
    frequency = torch.arange(half, device=features.device)
    copies = torch.where((frequency == 0) | (2 * frequency == width), 1.0, 2.0).to(features.dtype)
    return (real * copies) @ cos_w.T - (imaginary * copies) @ sin_w.T


def filter_operators(channels: int, height: int, width: int) -> Operators:
    """What a runtime executes for ``_filter_by_products`` on a map of this size."""
    half = width // 2 + 1
    spectrum = channels, height * half
    along_height = (matmul(height, height, half, channels), Operator("pack", *spectrum))
    joined = Operator("sum", *spectrum)
    back = (Operator("loop", *spectrum), product(half, width, channels * height))
    return (
        Operator("pack", channels, height * width),
        *[matmul(height, width, half, channels)] * 2,
        Operator("neg", *spectrum),
        *along_height * 4,
        *[joined] * 8,
        *along_height * 4,
        *[joined] * 2,
        *[Operator("shuffle", *spectrum), *back] * 2,
        *[Operator("shuffle", channels, height * width)] * 2,
        Operator("sum", channels, height * width),
    )


class GlobalLocalFilter(nn.Module):
    """HorNet's GF layer: half of the channels by a 3x3, half by a filter of the whole map.

    (B, C, H, W) to (B, C, H, W). LN, then channel i of the first half goes to 2 i and its partner
    of the second half to 2 i + 1, then LN. The spectrum's filter is stored for ``height`` x
    ``width`` maps, and resized bilinearly (corners aligned) for others, as in the official code.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        half = channels // 2
        self.norm = LayerNorm2d(channels)
        self.local = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        self.complex_weight = nn.Parameter(torch.empty(half, height, width // 2 + 1, 2))
        nn.init.trunc_normal_(self.complex_weight, std=_WEIGHT_STD)
        self.out_norm = LayerNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Filter; the transform runs in float32 at least, which half precision does not support."""
        local, whole = self.norm(features).chunk(2, dim=1)
        exact = torch.promote_types(whole.dtype, torch.float32)
        weight = self._weight(*features.shape[-2:]).to(exact)
        whole = circular_filter(whole.to(exact), weight).to(whole.dtype)
        mixed = torch.stack((self.local(local), whole), dim=2).flatten(1, 2)
        out: Tensor = self.out_norm(mixed)
        return out

    def _weight(self, height: int, width: int) -> Tensor:
        size = (height, width // 2 + 1)
        if self.complex_weight.shape[1:3] == size:
            return self.complex_weight
        planes = self.complex_weight.permute(3, 0, 1, 2)
        resized = F.interpolate(planes, size=size, mode="bilinear", align_corners=True)
        return resized.permute(1, 2, 3, 0).contiguous()


class RecursiveGatedConv(nn.Module):
    """The gnConv operator: (B, C, H, W) to (B, C, H, W).

    p0, q = split(W_in x); q_0..q_(n-1) = split(scale * filter(q)); y_0 = p0 * q_0;
    y_(k+1) = W_k y_k * q_(k+1); W_out y_(n-1). No activation anywhere.
    """

    def __init__(self, channels: int, order: int, spatial: nn.Module, scale: float) -> None:
        super().__init__()
        self.widths = order_widths(channels, order)
        self.scale = scale
        self.project_in = nn.Conv2d(channels, 2 * channels, 1)
        self.spatial = spatial
        self.lifts = nn.ModuleList(nn.Conv2d(width, 2 * width, 1) for width in self.widths[:-1])
        self.project_out = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Gate once for each order."""
        projected: Tensor = self.project_in(features)
        gated, rest = torch.split(projected, [self.widths[0], sum(self.widths)], dim=1)
        filtered: Tensor = self.spatial(rest) * self.scale
        first, *gates = torch.split(filtered, self.widths, dim=1)
        gated = gated * first
        for lift, gate in zip(self.lifts, gates, strict=True):
            gated = lift(gated) * gate
        out: Tensor = self.project_out(gated)
        return out


class HorNetBlock(nn.Module):
    """x + gamma gnConv(LN(x)), then x + MLP(x): (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, channels: int, gnconv: RecursiveGatedConv, mlp: ScaledMlp) -> None:
        super().__init__()
        self.norm = LayerNorm2d(channels)
        self.gnconv = gnconv
        self.scale = LayerScale(channels)
        self.mlp = mlp

    def forward(self, features: Tensor) -> Tensor:
        """Mix space, then channels."""
        features = features + self.scale(self.gnconv(self.norm(features)))
        out: Tensor = features + self.mlp(features)
        return out


class GnConv(Layer):
    """The HorNet block."""

    kind: ClassVar[str] = "gnconv"

    order: Annotated[int, Field(ge=1, le=5)] = 3
    """Times that features are gated."""
    kernel: OddKernel | Literal["global"] = 7
    """Of the depthwise convolution, or ``"global"``: the global-local filter."""
    scale: Ratio = 1 / 3
    """Factor on the gates, which keeps products of several of them in range."""
    expand: Ratio = 4.0
    """Hidden channels of the MLP, by channels."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        # The filter sees C + C/2 + ... + C/2^(n-1) channels: even where the last term is.
        parts = 2**self.order if self.kernel == "global" else 2 ** (self.order - 1)
        if site.channels % parts:
            least = max(parts, site.channels // parts * parts)
            return (
                f"order: {self.order} with kernel: {self.kernel} needs channels that divide by "
                f"{parts}, but there are {site.channels}; use {least} channels or a lower order"
            )
        return residual_problem(site)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what runs at ``site``, the Fourier transforms by their textbook count."""
        _, channels, height, width = site
        pixels, widths = height * width, order_widths(channels, self.order)
        tally.norm(channels)
        tally.pointwise(channels, 2 * channels, pixels)
        self._count_spatial(sum(widths), height, width, tally)
        for part in widths[:-1]:
            tally.pointwise(part, 2 * part, pixels)
        tally.pointwise(channels, channels, pixels)
        tally.params += channels  # layer scale
        count_mlp(tally, channels, self.expand, pixels)

    def _count_spatial(self, channels: int, height: int, width: int, tally: Tally) -> None:
        kernel, pixels = self.kernel, height * width
        if kernel != "global":
            tally.depthwise(channels, kernel, pixels)
            return
        half = channels // 2
        tally.norm(channels)
        tally.depthwise(half, 3, pixels, bias=False)
        tally.fft2d(half, height, width)
        tally.params += 2 * half * height * (width // 2 + 1)  # the complex filter
        tally.norm(channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        _, channels, height, width = site
        pixels, widths = height * width, order_widths(channels, self.order)
        map_, filtered = channels * pixels, sum(widths)
        live.write(map_)
        live.replace(map_, 2 * map_)
        self._follow_spatial(filtered, height, width, live)
        if self.order > 1:
            live.write(widths[0] * pixels)
        live.free(2 * map_)
        for part in widths[:-1]:
            live.replace(part * pixels, 2 * part * pixels)
        if self.order > 1:
            live.free(filtered * pixels)
        live.replace(map_, map_)
        live.free(map_)
        live.write(map_)
        follow_mlp(live, channels, self.expand, pixels)
        live.free(map_)

    def _follow_spatial(self, channels: int, height: int, width: int, live: LiveSet) -> None:
        """From the projection, which stays for its first part, to the filtered rest."""
        filtered = channels * height * width
        live.write(filtered)
        if self.kernel == "global":
            spectrum = channels * height * (width // 2 + 1)
            live.write(spectrum)
            live.replace(spectrum, filtered // 2)
            live.replace(filtered, filtered // 2)
            live.replace(filtered, filtered)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        widths = order_widths(channels, self.order)
        gates: list[Operator] = []
        for number, width in enumerate(widths):
            if number:
                gates += [Operator("pack", width // 2, pixels), product(width // 2, width, pixels)]
            gates += [Operator("pack", 2 * width, pixels), Operator("sum", width, pixels)]
        return (
            *layer_norm(channels, pixels),
            product(channels, 2 * channels, pixels),
            *self._spatial_operators(site),
            Operator("sum", sum(widths), pixels),
            *gates,
            Operator("pack", channels, pixels),
            product(channels, channels, pixels),
            *scaled_sum(channels, pixels),
            *scaled_mlp(channels, hidden_channels(channels, self.expand), pixels, "layer"),
        )

    def _spatial_operators(self, site: Site) -> Operators:
        channels, size = self._filtered(site), (site.height, site.width)
        pixels = size[0] * size[1]
        if self.kernel != "global":
            dw = depthwise_operator(channels, pixels, self.kernel**2)
            return (Operator("pack", channels, pixels), dw)
        half = channels // 2
        # The parts of two splits lie anywhere between four channels: copied one by one.
        return (
            Operator("shuffle", channels, pixels),
            Operator("norm", channels, pixels),
            Operator("swap", half, pixels),
            depthwise_operator(half, pixels, 9),
            *filter_operators(half, *size),
            Operator("shuffle", channels, pixels),
            Operator("shuffle", channels, pixels),
            Operator("norm", channels, pixels),
            Operator("swap", channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        channels = site.channels
        gnconv = RecursiveGatedConv(channels, self.order, self._spatial(site), self.scale)
        return HorNetBlock(channels, gnconv, ScaledMlp(channels, self.expand))

    def _filtered(self, site: Site) -> int:
        return sum(order_widths(site.channels, self.order))

    def _spatial(self, site: Site) -> nn.Module:
        channels = self._filtered(site)
        if self.kernel == "global":
            return GlobalLocalFilter(channels, site.height, site.width)
        padding = self.kernel // 2
        return nn.Conv2d(channels, channels, self.kernel, padding=padding, groups=channels)

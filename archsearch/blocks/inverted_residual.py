"""The inverted residual of MobileNetV2, with the variants of EfficientNet and ParC-MobileNetV2."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from math import floor, prod
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import OddKernel, Ratio
from archsearch.blocks.live import LiveSet, follow_squeeze
from archsearch.blocks.norms import ACTIVATIONS
from archsearch.blocks.operators import Operator, Operators, halves, loose_activation, product
from archsearch.blocks.operators import activation as activation_operator
from archsearch.blocks.operators import depthwise as depthwise_operator
from archsearch.blocks.pacc import HalvesCircular, count_halves, follow_halves, halves_problem


def rounded(channels: float) -> int:
    """Round to the nearest multiple of 8, up where that would lose more than a tenth.

    MobileNet's rule for widths; at least 8.
    """
    nearest = floor(channels + 4) // 8 * 8 or 8
    return nearest + 8 if nearest < 0.9 * channels else nearest


class SqueezeExcitation(nn.Module):
    """Each channel times a gate from all channels' means (arXiv 1709.01507), with SiLU inside.

    (B, C, H, W) to (B, C, H, W).
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.activation = nn.SiLU()
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Weigh the channels."""
        means = features.mean((2, 3), keepdim=True)
        gate: Tensor = self.expand(self.activation(self.reduce(means))).sigmoid()
        return features * gate


class InvertedResidualBlock(nn.Module):
    """Expand, filter in space, project; the input is added where the shape allows."""

    def __init__(self, path: nn.Module, *, residual: bool) -> None:
        super().__init__()
        self.path = path
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.path(x)
        return x + y if self.residual else y


class InvertedResidual(Layer):
    """MobileNetV2's inverted residual (arXiv 1801.04381), in a stage or as its downsampling layer.

    1x1 BN act, depthwise kxk BN act, 1x1 BN; plus the input at stride 1 and equal channels. With
    ``expand: 1`` the first part is left out. ``kernel: global`` is ParC-MobileNetV2: ParC-H and
    ParC-W on half the hidden channels each, in place of the depthwise convolution. ``squeeze`` is
    EfficientNet (arXiv 1905.11946): squeeze-and-excitation before the last 1x1.
    """

    kind: ClassVar[str] = "inverted_residual"

    kernel: OddKernel | Literal["global"] = 3
    expand: Ratio = 4.0
    """Hidden channels by channels that come in, rounded to a multiple of 8."""
    stride: Literal[1, 2] = 1
    activation: Literal["silu", "relu6", "hardswish"] = "silu"
    position: bool = False
    """Position embeddings; with kernel: global only."""
    squeeze: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Squeezed channels by channels that come in, rounded, one at least; 0: no excitation."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        return halves_problem(self.kernel, self.stride, self.position, self._hidden(site))

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map: halved and rounded up at stride 2."""
        stride = self.stride
        return -(-height // stride), -(-width // stride)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        in_channels, channels, height, width = site
        hidden, kernel = self._hidden(site), self.kernel
        out_height, out_width = self.out_size(height, width)
        out_pixels = out_height * out_width
        if self.expand != 1:
            tally.pointwise(in_channels, hidden, height * width, bias=False)
            tally.norm(hidden)
        if kernel == "global":
            count_halves(tally, hidden, height, width, self.position)
        else:
            tally.depthwise(hidden, kernel, out_pixels, bias=False)
        tally.norm(hidden)
        if self.squeeze:
            squeezed = self._squeezed(site)
            tally.pointwise(hidden, squeezed, 1)
            tally.pointwise(squeezed, hidden, 1)
        tally.pointwise(hidden, channels, out_pixels, bias=False)
        tally.norm(channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        in_channels, channels, height, width = site
        hidden, (out_height, out_width) = self._hidden(site), self.out_size(height, width)
        pixels, filtered = height * width, hidden * out_height * out_width
        adds = held = self._adds(site)
        if self.expand != 1:
            live.replace(0 if adds else in_channels * pixels, hidden * pixels)
            held = False
        if self.kernel == "global":
            follow_halves(live, hidden, height, width, self.position, held=held)
        else:
            live.replace(0 if held else hidden * pixels, filtered)
        if self.squeeze:
            follow_squeeze(live, hidden, self._squeezed(site))
        live.replace(filtered, channels * out_height * out_width)
        if adds:
            live.free(in_channels * pixels)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        hidden, pixels = self._hidden(site), site.height * site.width
        out_pixels = prod(self.out_size(site.height, site.width))
        found: list[Operator] = []
        if self.expand != 1:
            found.append(product(site.in_channels, hidden, pixels))
            found += activation_operator(self.activation, hidden, pixels)
        if self.kernel == "global":
            found += halves(hidden, (site.height, site.width), position=self.position)
            found.append(Operator("scale", hidden, pixels))
            found.append(loose_activation(self.activation, hidden, pixels))
        else:
            found.append(depthwise_operator(hidden, out_pixels, self.kernel**2, self.stride))
            found += activation_operator(self.activation, hidden, out_pixels)
        found += self._squeeze_operators(site, out_pixels)
        found.append(product(hidden, site.channels, out_pixels))
        return (*found, *([Operator("sum", site.channels, out_pixels)] if self._adds(site) else ()))

    def _squeeze_operators(self, site: Site, pixels: int) -> Operators:
        if not self.squeeze:
            return ()
        hidden, squeezed = self._hidden(site), self._squeezed(site)
        return (
            Operator("pack", hidden, pixels),
            Operator("mean", hidden, pixels),
            product(hidden, squeezed, 1),
            Operator("silu", squeezed, 1),
            product(squeezed, hidden, 1),
            Operator("sigmoid", hidden, 1),
            Operator("spread", hidden, pixels),
            Operator("sum", hidden, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        hidden, activation = self._hidden(site), ACTIVATIONS[self.activation]
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if self.expand != 1:
            parts["expand"] = nn.Conv2d(site.in_channels, hidden, 1, bias=False)
            parts["expand_norm"] = nn.BatchNorm2d(hidden)
            parts["expand_activation"] = activation()
        parts["spatial"] = self._spatial(site)
        parts["spatial_norm"] = nn.BatchNorm2d(hidden)
        parts["spatial_activation"] = activation()
        if self.squeeze:
            parts["squeeze"] = SqueezeExcitation(hidden, self._squeezed(site))
        parts["project"] = nn.Conv2d(hidden, site.channels, 1, bias=False)
        parts["project_norm"] = nn.BatchNorm2d(site.channels)
        return InvertedResidualBlock(nn.Sequential(parts), residual=self._adds(site))

    def _adds(self, site: Site) -> bool:
        """Whether the input is added."""
        return self.stride == 1 and site.in_channels == site.channels

    def _hidden(self, site: Site) -> int:
        expand = self.expand
        return site.in_channels if expand == 1 else rounded(site.in_channels * expand)

    def _squeezed(self, site: Site) -> int:
        return max(1, round(site.in_channels * self.squeeze))

    def _spatial(self, site: Site) -> nn.Module:
        hidden, kernel = self._hidden(site), self.kernel
        if kernel == "global":
            return HalvesCircular(hidden, site.height, site.width, self.position)
        return nn.Conv2d(
            hidden, hidden, kernel, self.stride, kernel // 2, groups=hidden, bias=False
        )

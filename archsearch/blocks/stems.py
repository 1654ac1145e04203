"""The layers that an image meets first."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import Epsilon, OddKernel
from archsearch.blocks.live import LiveSet
from archsearch.blocks.norms import ACTIVATIONS, Activation, LayerNorm2d
from archsearch.blocks.operators import Operator, Operators, product
from archsearch.blocks.operators import activation as activation_operator
from archsearch.blocks.operators import layer_norm as layer_norm_operators
from archsearch.blocks.patches import PatchConv, follow_patch_conv, patches

_LAYER_NORM_EPS = 1e-6


class PatchStem(Layer):
    """Convolution whose stride is its kernel, then norm: EdgeNeXt, HorNet, ConvNeXt, Swin, DeiT."""

    kind: ClassVar[str] = "patch"

    size: Annotated[int, Field(ge=1)] = 4
    norm: Literal["layer", "batch", "none"] = "layer"
    """``"batch"``: as EdgeNeXt's fast variant, where the convolution has no bias; DeiT has none."""
    eps: Epsilon = _LAYER_NORM_EPS
    """Of a layer norm; Swin has 1e-5."""

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """Say why this layer cannot stand at ``site``, or None."""
        if self.norm == "layer" or self.eps == _LAYER_NORM_EPS:
            return None
        return f"eps is of norm: layer, not of norm: {self.norm}; leave it out"

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size."""
        size = self.size
        return patches(height, size), patches(width, size)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        in_channels, channels, height, width = site
        out_height, out_width = self.out_size(height, width)
        pixels = out_height * out_width
        tally.conv2d(in_channels, channels, self.size, pixels, bias=self._bias)
        if self.norm != "none":
            tally.norm(channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        follow_patch_conv(live, site, self.size)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        pixels = prod(self.out_size(site.height, site.width))
        conv = product(site.in_channels, site.channels, pixels, self.size**2, self.size)
        packed = Operator("pack", site.in_channels, site.height * site.width)
        norm = layer_norm_operators(site.channels, pixels) if self.norm == "layer" else ()
        return (packed, conv, *norm)

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        conv = PatchConv(site.in_channels, site.channels, self.size, bias=self._bias)
        match self.norm:
            case "layer":
                return nn.Sequential(conv, LayerNorm2d(site.channels, self.eps))
            case "batch":
                return nn.Sequential(conv, nn.BatchNorm2d(site.channels))
        return nn.Sequential(conv)

    @property
    def _bias(self) -> bool:
        return self.norm != "batch"


class ConvStem(Layer):
    """Convolution without bias, batch norm, activation: MobileNetV2, MobileViT, ParC-Net.

    NAS-Bench-201 has no activation there, and stride 1.
    """

    kind: ClassVar[str] = "conv"

    kernel: OddKernel = 3
    stride: Literal[1, 2] = 2
    activation: Activation | Literal["none"] = "silu"

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """It can stand anywhere."""
        return None

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size."""
        return -(-height // self.stride), -(-width // self.stride)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        height, width = self.out_size(site.height, site.width)
        tally.conv2d(site.in_channels, site.channels, self.kernel, height * width, bias=False)
        tally.norm(site.channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        live.replace(site.elements, site.channels * prod(self.out_size(site.height, site.width)))

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        pixels = prod(self.out_size(site.height, site.width))
        return (
            Operator("pack", site.in_channels, site.height * site.width),
            product(site.in_channels, site.channels, pixels, self.kernel**2, self.stride),
            *activation_operator(self.activation, site.channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        conv = nn.Conv2d(
            site.in_channels,
            site.channels,
            self.kernel,
            stride=self.stride,
            padding=self.kernel // 2,
            bias=False,
        )
        normed = nn.Sequential(conv, nn.BatchNorm2d(site.channels))
        if self.activation != "none":
            normed.append(ACTIVATIONS[self.activation]())
        return normed


class ResnetStem(Layer):
    """ResNet's stem (arXiv 1512.03385): convolution without bias, BN, ReLU, 3x3 max pooling.

    Convolution and pooling have stride 2 each.
    """

    kind: ClassVar[str] = "resnet_stem"

    kernel: OddKernel = 7

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """It can stand anywhere."""
        return None

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size: twice halved and rounded up."""
        return -(-height // 4), -(-width // 4)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        self._conv().count(site, tally)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        conv = self._conv()
        conv.follow(site, live)
        convolved = prod(conv.out_size(site.height, site.width))
        pooled = prod(self.out_size(site.height, site.width))
        live.replace(site.channels * convolved, site.channels * pooled)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        pooled = prod(self.out_size(site.height, site.width))
        return (*self._conv().operators(site), Operator("pool", site.channels, pooled, taps=9))

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        conv, norm, activation = self._conv().build(site, shared).children()
        return nn.Sequential(conv, norm, activation, nn.MaxPool2d(3, stride=2, padding=1))

    def _conv(self) -> ConvStem:
        return ConvStem(kernel=self.kernel, activation="relu")


class CmtStem(Layer):
    """CMT's stem: three times 3x3 convolution, GELU, batch norm; the first one has stride 2."""

    kind: ClassVar[str] = "cmt_stem"

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """It can stand anywhere."""
        return None

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size."""
        return -(-height // 2), -(-width // 2)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        height, width = self.out_size(site.height, site.width)
        for in_channels in (site.in_channels, site.channels, site.channels):
            tally.conv2d(in_channels, site.channels, 3, height * width)
            tally.norm(site.channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        made = site.channels * prod(self.out_size(site.height, site.width))
        live.replace(site.elements, made)
        live.replace(made, made)
        live.replace(made, made)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, pixels = site.channels, prod(self.out_size(site.height, site.width))
        between = (Operator("gelu", channels, pixels), Operator("scale", channels, pixels))
        other = (product(channels, channels, pixels, 9), *between)
        return (
            Operator("pack", site.in_channels, site.height * site.width),
            product(site.in_channels, channels, pixels, 9, 2),
            *between,
            *other * 2,
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        channels = site.channels
        return nn.Sequential(
            _conv_gelu_norm(site.in_channels, channels, stride=2),
            _conv_gelu_norm(channels, channels, stride=1),
            _conv_gelu_norm(channels, channels, stride=1),
        )


def _conv_gelu_norm(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
    return nn.Sequential(conv, nn.GELU(), nn.BatchNorm2d(channels))

"""Layers that begin a stage: they change the channels and, most of them, halve the map."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.live import LiveSet
from archsearch.blocks.norms import NORMS, LayerNorm2d
from archsearch.blocks.operators import Operator, Operators, product
from archsearch.blocks.operators import layer_norm as layer_norm_operators
from archsearch.blocks.patches import PatchConv, follow_patch_conv, patches


class ConvDown(Layer):
    """A convolution with a norm before it (EdgeNeXt, HorNet, ConvNeXt) or after it."""

    kind: ClassVar[str] = "conv"

    kernel: Annotated[int, Field(ge=1)] = 2
    """Odd, with padding; or 2 with stride 2, without."""
    stride: Literal[1, 2] = 2
    norm: Literal["layer", "batch", "none"] = "layer"
    """``"batch"``: as EdgeNeXt's fast variant, where the convolution has no bias."""
    norm_first: bool = True

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """Say why this layer cannot stand at ``site``, or None."""
        if self._padded or self.kernel == self.stride:
            return None
        return (
            f"kernel: {self.kernel} with stride: {self.stride} has no centre; "
            "use an odd kernel, or kernel 2 with stride 2"
        )

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size."""
        stride = self.stride
        if self._padded:
            return -(-height // stride), -(-width // stride)
        return patches(height, stride), patches(width, stride)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        in_channels, channels, height, width = site
        out_height, out_width = self.out_size(height, width)
        pixels = out_height * out_width
        tally.conv2d(in_channels, channels, self.kernel, pixels, bias=self._bias)
        if self.norm != "none":
            tally.norm(self._normed(site))

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        if self._padded:
            out_pixels = prod(self.out_size(site.height, site.width))
            live.replace(site.elements, site.channels * out_pixels)
        else:
            follow_patch_conv(live, site, self.kernel)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        pixels, out = site.height * site.width, prod(self.out_size(site.height, site.width))
        conv = product(site.in_channels, site.channels, out, self.kernel**2, self.stride)
        if self.norm == "batch":
            return (
                *([Operator("scale", site.in_channels, pixels)] if self.norm_first else ()),
                conv,
            )
        if self.norm == "none":
            return (conv,)
        if self.norm_first:
            return (*layer_norm_operators(site.in_channels, pixels), conv)
        return (conv, *layer_norm_operators(site.channels, out))

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        if self.norm == "none":
            return self._conv(site)
        norm = NORMS[self.norm](self._normed(site))
        if self.norm_first:
            return nn.Sequential(norm, self._conv(site))
        return nn.Sequential(self._conv(site), norm)

    @property
    def _padded(self) -> bool:
        return self.kernel % 2 == 1

    @property
    def _bias(self) -> bool:
        return self.norm != "batch"

    def _normed(self, site: Site) -> int:
        return site.in_channels if self.norm_first else site.channels

    def _conv(self, site: Site) -> nn.Module:
        if not self._padded:
            return PatchConv(site.in_channels, site.channels, self.kernel, bias=self._bias)
        return nn.Conv2d(
            site.in_channels,
            site.channels,
            self.kernel,
            stride=self.stride,
            padding=self.kernel // 2,
            bias=self._bias,
        )


class CmtPatch(Layer):
    """CMT's patch embedding: convolution 2x2 with stride 2, then layer norm with eps 1e-5."""

    kind: ClassVar[str] = "cmt_patch"

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """It can stand anywhere."""
        return None

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size."""
        return patches(height, 2), patches(width, 2)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        height, width = self.out_size(site.height, site.width)
        tally.conv2d(site.in_channels, site.channels, 2, height * width)
        tally.norm(site.channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        follow_patch_conv(live, site, 2)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        pixels = prod(self.out_size(site.height, site.width))
        conv = product(site.in_channels, site.channels, pixels, 4, 2)
        return (conv, *layer_norm_operators(site.channels, pixels))

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        conv = PatchConv(site.in_channels, site.channels, 2)
        return nn.Sequential(conv, LayerNorm2d(site.channels, eps=1e-5))

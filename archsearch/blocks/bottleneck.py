"""The bottleneck of ResNet-50, with a circular variant from ParC-ResNet50."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from math import floor, prod
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import OddKernel, Ratio
from archsearch.blocks.live import LiveSet
from archsearch.blocks.operators import Operator, Operators, halves, product
from archsearch.blocks.pacc import HalvesCircular, count_halves, follow_halves, halves_problem


class BottleneckBlock(nn.Module):
    """``relu(path(x) + shortcut(x))``."""

    def __init__(self, path: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.path = path
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, ceil(H / stride), ceil(W / stride))."""
        return F.relu(self.path(x) + self.shortcut(x))


class Bottleneck(Layer):
    """ResNet-50's bottleneck (arXiv 1512.03385), in a stage or as its downsampling layer.

    1x1 BN ReLU, kxk BN ReLU with the stride (as in "v1.5"), 1x1 BN, plus the input (through 1x1 BN
    where the shape changes), ReLU. ``kernel: global`` is ParC-ResNet50: ParC-H and ParC-W on half
    the inner channels each, in place of the 3x3; dense within each half, as the 3x3 is.
    """

    kind: ClassVar[str] = "bottleneck"

    kernel: OddKernel | Literal["global"] = 3
    expand: Ratio = 4.0
    """Channels by inner channels."""
    stride: Literal[1, 2] = 1
    position: bool = False
    """Position embeddings; with kernel: global only."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        inner = self._inner(site)
        if inner < 1:
            return f"expand: {self.expand} leaves no inner channel of {site.channels}; lower it"
        return halves_problem(self.kernel, self.stride, self.position, inner)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map: halved and rounded up at stride 2."""
        return -(-height // self.stride), -(-width // self.stride)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        inner, out_height, out_width = self._inner(site), *self.out_size(site.height, site.width)
        pixels = out_height * out_width
        tally.pointwise(site.in_channels, inner, site.height * site.width, bias=False)
        tally.norm(inner)
        if self.kernel == "global":
            count_halves(tally, inner, site.height, site.width, self.position, dense=True)
        else:
            tally.conv2d(inner, inner, self.kernel, pixels, bias=False)
        tally.norm(inner)
        tally.pointwise(inner, site.channels, pixels, bias=False)
        tally.norm(site.channels)
        if not self._keeps_shape(site):
            tally.pointwise(site.in_channels, site.channels, pixels, bias=False)
            tally.norm(site.channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        inner, pixels = self._inner(site), site.height * site.width
        out_pixels = prod(self.out_size(site.height, site.width))
        made = site.channels * out_pixels
        live.write(inner * pixels)
        if self.kernel == "global":
            follow_halves(live, inner, site.height, site.width, self.position)
        else:
            live.replace(inner * pixels, inner * out_pixels)
        live.replace(inner * out_pixels, made)
        if not self._keeps_shape(site):
            live.write(made)
        live.free(live.now - made)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        inner, pixels = self._inner(site), site.height * site.width
        out = prod(self.out_size(site.height, site.width))
        if self.kernel == "global":
            size = site.height, site.width
            spatial = (
                *halves(inner, size, position=self.position, dense=True),
                Operator("scale", inner, pixels),
                Operator("clip", inner, pixels),
            )
        else:
            spatial = (product(inner, inner, out, self.kernel**2, self.stride),)
        shortcut = product(site.in_channels, site.channels, out, stride=self.stride)
        return (
            product(site.in_channels, inner, pixels),
            *spatial,
            product(inner, site.channels, out),
            *(() if self._keeps_shape(site) else (shortcut,)),
            Operator("sum", site.channels, out),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        inner = self._inner(site)
        path: OrderedDict[str, nn.Module] = OrderedDict(
            reduce=nn.Conv2d(site.in_channels, inner, 1, bias=False),
            reduce_norm=nn.BatchNorm2d(inner),
            reduce_activation=nn.ReLU(),
            spatial=self._spatial(site),
            spatial_norm=nn.BatchNorm2d(inner),
            spatial_activation=nn.ReLU(),
            expand=nn.Conv2d(inner, site.channels, 1, bias=False),
            expand_norm=nn.BatchNorm2d(site.channels),
        )
        return BottleneckBlock(nn.Sequential(path), self._shortcut(site))

    def _inner(self, site: Site) -> int:
        return floor(site.channels / self.expand)

    def _keeps_shape(self, site: Site) -> bool:
        return self.stride == 1 and site.in_channels == site.channels

    def _spatial(self, site: Site) -> nn.Module:
        inner, kernel = self._inner(site), self.kernel
        if kernel == "global":
            return HalvesCircular(inner, site.height, site.width, self.position, dense=True)
        return nn.Conv2d(inner, inner, kernel, self.stride, kernel // 2, bias=False)

    def _shortcut(self, site: Site) -> nn.Module:
        if self._keeps_shape(site):
            return nn.Identity()
        return nn.Sequential(
            nn.Conv2d(site.in_channels, site.channels, 1, self.stride, bias=False),
            nn.BatchNorm2d(site.channels),
        )

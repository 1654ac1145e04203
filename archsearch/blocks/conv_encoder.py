"""The convolutional blocks of ConvNeXt, EdgeNeXt and ParC-ConvNeXt: depthwise, norm, MLP."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar, Literal

from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import OddKernel, Ratio, hidden_channels, residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.mlp import ScaledMlp, count_mlp, follow_mlp
from archsearch.blocks.norms import Norm
from archsearch.blocks.operators import Operators, halves, scaled_mlp
from archsearch.blocks.operators import depthwise as depthwise_operator
from archsearch.blocks.pacc import HalvesCircular, count_halves, follow_halves


class ConvEncoderBlock(nn.Module):
    """x + MLP(spatial(x)): (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, spatial: nn.Module, mlp: ScaledMlp) -> None:
        super().__init__()
        self.spatial = spatial
        self.mlp = mlp

    def forward(self, features: Tensor) -> Tensor:
        """Add the branch to the block's input."""
        out: Tensor = features + self.mlp(self.spatial(features))
        return out


class ConvEncoder(Layer):
    """x + gamma * W2 act(W1 norm(dw(x))).

    ConvNeXt (arXiv 2201.03545), EdgeNeXt (arXiv 2206.10589); with kernel
    ``"global"`` ParC-ConvNeXt (arXiv 2203.03952), where half of the channels are convolved
    circularly along the height and half along the width.
    """

    kind: ClassVar[str] = "conv_encoder"

    kernel: OddKernel | Literal["global"] = 3
    position: bool = False
    """Position embeddings of the global kernel."""
    expand: Ratio = 4.0
    """Hidden channels of the MLP, by channels."""
    norm: Norm = "layer"
    """``"batch"``: EdgeNeXt's fast variant, with batch norm, hard-swish, no depthwise bias."""

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        if self.position and self.kernel != "global":
            return (
                f"position embeddings come with kernel: global only, not with {self.kernel}; "
                "set position: false"
            )
        if self.kernel == "global" and site.channels % 2:
            return (
                f"kernel: global splits the channels in halves, but there are {site.channels}; "
                "give an even width"
            )
        return residual_problem(site)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        _, channels, height, width = site
        kernel, pixels = self.kernel, height * width
        if kernel == "global":
            count_halves(tally, channels, height, width, self.position)
        else:
            tally.depthwise(channels, kernel, pixels, bias=self._bias)
        count_mlp(tally, channels, self.expand, pixels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        _, channels, height, width = site
        pixels = height * width
        if self.kernel == "global":
            follow_halves(live, channels, height, width, self.position, held=True)
        else:
            live.write(channels * pixels)
        follow_mlp(live, channels, self.expand, pixels)
        live.free(channels * pixels)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, size = site.channels, (site.height, site.width)
        hidden = hidden_channels(channels, self.expand)
        if self.kernel == "global":
            spatial = halves(channels, size, position=self.position)
        else:
            spatial = (depthwise_operator(channels, prod(size), self.kernel**2),)
        folded = self.kernel != "global"
        return spatial + scaled_mlp(channels, hidden, prod(size), self.norm, folded=folded)

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to the same shape."""
        mlp = ScaledMlp(site.channels, self.expand, self.norm)
        return ConvEncoderBlock(self._spatial(site), mlp)

    @property
    def _bias(self) -> bool:
        return self.norm == "layer"

    def _spatial(self, site: Site) -> nn.Module:
        channels = site.channels
        if self.kernel == "global":
            return HalvesCircular(channels, site.height, site.width, self.position)
        return nn.Conv2d(
            channels,
            channels,
            self.kernel,
            padding=self.kernel // 2,
            groups=channels,
            bias=self._bias,
        )

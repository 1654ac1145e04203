"""The frame of ParC-Net: PaCC blocks between convolutions, as MobileViT holds its transformer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from math import gcd
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Site
from archsearch.blocks.leaves import residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.mobilevit import conv_norm, count_conv_norm
from archsearch.blocks.operators import Operator, Operators, grouped, product
from archsearch.blocks.pacc import Pacc, PaccLeaves


class PaccFrameBlock(nn.Module):
    """Widen, run the blocks, narrow, and fuse with what came in.

    Args:
        widen: in_channels to inner channels.
        blocks: inner channels to inner channels.
        narrow: inner channels to in_channels.
        fuse: the fusing convolution; over twice the channels if ``concat``.
        concat: concatenate (processed, input) before the fusion, instead of adding.
    """

    def __init__(
        self,
        widen: nn.Module,
        blocks: nn.Module,
        narrow: nn.Module,
        fuse: nn.Module,
        *,
        concat: bool,
    ) -> None:
        super().__init__()
        self.widen = widen
        self.blocks = blocks
        self.narrow = narrow
        self.fuse = fuse
        self.concat = concat

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape, at any size."""
        y: Tensor = self.narrow(self.blocks(self.widen(x)))
        fused: Tensor = self.fuse(torch.cat([y, x], dim=1) if self.concat else x + y)
        return fused


class PaccFrame(PaccLeaves):
    """ParC-Net's ``outer_frame``: ``depth`` PaCC blocks at ``inner`` channels.

    3x3 convolution and 1x1 convolution to ``inner`` channels, blocks, BN, 1x1 convolution back,
    fusion by a 3x3 convolution. Unlike MobileViT's, the first and the last of the four are grouped
    by gcd(channels, inner), and the concatenation is (processed, input). Only the first block has
    position embeddings (ParC-Net, S and H concat, XS adds).
    """

    kind: ClassVar[str] = "pacc_frame"

    inner: Annotated[int, Field(ge=1)]
    """Channels of the PaCC blocks."""
    depth: Annotated[int, Field(ge=1)]
    """Number of PaCC blocks."""
    fusion: Literal["concat", "add"] = "concat"

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        inside = super().problem(self._inner_site(site))
        return f"the block inside, at inner: {inside}" if inside else residual_problem(site)

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``."""
        channels, inner, pixels = site.channels, self.inner, site.height * site.width
        groups = gcd(channels, inner)
        count_conv_norm(tally, channels, inner, 3, pixels, groups=groups)
        tally.pointwise(inner, inner, pixels, bias=False)
        block = Tally()
        self.count_block(self._inner_site(site), block)
        tally.add(block, self.depth)
        self.count_positions(self._inner_site(site), tally)  # of the first one
        tally.norm(inner)
        count_conv_norm(tally, inner, channels, 1, pixels, groups=groups)
        count_conv_norm(tally, self._fused(site), channels, 3, pixels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        map_, wide = site.elements, self.inner * site.height * site.width
        live.write(wide)
        live.replace(wide, wide)
        super().follow(self._inner_site(site), live)  # each block: all reach and leave as much
        live.replace(wide, map_)
        if self.fusion == "concat":
            live.replace(2 * map_, 2 * map_)
            live.replace(2 * map_, map_)
        else:
            live.free(map_)
            live.replace(map_, map_)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        channels, inner, pixels = site.channels, self.inner, site.height * site.width
        groups = gcd(channels, inner)
        blocks = [block.operators(self._inner_site(site)) for block in self._blocks()]
        return (
            *grouped(channels, inner, pixels, 9, groups),
            Operator("silu", inner, pixels),
            product(inner, inner, pixels),
            *chain.from_iterable(blocks),
            Operator("pack", inner, pixels),
            Operator("scale", inner, pixels),
            *grouped(inner, channels, pixels, 1, groups),
            Operator("silu", channels, pixels),
            Operator("pack" if self.fusion == "concat" else "sum", self._fused(site), pixels),
            product(self._fused(site), channels, pixels, 9),
            Operator("silu", channels, pixels),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:
        """Make the module: (B, C, H, W) to the same shape."""
        channels, inner = site.channels, self.inner
        groups = gcd(channels, inner)
        blocks = [block.build(self._inner_site(site), shared) for block in self._blocks()]
        return PaccFrameBlock(
            nn.Sequential(
                conv_norm(channels, inner, 3, groups=groups),
                nn.Conv2d(inner, inner, 1, bias=False),
            ),
            nn.Sequential(*blocks, nn.BatchNorm2d(inner)),
            conv_norm(inner, channels, 1, groups=groups),
            conv_norm(self._fused(site), channels, 3),
            concat=self.fusion == "concat",
        )

    def _blocks(self) -> list[Pacc]:
        leaves = {name: getattr(self, name) for name in PaccLeaves.model_fields}
        later = {**leaves, "position": False}
        return [Pacc(**(later if number else leaves)) for number in range(self.depth)]

    def _inner_site(self, site: Site) -> Site:
        return Site(self.inner, self.inner, site.height, site.width)

    def _fused(self, site: Site) -> int:
        return 2 * site.channels if self.fusion == "concat" else site.channels

"""ParC-Net's weights: the official code (hkzhang91/ParC-Net@f6780d0), made from cvnets'."""

from __future__ import annotations

from collections.abc import Mapping

from archsearch.architecture import Architecture
from archsearch.blocks.pacc_frame import PaccFrame
from archsearch.checkpoints.mobilevit import cvnets_names
from archsearch.checkpoints.naming import within

STYLES = ("official",)

_FRAME = {
    "widen.0.0": "dim_adaptive.0.block.conv",
    "widen.0.1": "dim_adaptive.0.block.norm",
    "widen.1": "dim_adaptive.1.block.conv",
    "blocks": "spatial_global_rep",
    "narrow.0": "channel_adaptive.block.conv",
    "narrow.1": "channel_adaptive.block.norm",
    "fuse.0": "local_global_fusion.block.conv",
    "fuse.1": "local_global_fusion.block.norm",
}
ATTENTION = {1: 0, 2: 1, 4: 3, 5: 4}
"""Places in the channel attention's sequence; ours begins with the mean."""
# The official numbers count the two convolutions of a branch; its letters name the axis.
BLOCK = {
    "height_first.position_1.pe": "meta_pe_1_H",
    "height_first.norm": "pre_Norm_1",
    "height_first.conv_1.weight": "meta_kernel_1_H",
    "height_first.position_2.pe": "meta_pe_2_W",
    "height_first.conv_2.weight": "meta_kernel_2_W",
    "width_first.position_1.pe": "meta_pe_1_W",
    "width_first.norm": "pre_Norm_2",
    "width_first.conv_1.weight": "meta_kernel_1_W",
    "width_first.position_2.pe": "meta_pe_2_H",
    "width_first.conv_2.weight": "meta_kernel_2_H",
    "channel_mixer.norm": "ffn.0",
    "channel_mixer.expand": "ffn.1",
    "channel_mixer.project": "ffn.4",
    **{f"channel_mixer.attention.scale.{a}": f"ca.fc.{b}" for a, b in ATTENTION.items()},
}
"""Prefixes in a ``pacc``."""


def official_names(architecture: Architecture, style: str) -> dict[str, str]:  # noqa: ARG001
    """Name of every entry of our state dict in the official code."""
    return cvnets_names(architecture, frame_names)


def ignored(architecture: Architecture) -> tuple[str, ...]:  # noqa: ARG001
    """The official class stores the first layer of its last stage a second time."""
    return ("residual.*",)


def frame_names(layer: PaccFrame) -> Mapping[str, str]:
    """Prefixes in a ``pacc_frame``."""
    prefixes = dict(_FRAME)
    for number in range(layer.depth):
        prefixes |= within(f"blocks.{number}", f"spatial_global_rep.{number}", BLOCK)
    return prefixes

"""EdgeNeXt's weights: the official code (mmaaz60/EdgeNeXt@3884504) and timm."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.checkpoints.convnext import BLOCKS as CONV_BLOCKS
from archsearch.checkpoints.convnext import net_names
from archsearch.checkpoints.naming import renamed, within

STYLES: tuple[str, ...] = ("official", "timm")

XCA = {"project": "proj"}
"""Prefixes in the attention of an ``sdta``."""

_SDTA = {
    "split.convs": "convs",
    "position.project": "pos_embd.token_projection",
    "norm": "norm_xca",
    "scale.gamma": "gamma_xca",
    **within("attention", "xca", XCA),
}
SDTA = {
    style: {**_SDTA, **{ours: name for ours, name in block.items() if ours.startswith("mlp.")}}
    for style, block in CONV_BLOCKS.items()
}
"""Prefixes in an ``sdta``, by style."""


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``."""
    blocks = {"conv_encoder": CONV_BLOCKS[style], "sdta": SDTA[style]}
    return renamed(architecture, net_names(architecture, style, blocks))

"""EdgeNeXt's weights: the official code (mmaaz60/EdgeNeXt@3884504) and timm."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.checkpoints.convnext import BLOCKS as CONV_BLOCKS
from archsearch.checkpoints.convnext import net_names
from archsearch.checkpoints.naming import renamed

STYLES: tuple[str, ...] = ("official", "timm")

_SDTA = {
    "split.convs": "convs",
    "position.project": "pos_embd.token_projection",
    "norm": "norm_xca",
    "scale.gamma": "gamma_xca",
    "attention": "xca",
    "attention.project": "xca.proj",
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``."""
    mlp = {ours: name for ours, name in CONV_BLOCKS[style].items() if ours.startswith("mlp.")}
    blocks = {"conv_encoder": CONV_BLOCKS[style], "sdta": {**_SDTA, **mlp}}
    return renamed(architecture, net_names(architecture, style, blocks))

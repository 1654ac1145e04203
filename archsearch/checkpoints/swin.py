"""Swin's weights: the official code (microsoft/Swin-Transformer) and timm."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.blocks.swin import PatchMerge, Swin
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES = ("official", "timm")

_ENDS = {"stem.0.conv": "patch_embed.proj", "stem.1": "patch_embed.norm", "head.map_norm": "norm"}
_CLASSIFIER = {"official": "head", "timm": "head.fc"}
_BLOCK = {
    "attention_norm": "norm1",
    "attention.bias.table": "attn.relative_position_bias_table",
    "attention.attention.qkv": "attn.qkv",
    "attention.attention.project": "attn.proj",
    "feed_forward.0": "norm2",
    "feed_forward.1": "mlp.fc1",
    "feed_forward.3": "mlp.fc2",
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``.

    The official code puts the merging of patches at the end of a stage, timm at its beginning.
    """
    prefixes = {**_ENDS, "head.classify": _CLASSIFIER[style]}
    for place, path in module_places(architecture):
        if isinstance(place.layer, Swin):
            number = place.path.rpartition(".")[2]
            prefixes |= within(path, f"layers.{place.stage}.blocks.{number}", _BLOCK)
        if isinstance(place.layer, PatchMerge):
            merge = f"layers.{place.stage - (style == 'official')}.downsample"
            prefixes |= {f"{path}.1": f"{merge}.norm", f"{path}.2": f"{merge}.reduction"}
    return renamed(architecture, prefixes)


def ignored(architecture: Architecture) -> tuple[str, ...]:  # noqa: ARG001
    """Tables that follow from the sizes, which the official files hold beside the weights."""
    return ("*.relative_position_index", "*.attn_mask")

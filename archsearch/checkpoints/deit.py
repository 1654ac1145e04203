"""DeiT's weights: timm, whose names facebookresearch/deit has too."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.blocks.vit import Vit
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES = ("timm",)

_ENDS = {
    "stem.0.conv": "patch_embed.proj",
    "stages.0.0.class_token": "cls_token",
    "stages.0.0.position": "pos_embed",
    "head.map_norm": "norm",
    "head.classify": "head",
}
_BLOCK = {
    "layer.attention_norm": "norm1",
    "layer.attention.qkv": "attn.qkv",
    "layer.attention.project": "attn.proj",
    "layer.feed_forward.0": "norm2",
    "layer.feed_forward.1": "mlp.fc1",
    "layer.feed_forward.3": "mlp.fc2",
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:  # noqa: ARG001
    """Name of every entry of our state dict in timm."""
    prefixes = dict(_ENDS)
    for place, path in module_places(architecture):
        if isinstance(place.layer, Vit):
            prefixes |= within(path, f"blocks.{place.path.rpartition('.')[2]}", _BLOCK)
    return renamed(architecture, prefixes)

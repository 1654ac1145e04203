"""CMT's weights: the official code (ggjy/CMT.pytorch@07e72b7)."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES: tuple[str, ...] = ("official",)

_ENDS = {
    "stem.0.0": "stem_conv1",
    "stem.0.2": "stem_norm1",
    "stem.1.0": "stem_conv2",
    "stem.1.2": "stem_norm2",
    "stem.2.0": "stem_conv3",
    "stem.2.2": "stem_norm3",
    "head.project.0": "_fc",
    "head.project.1": "_bn",
    "head.classify": "head",
}
PATCH = {"0.conv": "proj", "1": "norm"}
"""Prefixes in a ``cmt_patch``."""
FFN = {"expand": "conv1", "depthwise": "proj", "norm": "proj_bn", "contract": "conv2"}
"""Prefixes in a block's feed-forward part."""
BLOCK = {
    "perception": "proj",
    "attention_norm": "norm1",
    "attention.query": "attn.q",
    "attention.key": "attn.k",
    "attention.value": "attn.v",
    "attention.project": "attn.proj",
    "attention.reduce.0.conv": "attn.sr.0",
    "attention.reduce.1": "attn.sr.1",
    "ffn_norm": "norm2",
    **within("ffn", "mlp", FFN),
}
"""Prefixes in a ``cmt``, but for the table of the stage."""


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``.

    All blocks of a stage hold its relative-position table, and the official code holds it once:
    those names of ours have one name there.
    """
    del style
    prefixes = dict(_ENDS)
    for place, ours in module_places(architecture):
        if place.stage < 0:
            continue
        letter = "abcd"[place.stage]
        match place.path.split("."):
            case ["stages", _, "downsample"]:
                prefixes |= within(ours, f"patch_embed_{letter}", PATCH)
            case ["stages", _, "blocks", number]:
                prefixes |= within(ours, f"blocks_{letter}.{number}", BLOCK)
                prefixes[f"{ours}.attention.relative_position"] = f"relative_pos_{letter}"
    return renamed(architecture, prefixes)


def ignored(architecture: Architecture) -> tuple[str, ...]:  # noqa: ARG001
    """Patterns of keys that official files hold beside the weights: none."""
    return ()

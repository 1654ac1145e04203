"""ConvNeXt's weights: the official code (facebookresearch/ConvNeXt@048efce) and timm.

EdgeNeXt and HorNet grew from this code and keep its names of stem, stages and head.
"""

from __future__ import annotations

from collections.abc import Mapping

from archsearch.architecture import Architecture
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES: tuple[str, ...] = ("official", "timm")

BLOCKS: Mapping[str, Mapping[str, str]] = {
    "official": {
        "spatial": "dwconv",
        "mlp.norm": "norm",
        "mlp.expand": "pwconv1",
        "mlp.contract": "pwconv2",
        "mlp.scale.gamma": "gamma",
    },
    "timm": {
        "spatial": "conv_dw",
        "mlp.norm": "norm",
        "mlp.expand": "mlp.fc1",
        "mlp.contract": "mlp.fc2",
        "mlp.scale.gamma": "gamma",
    },
}
"""Prefixes in a ``conv_encoder``, by style."""

_STEM = {"official": "downsample_layers.0", "timm": "stem"}
_DOWNSAMPLE = {"official": "downsample_layers.{}", "timm": "stages.{}.downsample"}
_BLOCK = {"official": "stages.{}.{}", "timm": "stages.{}.blocks.{}"}
_HEAD = {
    "official": {"head.norm": "norm", "head.map_norm": "norm", "head.classify": "head"},
    "timm": {"head.classify": "head.fc"},
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``."""
    return renamed(architecture, net_names(architecture, style, {"conv_encoder": BLOCKS[style]}))


def net_names(
    architecture: Architecture, style: str, blocks: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Prefixes of a whole net; ``blocks`` has those within each kind of block."""
    prefixes = {**within("stem", _STEM[style], {"0.conv": "0"}), **_HEAD[style]}
    for place, ours in module_places(architecture):
        match place.path.split("."):
            case ["stages", stage, "downsample"]:
                theirs = _DOWNSAMPLE[style].format(stage)
                prefixes |= within(ours, theirs, {"1.conv": "1"})
            case ["stages", stage, "blocks", number]:
                theirs = _BLOCK[style].format(stage, number)
                prefixes |= within(ours, theirs, blocks[place.layer.kind])
    return prefixes

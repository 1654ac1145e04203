"""ResNet's weights: timm, whose names are torchvision's."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES = ("timm",)

_ENDS = {"stem.0": "conv1", "stem.1": "bn1", "head.classify": "fc"}
BLOCK = {
    "path.reduce": "conv1",
    "path.reduce_norm": "bn1",
    "path.spatial": "conv2",
    "path.spatial.height.position": "parc_H",
    "path.spatial.height.conv": "parc_H.gcc_conv",
    "path.spatial.width.position": "parc_W",
    "path.spatial.width.conv": "parc_W.gcc_conv",
    "path.spatial_norm": "bn2",
    "path.expand": "conv3",
    "path.expand_norm": "bn3",
    "shortcut": "downsample",
}
"""Prefixes in a ``bottleneck``; the circular halves are ParC-ResNet50's."""


def official_names(architecture: Architecture, style: str) -> dict[str, str]:  # noqa: ARG001
    """Name of every entry of our state dict in timm."""
    prefixes = dict(_ENDS)
    for place, path in module_places(architecture):
        theirs = f"layer{place.stage + 1}.{path.rpartition('.')[2]}"
        prefixes |= within(path, theirs, BLOCK)
    return renamed(architecture, prefixes)

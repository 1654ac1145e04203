"""MobileNetV2's and EfficientNet's weights: timm, where the two are one code."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES = ("timm",)

_ENDS = {
    "stem.0": "conv_stem",
    "stem.1": "bn1",
    "head.project.0": "conv_head",
    "head.project.1": "bn2",
    "head.classify": "classifier",
}
_SQUEEZE = {"path.squeeze.reduce": "se.conv_reduce", "path.squeeze.expand": "se.conv_expand"}
_BLOCK = {
    "path.expand": "conv_pw",
    "path.expand_norm": "bn1",
    "path.spatial": "conv_dw",
    "path.spatial_norm": "bn2",
    **_SQUEEZE,
    "path.project": "conv_pwl",
    "path.project_norm": "bn3",
}
_WITHOUT_EXPANSION = {
    "path.spatial": "conv_dw",
    "path.spatial_norm": "bn1",
    **_SQUEEZE,
    "path.project": "conv_pw",
    "path.project_norm": "bn2",
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:  # noqa: ARG001
    """Name of every entry of our state dict in timm."""
    prefixes = dict(_ENDS)
    for place, path in module_places(architecture):
        if isinstance(place.layer, InvertedResidual):
            block = _WITHOUT_EXPANSION if place.layer.expand == 1 else _BLOCK
            prefixes |= within(path, path.replace("stages", "blocks"), block)
    return renamed(architecture, prefixes)

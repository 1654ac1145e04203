"""The weights of ParC-ConvNeXt, -ResNet50 and -MobileNetV2: hkzhang91/ParC-Net@f6780d0."""

from __future__ import annotations

from collections.abc import Mapping

from archsearch.architecture import Architecture
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.checkpoints import convnext, resnet
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES = ("official",)

HALVES = {
    "spatial.height.position": "gcc_H",
    "spatial.height.conv": "gcc_H.gcc_conv",
    "spatial.width.position": "gcc_W",
    "spatial.width.conv": "gcc_W.gcc_conv",
}
"""Prefixes in the circular halves of ParC-ConvNeXt and, below ``path``, of ParC-MobileNetV2."""
_MOBILENET = {
    "path.expand": "conv.0.0",
    "path.expand_norm": "conv.0.1",
    "path.spatial": "conv.1.0",
    "path.spatial_norm": "conv.1.1",
    "path.project": "conv.2",
    "path.project_norm": "conv.3",
}
_MOBILENET_WITHOUT_EXPANSION = {
    "path.spatial": "conv.0.0",
    "path.spatial_norm": "conv.0.1",
    "path.project": "conv.1",
    "path.project_norm": "conv.2",
}
MOBILENET_CIRCULAR = {
    "path.expand": "pw_expand.0",
    "path.expand_norm": "pw_expand.1",
    **{f"path.{ours}": theirs for ours, theirs in HALVES.items()},
    "path.spatial_norm": "bn",
    "path.project": "pw_linear.0",
    "path.project_norm": "pw_linear.1",
}
"""Prefixes in an ``inverted_residual`` with a global kernel."""


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the official code.

    Each net has the names of the code that it was made from: ConvNeXt's own, torchvision's ResNet
    and MobileNetV2.
    """
    if architecture.stem.kind == "resnet_stem":
        return resnet.official_names(architecture, style)
    if architecture.stem.kind == "patch":
        blocks = {"conv_encoder": {**convnext.BLOCKS[style], **HALVES}}
        return renamed(architecture, convnext.net_names(architecture, style, blocks))
    return renamed(architecture, _mobilenet(architecture))


def _mobilenet(architecture: Architecture) -> Mapping[str, str]:
    """Prefixes of ParC-MobileNetV2, whose layers are numbered from the stem to the projection."""
    places = list(module_places(architecture))
    prefixes = {"head.project": f"features.{len(places)}", "head.classify": "classifier.1"}
    for number, (place, path) in enumerate(places):
        block = _block(place.layer) if isinstance(place.layer, InvertedResidual) else {}
        prefixes |= within(path, f"features.{number}", block)
    return prefixes


def _block(layer: InvertedResidual) -> Mapping[str, str]:
    if layer.kernel == "global":
        return MOBILENET_CIRCULAR
    return _MOBILENET_WITHOUT_EXPANSION if layer.expand == 1 else _MOBILENET

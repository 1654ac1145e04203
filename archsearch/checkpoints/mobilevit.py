"""MobileViT's weights: cvnets (as shipped in hkzhang91/ParC-Net@f6780d0) and timm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archsearch.architecture import Architecture
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.mobilevit import MobileVit
from archsearch.checkpoints.naming import module_places, renamed, within

STYLES = ("cvnets", "timm")

CVNETS_RESIDUAL = {
    "path.expand": "block.exp_1x1.block.conv",
    "path.expand_norm": "block.exp_1x1.block.norm",
    "path.spatial": "block.conv_3x3.block.conv",
    "path.spatial_norm": "block.conv_3x3.block.norm",
    "path.project": "block.red_1x1.block.conv",
    "path.project_norm": "block.red_1x1.block.norm",
}
"""Prefixes in an ``inverted_residual``, in cvnets."""
_CVNETS_ENDS = {
    "stem.0": "conv_1.block.conv",
    "stem.1": "conv_1.block.norm",
    "head.project.0": "conv_1x1_exp.block.conv",
    "head.project.1": "conv_1x1_exp.block.norm",
    "head.classify": "classifier.fc",
}
_CVNETS_BLOCK = {
    "local.0.0": "local_rep.conv_3x3.block.conv",
    "local.0.1": "local_rep.conv_3x3.block.norm",
    "local.1": "local_rep.conv_1x1.block.conv",
    "project.0": "conv_proj.block.conv",
    "project.1": "conv_proj.block.norm",
    "fuse.0": "fusion.block.conv",
    "fuse.1": "fusion.block.norm",
}
_CVNETS_TRANSFORMER = {
    "attention_norm": "pre_norm_mha.0",
    "attention.qkv": "pre_norm_mha.1.qkv_proj",
    "attention.project": "pre_norm_mha.1.out_proj",
    "feed_forward.0": "pre_norm_ffn.0",
    "feed_forward.1": "pre_norm_ffn.1",
    "feed_forward.3": "pre_norm_ffn.4",
}
_TIMM_RESIDUAL = {
    "path.expand": "conv1_1x1.conv",
    "path.expand_norm": "conv1_1x1.bn",
    "path.spatial": "conv2_kxk.conv",
    "path.spatial_norm": "conv2_kxk.bn",
    "path.project": "conv3_1x1.conv",
    "path.project_norm": "conv3_1x1.bn",
}
_TIMM_ENDS = {
    "stem.0": "stem.conv",
    "stem.1": "stem.bn",
    "head.project.0": "final_conv.conv",
    "head.project.1": "final_conv.bn",
    "head.classify": "head.fc",
}
_TIMM_BLOCK = {
    "local.0.0": "conv_kxk.conv",
    "local.0.1": "conv_kxk.bn",
    "local.1": "conv_1x1",
    "project.0": "conv_proj.conv",
    "project.1": "conv_proj.bn",
    "fuse.0": "conv_fusion.conv",
    "fuse.1": "conv_fusion.bn",
}
_TIMM_TRANSFORMER = {
    "attention_norm": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.project": "attn.proj",
    "feed_forward.0": "norm2",
    "feed_forward.1": "mlp.fc1",
    "feed_forward.3": "mlp.fc2",
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``."""
    if style == "cvnets":
        return cvnets_names(architecture, cvnets_block)
    prefixes = dict(_TIMM_ENDS)
    for place, path in module_places(architecture):
        if isinstance(place.layer, InvertedResidual):
            prefixes |= within(path, path, _TIMM_RESIDUAL)
        if isinstance(place.layer, MobileVit):
            prefixes |= within(path, path, timm_block(place.layer))
    return renamed(architecture, prefixes)


def cvnets_names(
    architecture: Architecture, block: Callable[[Any], Mapping[str, str]]
) -> dict[str, str]:
    """Names of a net of cvnets, whose stages hold inverted residuals and one more kind of block.

    Args:
        architecture: the net.
        block: prefixes in that other kind of block, from its layer.
    """
    prefixes = dict(_CVNETS_ENDS)
    for place, path in module_places(architecture):
        if place.stage < 0:
            continue
        theirs = f"layer_{place.stage + 1}.{path.rpartition('.')[2]}"
        residual = isinstance(place.layer, InvertedResidual)
        prefixes |= within(path, theirs, CVNETS_RESIDUAL if residual else block(place.layer))
    return renamed(architecture, prefixes)


def cvnets_block(layer: MobileVit) -> Mapping[str, str]:
    """Prefixes in a ``mobilevit``, in cvnets."""
    prefixes = {**_CVNETS_BLOCK, "transformer": "global_rep"}
    for number in range(layer.depth):
        prefixes |= within(f"transformer.{number}", f"global_rep.{number}", _CVNETS_TRANSFORMER)
    return prefixes


def timm_block(layer: MobileVit) -> Mapping[str, str]:
    """Prefixes in a ``mobilevit``, in timm."""
    prefixes = {**_TIMM_BLOCK, f"transformer.{layer.depth}": "norm"}
    for number in range(layer.depth):
        prefixes |= within(f"transformer.{number}", f"transformer.{number}", _TIMM_TRANSFORMER)
    return prefixes

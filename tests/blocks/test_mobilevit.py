"""The MobileViT block, and whole MobileViTs in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from counted_alone import conv2d, norm, pointwise
from golden import check_case, fill, load
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import (
    check_cost,
    check_gradients,
    check_onnx,
    check_sizes,
    made,
    noise,
    stack_cost,
)
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.mobilevit import MobileVit, fold, padded, unfold
from archsearch.blocks.transformer import Attention

SITE = Site(8, 8, 8, 6)
LAYERS = (
    MobileVit(inner=12, depth=2),
    MobileVit(inner=6, depth=1, heads=3, expand=1.5, patch=1),
    MobileVit(inner=8, depth=1, heads=1, patch=3),
)
CVNETS_NAMES = {
    "local.0.0": "local_rep.conv_3x3.block.conv",
    "local.0.1": "local_rep.conv_3x3.block.norm",
    "local.1": "local_rep.conv_1x1.block.conv",
    "transformer": "global_rep",
    "project.0": "conv_proj.block.conv",
    "project.1": "conv_proj.block.norm",
    "fuse.0": "fusion.block.conv",
    "fuse.1": "fusion.block.norm",
}
CVNETS_LAYER_NAMES = {
    "attention_norm": "pre_norm_mha.0",
    "attention.qkv": "pre_norm_mha.1.qkv_proj",
    "attention.project": "pre_norm_mha.1.out_proj",
    "feed_forward.0": "pre_norm_ffn.0",
    "feed_forward.1": "pre_norm_ffn.1",
    "feed_forward.3": "pre_norm_ffn.4",
}
TIMM_NAMES = {
    "local.0.0": "conv_kxk.conv",
    "local.0.1": "conv_kxk.bn",
    "local.1": "conv_1x1",
    "transformer": "transformer",
    "transformer.2": "norm",
    "project.0": "conv_proj.conv",
    "project.1": "conv_proj.bn",
    "fuse.0": "conv_fusion.conv",
    "fuse.1": "conv_fusion.bn",
}
TIMM_LAYER_NAMES = {
    "attention_norm": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.project": "attn.proj",
    "feed_forward.0": "norm2",
    "feed_forward.1": "mlp.fc1",
    "feed_forward.3": "mlp.fc2",
}


def names_of(block: dict[str, str], layer: dict[str, str]) -> dict[str, str]:
    """Names of a block with two transformer layers."""
    layers = {
        f"transformer.{number}.{ours}": f"{block['transformer']}.{number}.{theirs}"
        for number in (0, 1)
        for ours, theirs in layer.items()
    }
    return {**block, **layers}


def test_the_block_is_that_of_cvnets() -> None:
    """On whole patches, oblong maps, and maps that are resized to whole patches and back."""
    golden = load("blocks/mobilevit_block_cvnets_32_48")
    module = MobileVit(inner=48, depth=2).build(Site(32, 32, 14, 14), {})
    fill(module, golden, names_of(CVNETS_NAMES, CVNETS_LAYER_NAMES))
    for case in golden["cases"]:
        check_case(module, golden, case)


def test_the_block_is_that_of_timm_with_its_default_activation() -> None:
    """The block alone has ReLU after timm's convolutions; whole nets give SiLU."""
    golden = load("blocks/mobilevit_block_timm_32_48")
    module = MobileVit(inner=48, depth=2).build(Site(32, 32, 14, 14), {})
    for convolution in (module.local[0], module.project, module.fuse):
        convolution[2] = nn.ReLU()
    fill(module, golden, names_of(TIMM_NAMES, TIMM_LAYER_NAMES))
    for case in golden["cases"]:
        check_case(module, golden, case)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_patches_are_taken_apart_place_by_place(
    rows: int, columns: int, patch: int, seed: int
) -> None:
    """Tokens of one sequence are the pixels at one place of all patches; folding puts them back."""
    x = noise(2, 3, rows * patch, columns * patch, seed=seed)
    tokens = unfold(x, patch).reshape(2, patch, patch, rows, columns, 3)
    for b, i, j, row, column in np.ndindex(2, patch, patch, rows, columns):
        pixel = x[b, :, row * patch + i, column * patch + j]
        assert torch.equal(tokens[b, i, j, row, column], pixel)
    assert torch.equal(fold(unfold(x, patch), (x.shape[2], x.shape[3]), patch), x)


@pytest.mark.parametrize("heads", [1, 2, 6])
def test_attention_is_torchs_fused_attention(heads: int) -> None:
    """Plain products and the fused kernel give the same."""
    attention, tokens = Attention(12, heads), noise(3, 7, 12)
    parts = attention.qkv(tokens).chunk(3, dim=-1)
    q, k, v = (part.reshape(3, 7, heads, -1).transpose(1, 2) for part in parts)
    fused = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(3, 7, 12)
    torch.testing.assert_close(attention(tokens), attention.project(fused))


def test_places_of_a_patch_do_not_see_each_other_in_the_transformer() -> None:
    """A change at one place of one patch reaches that place in all patches, and no other."""
    module = made(LAYERS[0], SITE)
    local = noise(1, 12, 8, 6)
    changed = local.clone()
    changed[0, :, 3, 4] += noise(12, seed=1)
    before, after = (fold(module.transformer(unfold(x, 2)), (8, 6), 2) for x in (local, changed))
    difference = (after - before).abs().sum(dim=1)[0]
    assert (difference[1::2, 0::2] > 0).all()
    difference[1::2, 0::2] = 0
    assert not difference.any()


@given(st.integers(1, 100), st.integers(1, 9))
def test_padded_lengths_are_whole_patches(length: int, patch: int) -> None:
    """The smallest multiple that is long enough."""
    assert padded(length, patch) % patch == 0
    assert length <= padded(length, patch) < length + patch


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("site", [SITE, Site(8, 8, 7, 9)], ids=str)
def test_the_cost_is_that_of_the_module(layer: MobileVit, site: Site) -> None:
    """Parameters and MACs in closed form equal those counted, also where the map is resized."""
    check_cost(layer, site)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_block_runs_at_any_size_and_learns_everywhere(layer: MobileVit) -> None:
    """Odd, small, large and oblong maps; no parameter is idle."""
    check_sizes(layer, SITE)
    check_gradients(layer, SITE)


@pytest.mark.parametrize("size", [(8, 6), (7, 5)], ids=str)
def test_a_block_exports_to_onnx(size: tuple[int, int], tmp_path: Path) -> None:
    """On whole patches, and where the map is resized."""
    check_onnx(LAYERS[0], SITE, tmp_path, size)


@pytest.mark.parametrize(
    ("widths", "inner", "expand", "last", "cost"),
    [
        ((16, 24, 48, 64, 80), (64, 80, 96), 2.0, 320, (1_272_024, 407_364_096)),
        ((32, 48, 64, 80, 96), (96, 120, 144), 4.0, 384, (2_317_848, 1_025_911_808)),
        ((32, 64, 96, 128, 160), (144, 192, 240), 4.0, 640, (5_578_632, 2_000_831_488)),
    ],
    ids=["XXS", "XS", "S"],
)
def test_whole_mobilevits_cost_what_the_official_code_costs(
    widths: tuple[int, ...], inner: tuple[int, ...], expand: float, last: int, cost: tuple[int, int]
) -> None:
    """MobileViT-XXS, XS and S at 256x256; source: ../shared/reference/counts.csv."""
    keep, down = InvertedResidual(expand=expand), InvertedResidual(expand=expand, stride=2)
    layers: list[tuple[Layer, int]] = [(keep, widths[0]), (down, widths[1])]
    layers += [(keep, widths[1]), (keep, widths[1])]
    for width, channels, depth in zip(widths[2:], inner, (2, 4, 3), strict=True):
        layers += [(down, width), (MobileVit(inner=channels, depth=depth), width)]
    total, site = stack_cost(layers, Site(16, 16, 128, 128))
    total += conv2d(3, 16, 3, 128 * 128, bias=False) + norm(16)
    total += pointwise(site.channels, last, site.height * site.width, bias=False) + norm(last)
    total += pointwise(last, 1000, 1)
    assert (total.params, total.macs) == cost


def test_a_place_where_the_block_cannot_stand_is_named() -> None:
    """The reason says what was given and what to do."""
    uneven = MobileVit(inner=10, depth=1).problem(SITE)
    assert uneven == "inner: 10 does not divide by heads: 4; change one of them"
    widening = MobileVit(inner=12, depth=1).problem(Site(8, 16, 8, 8))
    assert "a residual block keeps its channels" in str(widening)


@pytest.mark.parametrize("leaf", ["inner", "depth", "heads", "patch"])
def test_a_leaf_out_of_its_range_is_refused(leaf: str) -> None:
    """No layer exists with such a leaf."""
    with pytest.raises(ValidationError, match=leaf):
        MobileVit.model_validate({"inner": 12, "depth": 1, leaf: 0})

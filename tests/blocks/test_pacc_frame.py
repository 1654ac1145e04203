"""The frame of ParC-Net, and whole ParC-Nets in closed form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from counted_alone import conv2d, norm, pointwise
from golden import check_case, fill, load
from layer_checks import check_cost, check_gradients, check_onnx, check_sizes, stack_cost
from pydantic import ValidationError

from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.layer import Cost, Layer, Site
from archsearch.blocks.pacc_frame import PaccFrame
from archsearch.checkpoints.parcnet import frame_names

SITE = Site(12, 12, 6, 9)
LAYERS = (
    PaccFrame(inner=16, depth=2),
    PaccFrame(inner=20, depth=1, fusion="add", position=False),
    PaccFrame(inner=8, depth=1, attention=False, kernel=5, expand=1.5, generation="crop"),
)


def test_the_frame_is_the_official_one() -> None:
    """Two blocks, the first with position embeddings, agree at three sizes."""
    golden = load("blocks/parc_outer_frame_concat_32_64")
    layer = PaccFrame(inner=64, depth=2)
    module = layer.build(Site(32, 32, 16, 16), {})
    fill(module, golden, frame_names(layer))
    for case in golden["cases"]:
        check_case(module, golden, case)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_cost_is_that_of_the_module(layer: PaccFrame) -> None:
    """Parameters and MACs in closed form equal those counted."""
    check_cost(layer, SITE)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_frame_runs_at_any_size_and_learns_everywhere(layer: PaccFrame) -> None:
    """Odd, small, large and oblong maps; no parameter is idle."""
    check_sizes(layer, SITE)
    check_gradients(layer, SITE)


def test_a_frame_exports_to_onnx(tmp_path: Path) -> None:
    """At a size for which kernels are generated."""
    check_onnx(LAYERS[0], SITE, tmp_path, (8, 5))


def parcnet_cost(
    stages: list[tuple[int, int, int]], stem: int, widths: list[int], **leaves: Any
) -> Cost:
    """Cost of a ParC-Net at 256x256, 1000 classes.

    Args:
        stages: width, inner width and depth of the last three stages.
        stem: side of the first kernel.
        widths: of stem, first stage and second stage.
        leaves: of all frames.
    """
    first, second, third = widths
    layers: list[tuple[Layer, int]] = [
        (InvertedResidual(), second),
        (InvertedResidual(stride=2), third),
        (InvertedResidual(), third),
        (InvertedResidual(), third),
    ]
    for width, inner, depth in stages:
        layers.append((InvertedResidual(stride=2), width))
        layers.append((PaccFrame(inner=inner, depth=depth, **leaves), width))
    total, site = stack_cost(layers, Site(first, first, 128, 128))
    last = min(4 * site.channels, 960)
    total += conv2d(3, first, stem, 128 * 128, bias=False) + norm(first)
    total += pointwise(site.channels, last, site.height * site.width, bias=False) + norm(last)
    return total + pointwise(last, 1000, 1)


SMALL = ([(96, 192, 2), (128, 256, 4), (160, 320, 3)], 3, [16, 32, 64])
EXTRA_SMALL = ([(96, 96, 2), (128, 128, 3), (160, 160, 2)], 3, [16, 32, 64])
HUGE = ([(216, 324, 3), (288, 432, 9), (432, 432, 3)], 5, [48, 96, 144])


@pytest.mark.parametrize(
    ("net", "leaves", "params", "macs"),
    [
        (SMALL, {}, 5_037_088, 1_657_347_584),
        (EXTRA_SMALL, {"fusion": "add"}, 2_185_384, 944_016_896),
        (HUGE, {}, 20_403_940, 8_544_418_656),
        (SMALL, {"attention": False}, 4_951_672, 1_657_267_200),
        (SMALL, {"position": False}, 5_011_488, 1_657_347_584),
        (SMALL, {"fusion": "add"}, 4_576_288, 1_519_918_592),
        (SMALL, {"generation": "crop"}, 5_037_088, 1_657_347_584),
        (EXTRA_SMALL, {}, 2_646_184, 1_081_445_888),
    ],
)
def test_whole_parc_nets_cost_what_the_official_code_costs(
    net: tuple[list[tuple[int, int, int]], int, list[int]],
    leaves: dict[str, Any],
    params: int,
    macs: int,
) -> None:
    """The published nets and their ablations, counted from the official code.

    Source: counts.csv and the rows "structure only" of ablations.csv, in ../shared/reference.
    """
    cost = parcnet_cost(*net, **leaves)
    assert (cost.params, cost.macs) == (params, macs)


@pytest.mark.parametrize(
    ("layer", "site", "message"),
    [
        (PaccFrame(inner=16, depth=1), Site(12, 24, 8, 8), "gets 12 channels and should give 24"),
        (PaccFrame(inner=17, depth=1), SITE, "inside, at inner: .*there are 17; give an even"),
        (PaccFrame(inner=8, depth=1), SITE, "there are 8; widen the stage or set attention: false"),
    ],
)
def test_a_place_where_the_frame_cannot_stand_is_named(
    layer: PaccFrame, site: Site, message: str
) -> None:
    """The reason says what was given and what to do, for the frame and for its blocks."""
    assert re.search(message, str(layer.problem(site)))


def test_a_frame_without_blocks_is_refused() -> None:
    """A depth of 0 is no frame."""
    with pytest.raises(ValidationError, match="depth"):
        PaccFrame(inner=16, depth=0)

"""ResNet-50's bottleneck, and ParC-ResNet50's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from counted_alone import conv2d, norm, pointwise
from golden import case_input, check, check_case, fill, load, part, run_with_outputs
from layer_checks import (
    build_stack,
    check_cost,
    check_gradients,
    check_onnx,
    check_sizes,
    stack_cost,
)
from pydantic import ValidationError
from torch import nn

from archsearch.blocks.bottleneck import Bottleneck
from archsearch.blocks.layer import Layer, Site

SITE = Site(16, 16, 7, 9)
WIDER = Site(12, 16, 7, 9)
LAYERS = (
    (Bottleneck(), SITE),
    (Bottleneck(kernel=5, stride=2), SITE),
    (Bottleneck(kernel=1, expand=3.0), WIDER),
    (Bottleneck(kernel="global", position=True), SITE),
    (Bottleneck(kernel="global", expand=2.0), WIDER),
)
NAMES = {
    "path.reduce": "conv1",
    "path.reduce_norm": "bn1",
    "path.spatial": "conv2",
    "path.spatial_norm": "bn2",
    "path.expand": "conv3",
    "path.expand_norm": "bn3",
    "shortcut.0": "downsample.0",
    "shortcut.1": "downsample.1",
}
CIRCULAR_NAMES = {
    **NAMES,
    "path.spatial.height.position": "parc_H",
    "path.spatial.height.conv": "parc_H.gcc_conv",
    "path.spatial.width.position": "parc_W",
    "path.spatial.width.conv": "parc_W.gcc_conv",
}
# Width, number, stride of the first block, number of the first block with a circular kernel.
RESNET50 = ((256, 3, 1, 3), (512, 4, 2, 4), (1024, 6, 2, 3), (2048, 3, 2, 2))


def resnet_layers(*, circular: bool = False) -> list[tuple[Layer, int]]:
    """Blocks of ResNet-50, or of ParC-ResNet50, each with its width."""
    layers: list[tuple[Layer, int]] = []
    for width, count, first_stride, first_circular in RESNET50:
        for number in range(count):
            leaves: dict[str, Any] = {"stride": first_stride if number == 0 else 1}
            if circular and number >= first_circular:
                leaves |= {"kernel": "global", "position": True}
            layers.append((Bottleneck(**leaves), width))
    return layers


def test_the_global_block_is_that_of_parc_resnet() -> None:
    """Half of the inner channels along each axis, dense within the half."""
    golden = load("blocks/parc_resnet_block_64_k14")
    module = Bottleneck(kernel="global", position=True).build(Site(64, 64, 14, 14), {})
    fill(module, golden, CIRCULAR_NAMES)
    for case in golden["cases"]:
        check_case(module, golden, case)


def test_the_first_stages_of_resnet_are_the_official_ones() -> None:
    """A projection that widens, one that strides, and blocks that keep the shape."""
    golden = part(load("resnet50_timm"), "conv1", "bn1", "layer1", "layer2")
    blocks = build_stack(resnet_layers()[:7], Site(64, 64, 56, 56))
    stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    module = nn.Sequential(stem, nn.BatchNorm2d(64), nn.ReLU(), pool, *blocks)
    places = [*(f"layer1.{i}" for i in range(3)), *(f"layer2.{i}" for i in range(4))]
    names = {
        f"{place}.{ours}": f"{block}.{theirs}"
        for place, block in enumerate(places, 4)
        for ours, theirs in NAMES.items()
    }
    fill(module, golden, {"0": "conv1", "1": "bn1", **names})
    outputs = run_with_outputs(module, case_input((golden["batch"], 3, 224, 224)), ["6", "10"])
    check(outputs["6"], golden["stage_output_stats"]["layer1"])
    check(outputs["10"], golden["stage_output_stats"]["layer2"])


@pytest.mark.parametrize(
    ("circular", "params", "macs"),
    [(False, 25_557_032, 4_089_184_256), (True, 23_737_640, 3_941_466_112)],
)
def test_whole_resnets_cost_what_the_official_code_costs(
    circular: bool, params: int, macs: int
) -> None:
    """ResNet-50 and ParC-ResNet50 at 224x224; source: ../shared/reference/counts.csv."""
    total, site = stack_cost(resnet_layers(circular=circular), Site(64, 64, 56, 56))
    total += conv2d(3, 64, 7, 112 * 112, bias=False) + norm(64)
    total += pointwise(site.channels, 1000, 1)
    assert (total.params, total.macs) == (params, macs)


@pytest.mark.parametrize(("layer", "site"), LAYERS, ids=str)
def test_the_cost_is_that_of_the_module(layer: Bottleneck, site: Site) -> None:
    """Parameters and MACs in closed form equal those counted."""
    check_cost(layer, site)


@pytest.mark.parametrize(("layer", "site"), LAYERS, ids=str)
def test_a_block_runs_at_any_size_and_learns_everywhere(layer: Bottleneck, site: Site) -> None:
    """Odd, small, large and oblong maps, halved and rounded up; no parameter is idle."""
    check_sizes(layer, site)
    check_gradients(layer, site)


@pytest.mark.parametrize(("layer", "site"), [LAYERS[1], LAYERS[3]], ids=str)
def test_a_block_exports_to_onnx(layer: Bottleneck, site: Site, tmp_path: Path) -> None:
    """With a strided and with a circular convolution."""
    check_onnx(layer, site, tmp_path, (8, 5))


@pytest.mark.parametrize(
    ("layer", "site", "message"),
    [
        (Bottleneck(kernel="global", stride=2), SITE, "stride is 2; give stride: 1"),
        (Bottleneck(kernel="global"), Site(12, 12, 7, 7), "but there are 3"),
        (Bottleneck(position=True), SITE, "the kernel is 3; set position: false"),
        (Bottleneck(expand=32.0), SITE, "expand: 32.0 leaves no inner channel of 16; lower it"),
    ],
)
def test_a_place_where_the_block_cannot_stand_is_named(
    layer: Bottleneck, site: Site, message: str
) -> None:
    """The reason says what was given and what to do."""
    assert message in str(layer.problem(site))


def test_an_even_kernel_is_refused() -> None:
    """It has no centre."""
    with pytest.raises(ValidationError, match="kernel 2 is even and has no centre"):
        Bottleneck(kernel=2)

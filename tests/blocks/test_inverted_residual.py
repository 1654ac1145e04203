"""The inverted residual, in stages, as a downsampling layer, and with circular convolutions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from counted_alone import conv2d, norm, pointwise
from golden import case_input, check, check_case, fill, load, part, run_with_outputs
from hypothesis import given
from hypothesis import strategies as st
from layer_checks import (
    build_stack,
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

from archsearch import published
from archsearch.blocks.inverted_residual import InvertedResidual, rounded
from archsearch.blocks.layer import Layer, Site
from archsearch.cost import count as cost_of

SITE = Site(8, 8, 7, 9)
WIDER = Site(8, 12, 7, 9)
LAYERS = (
    (InvertedResidual(), SITE),
    (InvertedResidual(kernel=5, expand=1.0, activation="relu6"), SITE),
    (InvertedResidual(stride=2, activation="hardswish"), SITE),
    (InvertedResidual(kernel=7, stride=2, expand=2.5), WIDER),
    (InvertedResidual(kernel=1), WIDER),
    (InvertedResidual(kernel="global", position=True), SITE),
    (InvertedResidual(kernel="global", expand=1.0), WIDER),
    (InvertedResidual(kernel=5, expand=6.0, squeeze=0.25), SITE),
)
NAMES = {
    "path.expand": "block.exp_1x1.block.conv",
    "path.expand_norm": "block.exp_1x1.block.norm",
    "path.spatial": "block.conv_3x3.block.conv",
    "path.spatial_norm": "block.conv_3x3.block.norm",
    "path.project": "block.red_1x1.block.conv",
    "path.project_norm": "block.red_1x1.block.norm",
}
CIRCULAR_NAMES = {
    "path.expand": "pw_expand.0",
    "path.expand_norm": "pw_expand.1",
    "path.spatial.height.position": "gcc_H",
    "path.spatial.height.conv": "gcc_H.gcc_conv",
    "path.spatial.width.position": "gcc_W",
    "path.spatial.width.conv": "gcc_W.gcc_conv",
    "path.spatial_norm": "bn",
    "path.project": "pw_linear.0",
    "path.project_norm": "pw_linear.1",
}


@pytest.mark.parametrize(("channels", "stride"), [(32, 1), (48, 1), (48, 2)])
def test_the_block_is_that_of_parc_net_and_mobilevit(channels: int, stride: Any) -> None:
    """With residual, without, and downsampling, on even and odd maps."""
    golden = load(f"blocks/mv2_inverted_residual_32_{channels}_s{stride}")
    module = InvertedResidual(stride=stride).build(Site(32, channels, 14, 14), {})
    fill(module, golden, NAMES)
    for case in golden["cases"]:
        check_case(module, golden, case)


def test_the_global_block_is_that_of_parc_mobilenet() -> None:
    """Half of the hidden channels along each axis, with bias and position embedding."""
    golden = load("blocks/parc_mv2_block_32_k14")
    layer = InvertedResidual(kernel="global", expand=6.0, activation="relu6", position=True)
    module = layer.build(Site(32, 32, 14, 14), {})
    fill(module, golden, CIRCULAR_NAMES)
    for case in golden["cases"]:
        check_case(module, golden, case)


def test_the_first_stages_of_mobilenet_are_the_official_ones() -> None:
    """Seven convolutional layers, the first block without expansion, ReLU6, two strides."""
    golden = part(load("mobilenetv2_100_timm"), "conv_stem", "bn1", *(f"blocks.{i}" for i in "012"))
    layers = mobilenet_layers(MOBILENET[:3])
    blocks = build_stack(layers, Site(32, 32, 112, 112))
    stem = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
    module = nn.Sequential(stem, nn.BatchNorm2d(32), nn.ReLU6(), *blocks)
    fill(module, golden, {"0": "conv_stem", "1": "bn1", **mobilenet_names(3)})
    stages = {"3": "blocks.0", "5": "blocks.1", "8": "blocks.2"}
    outputs = run_with_outputs(module, case_input((golden["batch"], 3, 224, 224)), list(stages))
    for ours, theirs in stages.items():
        check(outputs[ours], golden["stage_output_stats"][theirs])


# Expansion, width, number, stride, and number of the first block with a circular kernel.
MOBILENET = (
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 2),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 2),
    (6, 96, 3, 1, 2),
    (6, 160, 3, 2, 2),
    (6, 320, 1, 1, 1),
)


def mobilenet_layers(
    stages: tuple[tuple[int, int, int, int, int], ...], *, circular: bool = False
) -> list[tuple[Layer, int]]:
    """Blocks of MobileNetV2, or of ParC-MobileNetV2, each with its width."""
    layers: list[tuple[Layer, int]] = []
    for expand, width, count, first_stride, first_circular in stages:
        for number in range(count):
            leaves: dict[str, Any] = {"stride": first_stride if number == 0 else 1}
            if circular and number >= first_circular:
                leaves |= {"kernel": "global", "position": number == first_circular}
            layer = InvertedResidual(expand=float(expand), activation="relu6", **leaves)
            layers.append((layer, width))
    return layers


def mobilenet_names(stages: int) -> dict[str, str]:
    """Timm's names of our blocks, which follow three modules of a stem."""
    full = {"expand": "conv_pw", "spatial": "conv_dw", "project": "conv_pwl"}
    short = {"spatial": "conv_dw", "project": "conv_pw"}
    names: dict[str, str] = {}
    place = 3
    for stage, (expand, _, count, _, _) in enumerate(MOBILENET[:stages]):
        for number in range(count):
            table = short if expand == 1 else full
            for order, (ours, theirs) in enumerate(table.items(), 1):
                names[f"{place}.path.{ours}"] = f"blocks.{stage}.{number}.{theirs}"
                names[f"{place}.path.{ours}_norm"] = f"blocks.{stage}.{number}.bn{order}"
            place += 1
    return names


@pytest.mark.parametrize(
    ("circular", "params", "macs"),
    [(False, 3_504_872, 300_774_272), (True, 3_532_136, 301_997_312)],
)
def test_whole_mobilenets_cost_what_the_official_code_costs(
    circular: bool, params: int, macs: int
) -> None:
    """MobileNetV2 and ParC-MobileNetV2 at 224x224; source: ../shared/reference/counts.csv."""
    layers = mobilenet_layers(MOBILENET, circular=circular)
    total, site = stack_cost(layers, Site(32, 32, 112, 112))
    total += conv2d(3, 32, 3, 112 * 112, bias=False) + norm(32)
    total += pointwise(site.channels, 1280, site.height * site.width, bias=False) + norm(1280)
    total += pointwise(1280, 1000, 1)
    assert (total.params, total.macs) == (params, macs)


def test_efficientnet_b0_costs_what_its_paper_says() -> None:
    """5.3 M parameters and 0.39 G multiply-accumulates (Table 2 of arXiv 1905.11946)."""
    cost = cost_of(published.load("efficientnet_b0"))
    assert round(cost.params / 1e6, 1) == 5.3
    assert round(cost.macs / 1e9, 2) == 0.39


def test_excitation_is_its_formula() -> None:
    """Each channel by sigmoid(W2 silu(W1 mean + b1) + b2), where the block's 8 inputs give 2."""
    module = made(InvertedResidual(expand=6.0, squeeze=0.25), SITE).get_submodule("path.squeeze")
    x = noise(2, 48, 3, 5)
    (w1, b1), (w2, b2) = (
        (module.get_parameter(f"{name}.weight")[:, :, 0, 0], module.get_parameter(f"{name}.bias"))
        for name in ("reduce", "expand")
    )
    assert w1.shape == (2, 48)
    squeezed = x.mean((2, 3)) @ w1.T + b1
    gate = (squeezed * squeezed.sigmoid() @ w2.T + b2).sigmoid()
    torch.testing.assert_close(module(x), x * gate[:, :, None, None])


@given(st.floats(1, 5000))
def test_widths_are_rounded_to_eight_and_lose_at_most_a_tenth(channels: float) -> None:
    """MobileNet's rule for widths."""
    width = rounded(channels)
    assert width % 8 == 0
    assert 0.9 * channels <= width <= max(8, channels + 8)
    assert width == 8 or abs(width - channels) <= 4 or width - 8 < 0.9 * channels


@pytest.mark.parametrize(("layer", "site"), LAYERS, ids=str)
def test_the_input_is_added_where_the_shape_allows(layer: InvertedResidual, site: Site) -> None:
    """With a projection that gives nothing, the input or nothing is left."""
    module, x = made(layer, site), noise(1, site.in_channels, 7, 9)
    for name, tensor in module.state_dict().items():
        if name.startswith("path.project_norm.") and name.endswith(("weight", "bias")):
            tensor.zero_()
    same = layer.stride == 1 and site.in_channels == site.channels
    y = module(x)
    assert torch.equal(y, x if same else torch.zeros_like(y))


@pytest.mark.parametrize(("layer", "site"), LAYERS, ids=str)
def test_the_cost_is_that_of_the_module(layer: InvertedResidual, site: Site) -> None:
    """Parameters and MACs in closed form equal those counted."""
    check_cost(layer, site)


@pytest.mark.parametrize(("layer", "site"), LAYERS, ids=str)
def test_a_block_runs_at_any_size_and_learns_everywhere(
    layer: InvertedResidual, site: Site
) -> None:
    """Odd, small, large and oblong maps, halved and rounded up; no parameter is idle."""
    check_sizes(layer, site)
    check_gradients(layer, site)


@pytest.mark.parametrize(("layer", "site"), [LAYERS[3], LAYERS[5]], ids=str)
def test_a_block_exports_to_onnx(layer: InvertedResidual, site: Site, tmp_path: Path) -> None:
    """With a strided and with a circular convolution."""
    check_onnx(layer, site, tmp_path, (8, 5))


@pytest.mark.parametrize(
    ("layer", "site", "message"),
    [
        (InvertedResidual(kernel="global", stride=2), SITE, "stride is 2; give stride: 1"),
        (InvertedResidual(kernel="global", expand=1.0), Site(9, 9, 7, 7), "but there are 9"),
        (InvertedResidual(position=True), SITE, "the kernel is 3; set position: false"),
    ],
)
def test_a_place_where_the_block_cannot_stand_is_named(
    layer: InvertedResidual, site: Site, message: str
) -> None:
    """The reason says what was given and what to do."""
    assert message in str(layer.problem(site))


def test_an_even_kernel_is_refused() -> None:
    """It has no centre."""
    with pytest.raises(ValidationError, match="kernel 4 is even and has no centre"):
        InvertedResidual(kernel=4)

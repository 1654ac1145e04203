"""Stems, downsampling layers and heads, and small nets put together from layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import golden
import official_names
import pytest
import torch
from layer_checks import measured_cost, noise
from liveness import largest_live_set
from official_names import within
from pydantic import ValidationError
from torch import Tensor, nn

from archsearch.blocks.cmt import Cmt
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.downsamples import CmtPatch, ConvDown
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.norms import Norm
from archsearch.blocks.sdta import Sdta
from archsearch.blocks.stems import CmtStem, ConvStem, PatchStem

PATCH_STEM = {"0.conv": "downsample_layers.0.0", "1": "downsample_layers.0.1"}


@pytest.mark.parametrize(
    ("model", "stem", "names", "stage"),
    [
        ("edgenext_xx_small", PatchStem(), PATCH_STEM, "downsample_layers.0"),
        ("edgenext_xx_small_bn_hs", PatchStem(norm="batch"), PATCH_STEM, "downsample_layers.0"),
        ("hornet_tiny_gf", PatchStem(), PATCH_STEM, "downsample_layers.0"),
        ("convnext_tiny", PatchStem(), PATCH_STEM, "downsample_layers.0"),
        ("parcnet_s", ConvStem(), {"0": "conv_1.block.conv", "1": "conv_1.block.norm"}, "conv_1"),
        (
            "mobilenetv2_100_timm",
            ConvStem(activation="relu6"),
            {"0": "conv_stem", "1": "bn1"},
            "bn1",
        ),
        (
            "cmt_ti",
            CmtStem(),
            {
                f"{i}.{j}": f"stem_{layer}{i + 1}"
                for i in range(3)
                for j, layer in ((0, "conv"), (2, "norm"))
            },
            "stem_norm3",
        ),
    ],
)
def test_stems_give_the_official_numbers(
    model: str, stem: Layer, names: dict[str, str], stage: str
) -> None:
    """The first layer of each published net agrees with its code."""
    recorded = golden.load(model)
    stats = recorded["stage_output_stats"][stage]
    height, width = recorded["resolution"]
    module = stem.build(Site(3, stats["shape"][1], height, width), {})
    golden.fill(module, golden.part(recorded, *names.values()), names)
    x = golden.case_input((recorded["batch"], 3, height, width))
    golden.check(golden.run_with_outputs(module, x, [])[""], stats)


def test_an_eps_without_a_layer_norm_is_refused() -> None:
    """It would say nothing, and one net would have two ids."""
    problem = PatchStem(norm="none", eps=1e-5).problem(Site(3, 8, 8, 8))
    assert problem == "eps is of norm: layer, not of norm: none; leave it out"


def test_cmt_patch_gives_the_official_numbers() -> None:
    """The patch embedding, with its own eps, agrees with CMT's code."""
    recorded = golden.load("blocks/cmt_patch_embed_32to64")
    module = CmtPatch().build(Site(32, 64, 14, 14), {})
    golden.fill(module, recorded, {"0.conv": "proj", "1": "norm"})
    golden.check_case(module, recorded, "14x14")


Stage = tuple[Layer, int, Sequence[Layer]]
"""Downsampling layer or stem, channels, blocks."""


class Net(nn.Module):
    """Stages, each a list of its first layer and its blocks, then a head."""

    def __init__(self, stages: Sequence[Stage], head: Head, size: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        site = Site(3, 3, size, size)
        for first, channels, blocks in stages:
            into = Site(site.channels, channels, site.height, site.width)
            site = Site(channels, channels, *first.out_size(site.height, site.width))
            shared = {
                name: nn.Parameter(torch.empty(shape))
                for block in blocks
                for name, shape in block.shared(site).items()
            }
            modules = [block.build(site, shared) for block in blocks]
            self.stages.append(nn.ModuleList([first.build(into, {}), *modules]))
        self.head = head.build(site.channels, 1000)

    def forward(self, features: Tensor) -> Tensor:
        for stage in self.stages:
            assert isinstance(stage, nn.ModuleList)
            for layer in stage:
                features = layer(features)
        logits: Tensor = self.head(features)
        return logits


def check_net(net: Net, model: str, names: dict[str, str], outputs: dict[str, str]) -> None:
    """Compare the logits, and the outputs of our submodules with the stages that they are."""
    recorded = golden.load(model)
    golden.fill(net, recorded, names)
    x = golden.case_input((recorded["batch"], 3, *recorded["resolution"]))
    actual = golden.run_with_outputs(net, x, list(outputs))
    for ours, stage in outputs.items():
        stats, features = recorded["stage_output_stats"][stage], actual[ours]
        tokens = len(stats["shape"]) == 3  # CMT's code keeps its maps as (B, H W, C)
        golden.check(features.flatten(2).transpose(1, 2) if tokens else features, stats)
    keys = ("mean", "std", "l2", "first_10")
    logits = {key: recorded[f"logits_{key}"] for key in keys}
    golden.check(actual[""], {"shape": [recorded["batch"], 1000], **logits})


def edgenext_xxs(norm: Norm) -> Net:
    """EdgeNeXt-XXS, or its variant with batch norm and hard-swish."""
    firsts = [PatchStem(norm=norm), *(ConvDown(norm=norm) for _ in range(3))]
    kernels, widths, depths = (3, 5, 7, 9), (24, 48, 88, 168), (2, 1, 5, 1)
    stages: list[Stage] = []
    for i, first in enumerate(firsts):
        blocks: list[Layer] = [ConvEncoder(kernel=kernels[i], norm=norm)] * depths[i]
        if i:
            blocks.append(Sdta(splits=(2, 2, 3, 4)[i], heads=4, position=i == 1, norm=norm))
        stages.append((first, widths[i], blocks))
    return Net(stages, Head(norm=norm), 256)


@pytest.mark.parametrize(
    ("model", "norm", "head_norm"),
    [("edgenext_xx_small", "layer", "norm"), ("edgenext_xx_small_bn_hs", "batch", "map_norm")],
)
def test_a_whole_edgenext_gives_the_official_numbers(
    model: str, norm: Norm, head_norm: str
) -> None:
    """Stem, downsampling, blocks and both kinds of normed head: every stage and the logits."""
    net = edgenext_xxs(norm)
    names = {"head.classify": "head", f"head.{head_norm}": "norm"}
    names |= {f"stages.0.0.{ours}": theirs for ours, theirs in PATCH_STEM.items()}
    outputs = {f"head.{head_norm}": "norm"}
    for i, stage in enumerate(net.stages):
        assert isinstance(stage, nn.ModuleList)
        outputs[f"stages.{i}.0"] = f"downsample_layers.{i}"
        outputs[f"stages.{i}.{len(stage) - 1}"] = f"stages.{i}"
        if i:
            down = {f"stages.{i}.0.0": f"{i}.0", f"stages.{i}.0.1.conv": f"{i}.1"}
            names |= {ours: f"downsample_layers.{theirs}" for ours, theirs in down.items()}
        for j in range(1, len(stage)):
            last = i and j == len(stage) - 1
            table = official_names.SDTA if last else official_names.CONV_ENCODER
            names |= within(f"stages.{i}.{j}", f"stages.{i}.{j - 1}", table)
    check_net(net, model, names, outputs)


def cmt_ti() -> Net:
    """CMT-Ti at 160x160."""
    widths, heads, reductions, depths = (
        (46, 92, 184, 368),
        (1, 2, 4, 8),
        (8, 4, 2, 1),
        (2, 2, 10, 2),
    )
    stages: list[Stage] = [(CmtStem(), 16, [])]
    for i, width in enumerate(widths):
        block = Cmt(heads=heads[i], reduction=reductions[i], expand=3.6)
        stages.append((CmtPatch(), width, [block] * depths[i]))
    return Net(stages, Head(project=1280, bias=True, norm="none"), 160)


def test_a_whole_cmt_gives_the_official_numbers() -> None:
    """Stem, patch embedding, shared tables and the projecting head: every stage and the logits."""
    net = cmt_ti()
    names = {"head.project.0": "_fc", "head.project.1": "_bn", "head.classify": "head"}
    outputs = {"stages.0.0": "stem_norm3", "head.project.1": "_bn"}
    for i in range(3):
        names |= {
            f"stages.0.0.{i}.0": f"stem_conv{i + 1}",
            f"stages.0.0.{i}.2": f"stem_norm{i + 1}",
        }
    for i, letter in enumerate("abcd", 1):
        stage = net.stages[i]
        assert isinstance(stage, nn.ModuleList)
        patch = {"0.conv": "proj", "1": "norm"}
        names |= within(f"stages.{i}.0", f"patch_embed_{letter}", patch)
        outputs[f"stages.{i}.0"] = f"patch_embed_{letter}"
        outputs[f"stages.{i}.{len(stage) - 1}"] = f"blocks_{letter}.{len(stage) - 2}"
        for j in range(1, len(stage)):
            names |= within(f"stages.{i}.{j}", f"blocks_{letter}.{j - 1}", official_names.CMT_BLOCK)
            names[f"stages.{i}.{j}.attention.relative_position"] = f"relative_pos_{letter}"
    check_net(net, "cmt_ti", names, outputs)


@pytest.mark.parametrize("kernel", [2, 3, 7])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 8)])
def test_downsampling_never_loses_an_axis(kernel: int, size: tuple[int, int]) -> None:
    """Even a map of one pixel gives one pixel."""
    layer = ConvDown(kernel=kernel)
    module = layer.build(Site(3, 5, *size), {}).eval()
    height, width = layer.out_size(*size)
    assert min(height, width) >= 1
    assert module(noise(2, 3, *size)).shape == (2, 5, height, width)


def test_a_stem_sees_nothing_beyond_the_last_whole_patch() -> None:
    """As in the official codes: at 9x10, the last row and two columns are cut off."""
    module = PatchStem(size=4).build(Site(3, 4, 9, 10), {})
    x = noise(1, 3, 9, 10)
    torch.testing.assert_close(module(x), module(x[:, :, :8, :8]))


@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (4, 2)])
def test_an_even_kernel_must_be_a_patch(kernel: int, stride: int) -> None:
    """Even kernels have no centre to pad around."""
    layer = ConvDown.model_validate({"kernel": kernel, "stride": stride})
    assert "use an odd kernel, or kernel 2 with stride 2" in str(layer.problem(Site(4, 4, 8, 8)))


def test_norm_first_norms_what_comes_in() -> None:
    """The norm stands before the convolution, or after it."""
    site = Site(3, 5, 4, 4)
    first, after = ConvDown().build(site, {}), ConvDown(norm_first=False).build(site, {})
    assert first.get_parameter("0.weight").shape == (3,)
    assert after.get_parameter("1.weight").shape == (5,)


HEADS = [
    Head(),
    Head(norm="batch"),
    Head(norm="none"),
    Head(project=7, activation="relu6", norm="none"),
    Head(project=7, bias=True, norm="layer"),
    Head(project=7, norm="batch"),
    Head(norm="pixel", eps=1e-5),
    Head(norm="pixel", pool="first"),
    Head(project=7, pool="first"),
]


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_cost_of_a_head_is_that_of_its_module(head: Head) -> None:
    """The closed forms equal what it holds, multiplies, writes and keeps alive."""
    module = head.build(6, 11).eval()
    for height, width in ((5, 3), (1, 1), (1, 2)):
        x = noise(1, 6, height, width)
        assert head.cost(6, height, width, 11) == measured_cost(module, x)
        assert head.live(6, height, width, 11) == largest_live_set(module, x)


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_every_parameter_of_a_head_learns(head: Head) -> None:
    """The logits have the right shape and depend on every parameter."""
    module = head.build(6, 11)
    logits = module(noise(4, 6, 5, 3))
    assert logits.shape == (4, 11)
    (logits * noise(4, 11, seed=1)).sum().backward()
    assert [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_activation_stands_before_the_mean() -> None:
    """CMT's order: with ReLU6 on the map, pixels of opposite sign do not cancel."""
    module = Head(project=2, activation="relu6", norm="none").build(2, 3).eval()
    weight = module.get_parameter("project.0.weight")
    weight.data = torch.eye(2)[:, :, None, None]
    x = torch.tensor([2.0, -2.0]).expand(1, 2, 1, 2)
    pooled = torch.full((1, 2), 1.0 / (1 + 1e-5) ** 0.5)
    classify = module.get_submodule("classify")
    torch.testing.assert_close(module(x), classify(pooled))


@pytest.mark.parametrize(
    ("leaves", "message"),
    [({"project": 0}, "greater than or equal to 1"), ({"pooling": "max"}, "Extra inputs")],
)
def test_a_head_refuses_what_it_does_not_know(leaves: dict[str, Any], message: str) -> None:
    """Leaves are strict."""
    with pytest.raises(ValidationError, match=message):
        Head.model_validate(leaves)

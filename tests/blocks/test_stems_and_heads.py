"""Stems, downsampling layers and heads."""

from __future__ import annotations

from typing import Any

import golden
import pytest
import torch
from layer_checks import measured_cost, noise
from liveness import largest_live_set
from pydantic import ValidationError

from archsearch import published
from archsearch.blocks.downsamples import CmtPatch, ConvDown
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Site
from archsearch.blocks.stems import PatchStem
from archsearch.checkpoints import cmt, family_of


@pytest.mark.parametrize(
    ("golden_name", "net", "stage"),
    [
        ("edgenext_xx_small", "edgenext_xx_small", "downsample_layers.0"),
        ("edgenext_xx_small_bn_hs", "edgenext_xx_small_bn_hs", "downsample_layers.0"),
        ("hornet_tiny_gf", "hornet_tiny_gf", "downsample_layers.0"),
        ("convnext_tiny", "convnext_tiny", "downsample_layers.0"),
        ("parcnet_s", "parcnet_s", "conv_1"),
        ("mobilenetv2_100_timm", "mobilenetv2_100", "bn1"),
        ("cmt_ti", "cmt_ti", "stem_norm3"),
    ],
)
def test_stems_give_the_official_numbers(golden_name: str, net: str, stage: str) -> None:
    """The first layer of each published net agrees with its code."""
    recorded, architecture = golden.load(golden_name), published.load(net)
    family = family_of(net)
    names = {
        ours.removeprefix("stem."): theirs
        for ours, theirs in family.official_names(architecture, family.STYLES[0]).items()
        if ours.startswith("stem.")
    }
    module = architecture.stem.build(next(architecture.places()).site, {})
    layers = {theirs.rpartition(".")[0] for theirs in names.values()}
    golden.fill(module, golden.part(recorded, *layers), names)
    x = golden.case_input((recorded["batch"], 3, *recorded["resolution"]))
    stats = recorded["stage_output_stats"][stage]
    golden.check(golden.run_with_outputs(module, x, [])[""], stats)


def test_an_eps_without_a_layer_norm_is_refused() -> None:
    """It would say nothing, and one net would have two ids."""
    problem = PatchStem(norm="none", eps=1e-5).problem(Site(3, 8, 8, 8))
    assert problem == "eps is of norm: layer, not of norm: none; leave it out"


def test_cmt_patch_gives_the_official_numbers() -> None:
    """The patch embedding, with its own eps, agrees with CMT's code."""
    recorded = golden.load("blocks/cmt_patch_embed_32to64")
    module = CmtPatch().build(Site(32, 64, 14, 14), {})
    golden.fill(module, recorded, cmt.PATCH)
    golden.check_case(module, recorded, "14x14")


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
    Head(norm="batch_relu"),
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

"""The convolutional block of ConvNeXt, EdgeNeXt and ParC-ConvNeXt."""

from __future__ import annotations

from typing import Any

import golden
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.layer import Site
from archsearch.blocks.norms import LAYER_SCALE_INIT, LayerNorm2d
from archsearch.checkpoints import convnext, parc_convnets


@pytest.mark.parametrize("case", ["14x14", "7x9"])
@pytest.mark.parametrize(
    ("name", "channels", "leaves"),
    [
        ("conv_encoder_k3_dim32", 32, {"kernel": 3}),
        ("conv_encoder_k5_dim32", 32, {"kernel": 5}),
        ("conv_encoder_k7_dim32", 32, {"kernel": 7}),
        ("conv_encoder_bnhs_k5_dim32", 32, {"kernel": 5, "norm": "batch"}),
        ("convnext_block_dim64", 64, {"kernel": 7}),
    ],
)
def test_gives_the_official_numbers(
    name: str, channels: int, leaves: dict[str, Any], case: str
) -> None:
    """EdgeNeXt's encoder, its fast variant and ConvNeXt's block are this block."""
    recorded = golden.load(f"blocks/{name}")
    block = ConvEncoder(**leaves).build(Site(channels, channels, 14, 14), {})
    golden.fill(block, recorded, convnext.BLOCKS["official"])
    golden.check_case(block, recorded, case)


def test_the_global_kernel_gives_the_numbers_of_parc_convnext() -> None:
    """With a global kernel and position embeddings it is ParC-ConvNeXt's block."""
    recorded = golden.load("blocks/parc_convnext_block_dim64_k14")
    block = ConvEncoder(kernel="global", position=True).build(Site(64, 64, 14, 14), {})
    golden.fill(block, recorded, {**convnext.BLOCKS["official"], **parc_convnets.HALVES})
    golden.check_case(block, recorded, "14x14")


@pytest.mark.parametrize("case", ["14x14", "7x9"])
def test_channels_first_layer_norm_gives_the_official_numbers(case: str) -> None:
    """``LayerNorm2d`` is the official channels-first norm."""
    recorded = golden.load("blocks/layernorm_channels_first_dim64")
    norm = LayerNorm2d(64)
    golden.fill(norm, recorded, {})
    golden.check_case(norm, recorded, case)


def test_layer_norm_is_the_formula() -> None:
    """Each pixel has mean 0 and variance v / (v + eps) over its channels."""
    x = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    variance = x.var(1, unbiased=False, keepdim=True)
    expected = (x - x.mean(1, keepdim=True)) / (variance + 0.1).sqrt()
    torch.testing.assert_close(LayerNorm2d(5, eps=0.1)(x), expected)


def test_a_new_block_is_nearly_the_identity() -> None:
    """Layer scale starts at 1e-6: the branch is far below the input."""
    block = ConvEncoder().build(Site(8, 8, 6, 6), {})
    x = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    (gamma,) = (p for n, p in block.named_parameters() if n.split(".")[-1].startswith("gamma"))
    torch.testing.assert_close(gamma.detach(), torch.full((8,), LAYER_SCALE_INIT))
    torch.testing.assert_close(block(x), x, atol=1e-4, rtol=0)


def test_depthwise_padding_is_zero_and_centred() -> None:
    """An impulse at a corner reaches the pixels within half a kernel, and no others."""
    block = ConvEncoder(kernel=5).build(Site(1, 1, 8, 8), {})
    impulse = F.pad(torch.ones(1, 1, 1, 1), (0, 7, 0, 7))
    spatial = block.get_submodule("spatial")
    reached = (spatial(impulse) - spatial(torch.zeros_like(impulse))).abs() > 0
    assert reached.nonzero().max(0).values.tolist() == [0, 0, 2, 2]
    assert int(reached.sum()) == 9


def test_an_even_kernel_is_refused() -> None:
    """An even kernel has no centre; the message names two that have one."""
    with pytest.raises(ValidationError, match=r"kernel 4 is even.*use an odd one \(3 or 5\)"):
        ConvEncoder(kernel=4)


@pytest.mark.parametrize(
    ("leaves", "channels", "message"),
    [
        ({"kernel": 3, "position": True}, 8, "kernel: global only"),
        ({"kernel": "global"}, 9, "halves, but there are 9"),
    ],
)
def test_refuses_what_cannot_be_built(leaves: dict[str, Any], channels: int, message: str) -> None:
    """The rule says which leaf does not fit."""
    problem = ConvEncoder(**leaves).problem(Site(channels, channels, 8, 8))
    assert problem is not None
    assert message in problem

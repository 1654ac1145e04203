"""The CMT block."""

from __future__ import annotations

import math
from typing import cast

import golden
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from archsearch.blocks.cmt import (
    Cmt,
    InvertedResidualFfn,
    LightweightAttention,
    key_size,
    resize_relative_position,
)
from archsearch.blocks.layer import Site
from archsearch.blocks.operators import Operator
from archsearch.checkpoints import cmt


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def build(layer: Cmt, site: Site) -> nn.Module:
    shared = {
        name: nn.Parameter(normal(*shape, seed=9)) for name, shape in layer.shared(site).items()
    }
    return layer.build(site, shared).eval()


@pytest.mark.parametrize(
    ("name", "heads", "reduction", "size"),
    [
        ("cmt_block_dim64_h1_sr7", 1, 7, (14, 14)),
        ("cmt_block_dim64_h2_sr2", 2, 2, (14, 14)),
        ("cmt_block_dim64_h2_sr2", 2, 2, (8, 12)),
        ("cmt_block_dim64_h4_sr1", 4, 1, (7, 7)),
        ("cmt_block_dim64_h4_sr1", 4, 1, (7, 9)),
    ],
)
def test_gives_the_official_numbers(
    name: str, heads: int, reduction: int, size: tuple[int, int]
) -> None:
    """Output and every recorded intermediate agree with CMT's code."""
    recorded = golden.load(f"blocks/{name}")
    layer = Cmt(heads=heads, reduction=reduction, expand=3.6)
    block = build(layer, Site(64, 64, *size))
    golden.fill(block, recorded, {**cmt.BLOCK, "attention.relative_position": "relative_pos"})
    stats = recorded["cases"][f"{size[0]}x{size[1]}"]
    x = golden.case_input(stats["input"]["shape"])
    outputs = golden.run_with_outputs(block, x, ["perception", "attention", "ffn"])
    perceived = x + outputs["perception"]
    golden.check(outputs[""], stats["output"])
    golden.check(perceived, stats["intermediate"]["lpu_out"])
    golden.check(outputs["attention"], stats["intermediate"]["lmhsa_branch"])
    golden.check(perceived + outputs["attention"], stats["intermediate"]["after_attention"])
    golden.check(outputs["ffn"], stats["intermediate"]["irffn_branch"])


@pytest.mark.parametrize("case", ["14x14", "7x9"])
def test_ffn_gives_the_official_numbers(case: str) -> None:
    """The inverted residual FFN alone agrees with CMT's code."""
    recorded = golden.load("blocks/cmt_irffn_dim64_hidden230")
    ffn = InvertedResidualFfn(64, 230)
    golden.fill(ffn, recorded, cmt.FFN)
    golden.check_case(ffn, recorded, case)


def test_attention_is_the_loop() -> None:
    """Pixel by pixel, in float64: scaled products plus table, softmax, weighted sum."""
    site, heads, width = Site(6, 6, 2, 3), 2, 3
    block = build(Cmt(heads=heads), site).double()
    attention = cast("LightweightAttention", block.get_submodule("attention"))
    table = attention.get_parameter("relative_position")
    x = normal(1, 6, 2, 3, seed=1).double()
    q, k, v = (p(x)[0].flatten(1) for p in (attention.query, attention.key, attention.value))
    mixed = torch.zeros(6, 6, dtype=torch.float64)
    for h in range(heads):
        own = slice(h * width, (h + 1) * width)
        for n in range(6):
            dots = torch.stack([q[own, n] @ k[own, m] for m in range(6)]) / math.sqrt(width)
            weights = (dots + table[h, n]).exp()
            mixed[own, n] = (v[own] * (weights / weights.sum())).sum(1)
    torch.testing.assert_close(attention(x), attention.project(mixed.reshape(x.shape)))


def test_the_table_is_shared_by_heads_and_reduction() -> None:
    """Its shape is (heads, pixels, keys), and the block holds the very parameter it was given."""
    layer, site = Cmt(heads=2, reduction=3), Site(8, 8, 7, 10)
    assert layer.shared(site) == {"relative_pos/2/3": (2, 70, 2 * 3)}
    table = nn.Parameter(torch.zeros(2, 70, 6))
    block = layer.build(site, {"relative_pos/2/3": table})
    assert any(parameter is table for parameter in block.parameters())


@given(height=st.integers(1, 40), width=st.integers(1, 40), reduction=st.integers(1, 9))
def test_one_key_at_least_remains_on_each_axis(height: int, width: int, reduction: int) -> None:
    """Keys are counted as the official convolution does, but never fall to zero."""
    expected = [max(1, (length - reduction) // reduction + 1) for length in (height, width)]
    assert list(key_size((height, width), reduction)) == expected


def test_a_map_smaller_than_the_reduction_has_one_key() -> None:
    """Attention to a single key is that key's value, whatever the query."""
    block = build(Cmt(reduction=8), Site(4, 4, 3, 5))
    attention = cast("LightweightAttention", block.get_submodule("attention"))
    assert attention.reduce is not None
    x = normal(1, 4, 3, 5)
    padded = torch.zeros(1, 4, 8, 8)
    padded[:, :, :3, :5] = x
    expected = attention.project(attention.value(attention.reduce(padded)))
    torch.testing.assert_close(attention(x), expected.expand(-1, -1, 3, 5))


def test_resizing_the_table_keeps_it_at_its_own_size_and_a_constant_at_any() -> None:
    """Bilinear interpolation is exact where it must be."""
    table = normal(2, 4 * 6, 2 * 3)
    same = resize_relative_position(table, ((4, 6), (4, 6)), ((2, 3), (2, 3)))
    assert torch.equal(same, table)
    flat = resize_relative_position(torch.ones(2, 24, 6), ((4, 6), (5, 3)), ((2, 3), (2, 1)))
    torch.testing.assert_close(flat, torch.ones(2, 15, 2))


def test_resizing_the_table_halves_by_averaging() -> None:
    """Halving a map averages its 2x2 patches, for queries and keys alike."""
    table = normal(1, 4 * 2, 2 * 4)
    halved = resize_relative_position(table, ((4, 2), (2, 1)), ((2, 4), (1, 2)))
    # axes: query row, its half, query column (2), key row (2), key column, its half
    averaged = table.reshape(2, 2, 2, 2, 2, 2).mean((1, 2, 3, 5))
    torch.testing.assert_close(halved, averaged.reshape(1, 2, 2))


def test_perception_can_be_left_out() -> None:
    """Without local perception the block attends to its input as it is."""
    block = build(Cmt(perception=False), Site(4, 4, 3, 3))
    x = normal(1, 4, 3, 3)
    outputs = golden.run_with_outputs(block, x, ["attention_norm", "attention", "ffn"])
    norm = block.get_submodule("attention_norm")
    torch.testing.assert_close(outputs["attention_norm"], norm(x))
    torch.testing.assert_close(outputs[""], x + outputs["attention"] + outputs["ffn"])


def test_position_can_be_left_out() -> None:
    """Without the table the block is the one whose table is zero, and asks the stage for none."""
    site = Site(8, 8, 6, 4)
    layer, bare = Cmt(heads=2, reduction=2), Cmt(heads=2, reduction=2, position=False)
    assert bare.shared(site) == {}
    ((name, shape),) = layer.shared(site).items()
    block = layer.build(site, {name: nn.Parameter(torch.zeros(shape))}).eval()
    without = bare.build(site, {}).eval()
    without.load_state_dict(
        {key: value for key, value in block.state_dict().items() if "relative_position" not in key}
    )
    x = normal(2, 8, 6, 4)
    torch.testing.assert_close(without(x), block(x))


def test_ffn_without_its_depthwise_step_is_two_products() -> None:
    """BN(W2 BN(GELU(W1 x))), computed with matrices; each pixel by itself."""
    ffn = InvertedResidualFfn(6, 9, depthwise=False).eval().double()
    x = normal(2, 6, 3, 4, seed=2).double()
    first, second = (cast("nn.Conv2d", part[0]) for part in (ffn.expand, ffn.contract))
    pixels = x.permute(0, 2, 3, 1)
    hidden = torch.nn.functional.gelu(
        pixels @ first.weight[:, :, 0, 0].T + first.get_parameter("bias")
    )
    scale = 1 / math.sqrt(1 + 1e-5)  # of batch norms that have seen nothing
    out = hidden * scale @ second.weight[:, :, 0, 0].T + second.get_parameter("bias")
    torch.testing.assert_close(ffn(x), out.permute(0, 3, 1, 2) * scale)
    assert not any("depthwise" in name for name, _ in ffn.named_parameters())


def test_the_leaves_for_ablations_cost_what_they_say() -> None:
    """No R costs nothing of the block's own; the depthwise step its taps, biases and batch norm."""
    site = Site(8, 8, 6, 4)
    full, bare, plain = (
        Cmt(heads=2, expand=3.0, **leaves).cost(site)
        for leaves in ({}, {"position": False}, {"depthwise": False})
    )
    assert (bare.params, bare.macs) == (full.params, full.macs)
    assert full.params - plain.params == 24 * (9 + 1 + 2)
    assert full.macs - plain.macs == 24 * 9 * 24


def test_a_runtime_adds_the_table_only_where_there_is_one() -> None:
    """One sum over heads, pixels and keys less without R; all else stays in its order."""
    site = Site(8, 8, 6, 4)
    full = list(Cmt(heads=2, reduction=2).operators(site))
    bare = Cmt(heads=2, reduction=2, position=False).operators(site)
    full.remove(Operator("sum", 2, 24 * 6))
    assert tuple(full) == bare


def test_refuses_heads_that_do_not_divide_the_channels() -> None:
    """The rule says which leaf does not fit the channels."""
    problem = Cmt(heads=4).problem(Site(46, 46, 8, 8))
    assert problem is not None
    assert "heads: 4 cannot share 46 channels equally" in problem

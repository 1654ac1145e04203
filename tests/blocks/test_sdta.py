"""The SDTA encoder of EdgeNeXt."""

from __future__ import annotations

import math
from typing import Any

import golden
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from archsearch.blocks.layer import Site
from archsearch.blocks.sdta import (
    CrossCovarianceAttention,
    FourierPosition,
    Sdta,
    SplitConv,
    chunk_widths,
    fourier_waves,
)
from archsearch.checkpoints import edgenext

GOLDENS: dict[str, tuple[int, dict[str, Any]]] = {
    "sdta_dim48_scale2_h4_pe": (48, {"splits": 2, "heads": 4, "position": True}),
    "sdta_dim64_scale2_h4_pe": (64, {"splits": 2, "heads": 4, "position": True}),
    "sdta_dim88_scale3_h4": (88, {"splits": 3, "heads": 4}),
    "sdta_dim48_scale4_h8": (48, {"splits": 4, "heads": 8}),
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("case", ["14x14", "7x9"])
@pytest.mark.parametrize("name", GOLDENS)
def test_gives_the_official_numbers(name: str, case: str) -> None:
    """Output and every recorded intermediate agree with EdgeNeXt's code."""
    channels, leaves = GOLDENS[name]
    recorded = golden.load(f"blocks/{name}")
    block = Sdta(**leaves).build(Site(channels, channels, 14, 14), {})
    golden.fill(block, recorded, edgenext.SDTA["official"])
    stats = recorded["cases"][case]
    paths = ["split", "attention", "scale", *(["position"] if "position" in leaves else [])]
    outputs = golden.run_with_outputs(block, golden.case_input(stats["input"]["shape"]), paths)
    golden.check(outputs[""], stats["output"])
    golden.check(outputs["split"], stats["intermediate"]["after_split_convs"])
    golden.check(outputs["attention"], stats["intermediate"]["xca_branch"])
    tokens = outputs["split"] + outputs["scale"] + outputs.get("position", 0)
    golden.check(tokens, stats["intermediate"]["after_xca"])


@pytest.mark.parametrize("case", ["14x14", "7x9"])
def test_the_fast_variant_gives_the_official_numbers(case: str) -> None:
    """With ``norm: batch`` it is the official BN + hard-swish encoder."""
    recorded = golden.load("blocks/sdta_bnhs_dim48_scale2_h4_pe")
    block = Sdta(splits=2, heads=4, position=True, norm="batch").build(Site(48, 48, 14, 14), {})
    golden.fill(block, recorded, edgenext.SDTA["official"])
    golden.check_case(block, recorded, case)


@pytest.mark.parametrize("case", ["14x14", "7x9"])
def test_attention_gives_the_official_numbers(case: str) -> None:
    """The attention alone agrees with EdgeNeXt's XCA."""
    recorded = golden.load("blocks/xca_dim64_h8")
    attention = CrossCovarianceAttention(64, 8)
    golden.fill(attention, recorded, edgenext.XCA)
    golden.check_case(attention, recorded, case)


@pytest.mark.parametrize("case", ["14x14", "7x9", "32x32"])
def test_position_encoding_gives_the_official_numbers(case: str) -> None:
    """The waves and their projection agree with EdgeNeXt's Fourier encoding."""
    recorded = golden.load("blocks/posenc_fourier_dim48")
    position = FourierPosition(48)
    golden.fill(position, recorded, {"project": "token_projection"})
    stats = recorded["cases"][case]
    batch, _, height, width = stats["input"]["shape"]
    waves = fourier_waves(height, width).expand(batch, -1, -1, -1)
    golden.check(waves, stats["intermediate"]["raw_sincos_64ch"])
    with torch.no_grad():
        encoding = position(golden.case_input(stats["input"]["shape"]))
    golden.check(encoding.expand(batch, -1, -1, -1), stats["output"])


def test_waves_are_the_formula() -> None:
    """Every one of the 64 numbers of every pixel is the sine or cosine that the paper writes."""
    height, width = 3, 4
    waves = fourier_waves(height, width)
    for y, x, j in ((y, x, j) for y in range(height) for x in range(width) for j in range(64)):
        place, length = (y, height) if j < 32 else (x, width)
        angle = (place + 1) / (length + 1e-6) * 2 * math.pi / 10_000 ** (2 * (j % 32 // 2) / 32)
        expected = math.cos(angle) if j % 2 else math.sin(angle)
        assert float(waves[j, y, x]) == pytest.approx(expected, abs=1e-5)


def test_attention_is_the_loop() -> None:
    """Channel by channel, in float64: unit vectors, products times temperature, softmax, sum."""
    channels, heads, size = 6, 2, 3
    module = CrossCovarianceAttention(channels, heads).double()
    module.temperature.data = normal(heads, 1, 1, seed=1).double()
    x = normal(1, channels, 2, 4, seed=2).double()
    q, k, v = (module.qkv(x)[0, i * channels : (i + 1) * channels].flatten(1) for i in range(3))
    rows = []
    for c in range(channels):
        head = range(c // size * size, c // size * size + size)
        scores = [q[c] @ k[d] / (q[c].norm() * k[d].norm()) for d in head]
        weights = torch.stack([s * module.temperature[c // size, 0, 0] for s in scores]).exp()
        rows.append(sum(w * v[d] for w, d in zip(weights / weights.sum(), head, strict=True)))
    expected = module.project(torch.stack(rows).reshape(x.shape))
    torch.testing.assert_close(module(x), expected)


def test_one_split_has_no_convolution() -> None:
    """The one chunk is the last chunk, and passes."""
    split, x = SplitConv(6, 1), normal(1, 6, 3, 3)
    assert not list(split.parameters())
    assert torch.equal(split(x), x)


def test_each_chunk_hears_the_one_before_and_the_last_none() -> None:
    """An impulse in chunk i reaches chunks i and later, but never the last."""
    split = SplitConv(8, 4)
    for chunk in range(4):
        x = torch.zeros(1, 8, 5, 5)
        x[:, 2 * chunk, 2, 2] = 1.0
        moved = (split(x) - split(torch.zeros_like(x))).abs().amax((0, 2, 3)) > 0
        reached = {c // 2 for c in moved.nonzero().flatten().tolist()}
        assert reached == (set(range(chunk, 3)) or {3})


@given(channels=st.integers(1, 300), splits=st.integers(1, 12))
def test_chunks_are_equal_but_the_last_and_sum_to_the_channels(channels: int, splits: int) -> None:
    """Widths add up; all but the last are ceil(C / s); the rule refuses an empty last one."""
    widths = chunk_widths(channels, splits)
    assert sum(widths) == channels
    assert set(widths[:-1]) <= {math.ceil(channels / splits)}
    problem = Sdta(splits=splits, heads=1).problem(Site(channels, channels, 4, 4))
    assert (problem is None) == (widths[-1] >= 1)


@pytest.mark.parametrize(
    ("leaves", "channels", "message"),
    [
        ({"heads": 4}, 50, "heads: 4 cannot share 50 channels equally"),
        ({"splits": 4, "heads": 1}, 9, "splits: 4 of 9 channels leave the last one empty"),
    ],
)
def test_refuses_what_cannot_be_built(leaves: dict[str, Any], channels: int, message: str) -> None:
    """The rule says which leaf does not fit the channels."""
    problem = Sdta(**leaves).problem(Site(channels, channels, 8, 8))
    assert problem is not None
    assert message in problem

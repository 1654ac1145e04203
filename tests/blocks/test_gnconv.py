"""Recursive gated convolution, the global filter and the HorNet block."""

from __future__ import annotations

from typing import Any, cast

import golden
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.blocks.gnconv import (
    GlobalLocalFilter,
    GnConv,
    RecursiveGatedConv,
    circular_filter,
    order_widths,
)
from archsearch.blocks.layer import Site
from archsearch.checkpoints import hornet


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def gnconv(channels: int = 64, **leaves: Any) -> RecursiveGatedConv:
    block = GnConv(**leaves).build(Site(channels, channels, 14, 14), {})
    return cast("RecursiveGatedConv", block.get_submodule("gnconv"))


@pytest.mark.parametrize("case", ["14x14", "7x9"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_gives_the_official_numbers(order: int, case: str) -> None:
    """gnConv with a 7x7 agrees with HorNet's code, inside and out."""
    recorded = golden.load(f"blocks/gnconv_7x7_order{order}_dim64")
    module = gnconv(order=order)
    golden.fill(module, recorded, hornet.GNCONV)
    stats = recorded["cases"][case]
    x = golden.case_input(stats["input"]["shape"])
    outputs = golden.run_with_outputs(module, x, ["project_in", "spatial"])
    golden.check(outputs[""], stats["output"])
    golden.check(outputs["project_in"], stats["intermediate"]["proj_in"])
    gate = outputs["project_in"][:, : order_widths(64, order)[0]]
    golden.check(gate, stats["intermediate"]["gate0_pwa"])
    golden.check(outputs["spatial"] / 3, stats["intermediate"]["dwconv_scaled"])


@pytest.mark.parametrize("case", ["14x14", "7x9", "16x16"])
def test_global_kernel_gives_the_official_numbers(case: str) -> None:
    """gnConv with the global filter agrees with HorNet's code, also at other sizes."""
    recorded = golden.load("blocks/gnconv_gf_order4_dim64")
    module = gnconv(order=4, kernel="global")
    golden.fill(module, recorded, hornet.GNCONV)
    golden.check_case(module, recorded, case)


@pytest.mark.parametrize(
    ("size", "case"),
    [((14, 14), "14x14"), ((14, 14), "7x9"), ((14, 14), "16x16"), ((7, 7), "7x7"), ((7, 7), "9x8")],
)
def test_filter_gives_the_official_numbers(size: tuple[int, int], case: str) -> None:
    """The global-local filter agrees with HorNet's code, also at other sizes."""
    recorded = golden.load(f"blocks/global_local_filter_dim64_{size[0]}x{size[1] // 2 + 1}")
    module = GlobalLocalFilter(64, *size)
    golden.fill(module, recorded, hornet.GLOBAL_FILTER)
    golden.check_case(module, recorded, case)


@pytest.mark.parametrize("case", ["14x14", "7x9"])
def test_block_gives_the_official_numbers(case: str) -> None:
    """The block with a 7x7 agrees with HorNet's code, after each residual."""
    recorded = golden.load("blocks/hornet_block_7x7_order3_dim64")
    block = GnConv().build(Site(64, 64, 14, 14), {})
    golden.fill(block, recorded, hornet.BLOCK)
    stats = recorded["cases"][case]
    x = golden.case_input(stats["input"]["shape"])
    outputs = golden.run_with_outputs(block, x, ["scale"])
    golden.check(outputs[""], stats["output"])
    golden.check(x + outputs["scale"], stats["intermediate"]["after_gnconv_residual"])


@pytest.mark.parametrize("case", ["14x14", "7x9"])
def test_global_block_gives_the_official_numbers(case: str) -> None:
    """The block with the global filter agrees with HorNet's code."""
    recorded = golden.load("blocks/hornet_block_gf_order4_dim64")
    block = GnConv(order=4, kernel="global").build(Site(64, 64, 14, 14), {})
    golden.fill(block, recorded, hornet.BLOCK)
    golden.check_case(block, recorded, case)


def test_order_one_is_a_gated_convolution() -> None:
    """With one order, gnConv is W_out (p * s dw(q)) with W_in x = (p, q)."""
    module = gnconv(6, order=1, scale=0.5).double()
    x = normal(1, 6, 5, 7)
    p, q = module.project_in(x).chunk(2, dim=1)
    spatial = cast("nn.Conv2d", module.spatial)
    filtered = F.conv2d(q, spatial.weight, spatial.bias, padding=3, groups=6)
    torch.testing.assert_close(module(x), module.project_out(p * 0.5 * filtered))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_order_is_the_degree_in_the_input(order: int) -> None:
    """Without biases, n gates make a homogeneous form of degree n + 1."""
    module = gnconv(16, order=order).double()
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    x = normal(1, 16, 4, 4)
    torch.testing.assert_close(module(2 * x), 2 ** (order + 1) * module(x))


def circular_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """y[n] = sum_m kernel[m] x[n - m], indices modulo the map, channel by channel."""
    out = torch.zeros_like(x)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            out += kernel[:, i, j, None, None] * x.roll((i, j), dims=(2, 3))
    return out


@pytest.mark.parametrize("size", [(4, 6), (5, 4), (3, 7), (1, 5), (6, 1), (1, 1)])
def test_filter_is_a_circular_convolution(size: tuple[int, int]) -> None:
    """By the DFT theorem, the filter's inverse transform is the kernel of the convolution."""
    x, weight = normal(2, 3, *size), normal(3, size[0], size[1] // 2 + 1, 2, seed=1)
    kernel = torch.fft.irfft2(torch.view_as_complex(weight), s=size)
    torch.testing.assert_close(circular_filter(x, weight), circular_convolution(x, kernel))


@pytest.mark.parametrize("size", [(14, 14), (7, 7), (5, 6), (6, 5), (1, 4), (3, 1), (1, 1)])
def test_the_exported_filter_has_no_fourier_operator_and_gives_the_same_answer(
    size: tuple[int, int],
) -> None:
    """Products with DFT matrices, in graphs for other runtimes, change no answer."""
    module = GlobalLocalFilter(4, *size).double().eval()
    module.complex_weight.data = normal(*module.complex_weight.shape, seed=1)
    x = normal(2, 4, *size)
    exported = torch.export.export(module, (x,))
    assert not [node for node in exported.graph.nodes if "fft" in str(node.target)]
    torch.testing.assert_close(exported.module()(x), module(x))


def test_half_precision_is_transformed_in_float32() -> None:
    """A bfloat16 map gives the float32 result, rounded once more."""
    module = GlobalLocalFilter(4, 6, 6)
    x = normal(1, 4, 6, 6).float()
    expected = module(x)
    actual = module.bfloat16()(x.bfloat16())
    assert actual.dtype == torch.bfloat16
    torch.testing.assert_close(actual.float(), expected, atol=0.1, rtol=0)


@pytest.mark.parametrize(
    ("leaves", "channels", "message"),
    [
        ({"order": 3}, 18, "needs channels that divide by 4, but there are 18; use 16 channels"),
        ({"order": 3, "kernel": "global"}, 20, "divide by 8, but there are 20; use 16 channels"),
        ({"order": 5}, 8, "divide by 16, but there are 8; use 16 channels"),
    ],
)
def test_refuses_what_cannot_be_built(leaves: dict[str, Any], channels: int, message: str) -> None:
    """The rule says which channels would do."""
    problem = GnConv(**leaves).problem(Site(channels, channels, 8, 8))
    assert problem is not None
    assert message in problem


def test_a_global_filter_takes_half_precision() -> None:
    """Under autocast a GPU hands it bf16 maps, of which there is no transform."""
    weight = torch.randn(4, 8, 5, 2, generator=torch.Generator().manual_seed(0))
    features = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)).bfloat16()
    torch.testing.assert_close(
        circular_filter(features, weight), circular_filter(features.float(), weight)
    )

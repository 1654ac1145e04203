"""The ledger of operators: every formula against a second one, and no silent zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from archsearch import published
from archsearch.cost.dispatch import Ledger, operations_of
from archsearch.errors import InputError
from archsearch.network import build


def zeros(*shape: int) -> Tensor:
    """Numbers do not matter here."""
    return torch.zeros(shape)


def noted(run: Callable[[], Any]) -> list[tuple[int, int]]:
    """MACs and elements of what ``run`` multiplies."""
    with Ledger() as ledger:
        run()
    return [(operation.macs, operation.elements) for operation in ledger.operations]


@pytest.mark.parametrize("name", ["edgenext_xx_small", "mobilevit_xxs", "cmt_ti", "swin_tiny"])
def test_it_agrees_with_pytorch_where_that_knows_every_operator(name: str) -> None:
    """Half of the FLOPs of ``FlopCounterMode``, on nets without Fourier transforms."""
    architecture = published.load(name)
    with torch.device("meta"):
        module, x = build(architecture).eval(), torch.empty(1, 3, *architecture.size)
    with FlopCounterMode(display=False) as counter:
        module(x)
    macs = sum(operation.macs for operation in operations_of(module, x))
    assert 2 * macs == counter.get_total_flops()


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("masked", [False, True])
def test_fused_attention_costs_its_two_products(device: str, masked: bool) -> None:
    """2 heads, 5 queries, 7 keys of 4 and values of 4: fused on a CPU, written out on meta."""
    query, key = (torch.zeros(1, 2, n, 4, device=device) for n in (5, 7))
    mask = torch.zeros(5, 7, device=device) if masked else None
    found = noted(lambda: F.scaled_dot_product_attention(query, key, key, attn_mask=mask))
    assert sum(macs for macs, _ in found) == 2 * (5 * 4 * 7 + 5 * 7 * 4)
    assert found[-1][1] == 2 * 5 * 4
    assert len(found) == (1 if device == "cpu" else 2)


@pytest.mark.parametrize("size", [(8, 4), (7, 9), (1, 1), (1, 5)])
def test_a_real_transform_costs_the_textbook_s_count(size: tuple[int, int]) -> None:
    """1.25 N log2 N MACs a channel, there and back; a complex number is one element."""
    height, width = size
    points = height * width
    macs = 3 * math.ceil(1.25 * points * math.log2(points))
    half = torch.fft.rfft2(zeros(2, 3, *size))
    there = noted(lambda: torch.fft.rfft2(zeros(1, 3, *size)))
    assert there == [(macs, 3 * height * (width // 2 + 1))]
    back = noted(lambda: torch.fft.irfft2(half, s=size))
    assert back == [(2 * macs, 2 * 3 * points)]


def test_a_complex_transform_costs_twice_a_real_one() -> None:
    """Along the last axis of (3, 8)."""
    assert noted(lambda: torch.fft.fft(zeros(3, 8).to(torch.complex64))) == [(3 * 2 * 30, 24)]


def test_a_product_of_complex_numbers_costs_three_macs() -> None:
    """Four products and two sums; of real numbers, or of a complex one and a real one, none."""
    z, x = zeros(2, 3).to(torch.complex64), zeros(2, 3)
    assert noted(lambda: z * z) == [(18, 6)]
    assert noted(lambda: z.mul_(z)) == [(18, 6)]
    assert noted(lambda: (x * x, x * 2, z * 2, z * x)) == []


@pytest.mark.parametrize(
    ("run", "macs"),
    [
        (lambda: zeros(2, 3) @ zeros(3), 6),
        (lambda: zeros(3) @ zeros(3), 3),
        (lambda: zeros(4, 2, 3) @ zeros(4, 3, 5), 120),
        (lambda: torch.einsum("ij,jk->ik", zeros(2, 3), zeros(3, 5)), 30),
        (lambda: F.linear(zeros(2, 4, 3), zeros(5, 3), zeros(5)), 120),
        (lambda: F.conv1d(zeros(1, 4, 6), zeros(8, 2, 3), groups=2), 8 * 2 * 3 * 4),
    ],
    ids=["matrix by vector", "dot", "batch", "einsum", "linear", "conv1d"],
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_products_cost_their_triple_loop(
    run: Callable[[], Tensor], macs: int, mode: Callable[[], Any]
) -> None:
    """In every mode of gradients; inference mode hands some operators over whole."""
    with mode():
        assert sum(found for found, _ in noted(run)) == macs


@pytest.mark.parametrize(
    "run",
    [
        lambda: F.interpolate(zeros(1, 1, 3, 3), size=(5, 5), mode="bilinear"),
        lambda: F.layer_norm(zeros(2, 3), (3,)),
        lambda: F.softmax(zeros(2, 3), -1),
        lambda: F.max_pool2d(zeros(1, 1, 4, 4), 2),
        lambda: torch.lgamma(zeros(3)),
        lambda: torch.cummax(zeros(3), 0),
    ],
    ids=["resize", "norm", "softmax", "pool", "lgamma", "cummax"],
)
def test_what_multiplies_no_matrices_is_not_noted(run: Callable[[], Any]) -> None:
    """By convention, and where a name only looks like it."""
    assert noted(run) == []


class Recurrent(nn.Module):
    """Something that PyTorch runs by an operator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Run the GRU."""
        out: Tensor = self.cell(x)[0]
        return out


def test_an_operator_without_formula_is_an_error() -> None:
    """Never a zero: the operator, the submodule, and what to do."""
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x = zeros(1, 5, 8)
    with pytest.raises(InputError, match=r"_native_multi_head_attention.* multiplies matrices"):
        operations_of(attention, x, x, x)
    with pytest.raises(InputError, match=r"aten\._cdist_forward.*give it a formula in archsearch"):
        noted(lambda: torch.cdist(zeros(2, 3), zeros(4, 3)))


def test_a_recurrent_net_is_counted_by_its_parts_or_refused() -> None:
    """A GRU's operator is no single product: it is looked into, and its products are counted."""
    module = nn.Sequential(Recurrent()).eval()
    operations = operations_of(module, zeros(5, 1, 3))
    assert sum(operation.macs for operation in operations) == 5 * (3 * 4 * 3 + 3 * 4 * 4)
    assert {operation.path for operation in operations} == {"0.cell"}


def test_operations_know_their_submodule() -> None:
    """The innermost one at work; the module is left as it was."""
    module = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Conv1d(2, 2, 1)))
    operations = operations_of(module, zeros(1, 2, 3))
    assert [(o.path, o.operator) for o in operations] == [
        ("0", "aten.addmm.default"), ("1.1", "aten.convolution.default"),
    ]  # fmt: skip
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_an_error_in_forward_leaves_no_hook() -> None:
    """And reaches the caller."""
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        operations_of(module, zeros(1, 3))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())

"""Differences between counters are explained operator by operator, and the lines sum up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.cost.counters import COUNTERS, Charge, Tally
from archsearch.cost.dispatch import operations_of
from archsearch.cost.explanation import UNEXPLAINED, explain, kind_of

IMAGE = torch.zeros(1, 4, 8, 8)


class Mixed(nn.Module):
    """Everything on which counters differ, on maps (1, 4, 8, 8), once each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.kernel = nn.Parameter(torch.ones(4, 1, 1, 3))
        self.norm = nn.BatchNorm2d(4)
        self.activation = nn.GELU()
        self.linear = nn.Linear(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Give (1, 4, 2)."""
        x = self.activation(self.norm(self.conv(x)))
        x = F.conv2d(x, self.kernel, padding=(0, 1), groups=4)
        spectrum = torch.fft.rfft2(x)
        x = torch.fft.irfft2(spectrum * spectrum, s=(8, 8))
        rows = x.flatten(2)[:, None]
        rows = F.scaled_dot_product_attention(rows, rows, rows)
        rows = (rows @ rows.transpose(-2, -1)) @ rows
        return self.linear(rows[0])


CONV, KERNEL, ATTENTION, PRODUCTS, LINEAR = (
    4 * 9 * 64,
    4 * 3 * 64,
    4 * 4 * 128,
    4 * 4 * 128,
    4 * 128,
)
TRANSFORMS, COMPLEX = 2 * 4 * 480, 4 * 8 * 5 * 3  # 480 = 1.25 * 64 * log2(64)
EXACT = CONV + KERNEL + ATTENTION + PRODUCTS + LINEAR + TRANSFORMS + COMPLEX
FUSED = "fused attention, q k^T and its product with v in Mixed"
ALL_MISS = {
    FUSED: -ATTENTION,
    "Fourier transform in Mixed": -TRANSFORMS,
    "product of complex numbers in Mixed": -COMPLEX,
}
BIASES = {"bias additions": 4 * 64 + 4 * 2}
EXPECTED = {
    "fvcore": {"batch norm (aten::batch_norm)": 2 * 256},
    "ptflops pytorch": {
        **BIASES,
        "batch norm (nn.BatchNorm2d)": 2 * 256,
        "activation (nn.GELU)": 256,
        "activation (F.gelu)": 256,
        "convolution in Mixed": -KERNEL,
        "matrix product in Mixed": -PRODUCTS,
    },
    "ptflops aten": BIASES,
    "torch": {},
}


def counted(name: str, module: nn.Module) -> Tally:
    """What a counter says on a CPU, where attention is fused."""
    return COUNTERS[name].count(module.eval(), IMAGE)


@pytest.mark.parametrize("name", COUNTERS)
def test_every_operator_is_named_with_its_macs(name: str) -> None:
    """Each counter's additions and omissions, as computed by hand."""
    module = Mixed().eval()
    operations = operations_of(module, IMAGE)
    assert sum(operation.macs for operation in operations) == EXACT
    tally = counted(name, module)
    lines = explain(module, operations, tally, COUNTERS[name].blind)
    assert {line.name: line.macs for line in lines} == {**ALL_MISS, **EXPECTED[name]}
    assert sum(line.macs for line in lines) == tally.macs - EXACT
    assert tally.params == sum(parameter.numel() for parameter in module.parameters())
    assert all(line.why.startswith("not counted, ") for line in lines if line.macs < 0)
    assert all(not line.why for line in lines if line.macs > 0)


def test_repeated_operators_make_one_line() -> None:
    """With the number of times they occur; the largest line comes first."""
    module = nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)).eval()
    lines = explain(module, operations_of(module, IMAGE), counted("ptflops pytorch", module), {})
    assert [tuple(line) for line in lines] == [
        ("batch norm (nn.BatchNorm2d)", "", 2, 2 * (256 + 128)),
        ("bias additions", "", 1, 128),
    ]


@pytest.mark.parametrize(
    ("charge", "unexplained"),
    [
        (Charge("nn.Conv2d", "0", 257), 257),
        (Charge("nn.Conv2d", "", 256), 256),
        (Charge("nn.Conv2d", "0", 257, bias=2), 257),
    ],
    ids=["other MACs", "elsewhere", "other bias"],
)
def test_a_charge_without_its_operation_is_unexplained(charge: Charge, unexplained: int) -> None:
    """It is not made to fit: neither by another size, nor in another submodule."""
    module = nn.Sequential(nn.Conv2d(4, 1, 1, bias=False))
    operations = operations_of(module, IMAGE)
    tally = Tally(4, charge.macs, (charge,))
    lines = {
        line.name: line.macs for line in explain(module, operations, tally, {"": "for a test"})
    }
    assert lines == {UNEXPLAINED: unexplained, "convolution in Conv2d": -256}


def test_a_total_that_is_not_the_sum_of_its_charges_is_unexplained() -> None:
    """What a counter adds behind our back stays visible."""
    module = nn.Sequential(nn.Conv2d(4, 1, 1, bias=False))
    charge = Charge("nn.Conv2d", "0", 256)
    (line,) = explain(module, operations_of(module, IMAGE), Tally(4, 300, (charge,)), {})
    assert (line.name, line.macs) == (UNEXPLAINED, 44)


def test_an_operation_charged_twice_is_explained_once() -> None:
    """As ptflops does on the meta device, where PyTorch itself calls what it patches."""
    module = nn.Sequential(nn.Conv2d(4, 1, 1, bias=False))
    charge = Charge("nn.Conv2d", "0", 256)
    (line,) = explain(module, operations_of(module, IMAGE), Tally(4, 512, (charge, charge)), {})
    assert (line.name, line.macs) == (UNEXPLAINED, 256)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten.convolution.default", "convolution"),
        ("aten.addmm.default", "matrix product"),
        ("aten.bmm.default", "matrix product"),
        ("aten._fft_c2r.default", "Fourier transform"),
        ("aten.mul.Tensor", "product of complex numbers"),
        ("aten.brand_new.default", "aten.brand_new.default"),
    ],
)
def test_operators_are_called_as_people_call_them(operator: str, kind: str) -> None:
    """And by their own name where there is no other."""
    assert kind_of(operator) == kind

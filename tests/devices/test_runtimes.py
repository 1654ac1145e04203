"""Runtimes: a contract for each, conversions in private folders, and what they refuse."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch
from devices.emulation import installation
from torch import Tensor, nn

from archsearch.devices.emulator import Emulator, Job
from archsearch.devices.emulator.isas import ISAS
from archsearch.devices.onnx_files import to_onnx
from archsearch.devices.runtimes import RUNTIMES, Refused, find_runtime
from archsearch.devices.runtimes.runtime import Conversion, run_converter
from archsearch.errors import InputError

_PAIRS = [(name, isa) for name, runtime in RUNTIMES.items() for isa in runtime.isas]


class _Net(nn.Module):
    """Convolutions of all kinds, a residual, a gate and a pooled head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + nn.functional.silu(self.norm(self.depthwise(x)))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class _Fourier(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(x) * 0.5, s=x.shape[2:])


def _conversion(module: nn.Module, folder: Path, size: int = 32) -> tuple[Conversion, Tensor]:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 3 * size * size).reshape(1, 3, size, size)
    content, expected = to_onnx(module.eval(), x)
    (folder / "in.onnx").write_bytes(content)
    (folder / "in.f32").write_bytes(x.numpy().tobytes())
    private = folder / "private"
    private.mkdir()
    return Conversion(folder / "in.onnx", private), expected


@pytest.mark.parametrize("name", RUNTIMES)
def test_runtimes_are_pinned_and_have_a_session(name: str) -> None:
    """Versions stand in one place: counts depend on them."""
    runtime = find_runtime(name)
    assert runtime.session.is_file()
    assert set(runtime.isas) <= set(ISAS)
    assert all("==" in wheel for wheel in (*runtime.guest_wheels, *runtime.host_wheels))
    assert any(wheel.endswith(f"=={runtime.version}") for wheel in runtime.guest_wheels)


def test_unknown_runtimes_name_the_nearest() -> None:
    """As everywhere."""
    with pytest.raises(InputError, match="did you mean 'ncnn'"):
        find_runtime("ncn")


@pytest.mark.parametrize(("name", "isa"), _PAIRS)
def test_a_runtime_computes_what_torch_does(name: str, isa: str, tmp_path: Path) -> None:
    """The contract of a session: load, write, run, read, on every instruction set it names."""
    found = installation(isa)
    conversion, expected = _conversion(_Net(), tmp_path)
    (model,) = find_runtime(name).convert([conversion], found.tools(name))
    with Emulator(name, isa, processes=1, installation=found) as emulator:
        counted = emulator.run(Job(model, (1, 3, 32, 32), tmp_path / "in.f32"))
    output = torch.frombuffer(bytearray(counted.output), dtype=torch.float32)
    tolerance = 0.02 if ISAS[isa].half else 1e-5
    assert output.numpy() == pytest.approx(expected.numpy()[0], abs=tolerance)
    macs = 16 * 16 * 8 * (27 + 25) + 80
    lanes = 8 if ISAS[isa].half else 4
    multiplied = sum(
        counted.counts[kind] * share
        for kind, share in (("fma_q", lanes), ("fma_d", lanes / 2), ("fma_s", 1))
    )
    assert multiplied >= 0.6 * macs
    assert math.isfinite(multiplied)


def test_mnn_converts_many_models_in_one_process(tmp_path: Path) -> None:
    """Each in its own folder; the converter's scratch files never meet."""
    found = installation()
    conversions = []
    for index in range(3):
        folder = tmp_path / str(index)
        folder.mkdir()
        conversions.append(_conversion(nn.Conv2d(3, 4 + index, 1), folder)[0])
    models = find_runtime("mnn").convert(conversions, found.tools("mnn"))
    assert len({model.parent for model in models}) == 3
    assert len({model.read_bytes() for model in models}) == 3


def test_mnn_refuses_a_broken_file(tmp_path: Path) -> None:
    """Its converter reports success; the missing file tells."""
    found = installation()
    (tmp_path / "in.onnx").write_bytes(b"nonsense")
    (tmp_path / "private").mkdir()
    conversion = Conversion(tmp_path / "in.onnx", tmp_path / "private")
    with pytest.raises(Refused, match=r"MNN 3\.6\.1 cannot convert this net"):
        find_runtime("mnn").convert([conversion], found.tools("mnn"))


def test_ncnn_refuses_what_its_converter_passes_through(tmp_path: Path) -> None:
    """Pnnx leaves operators that ncnn lacks in the file; the message names them."""
    found = installation()
    conversion, _ = _conversion(_Fourier(), tmp_path, 8)
    with pytest.raises(Refused, match=r"ncnn.*use MNN"):
        find_runtime("ncnn").convert([conversion], found.tools("ncnn"))


def test_a_converter_that_fails_is_quoted(tmp_path: Path) -> None:
    """The last lines that it printed stand in the message."""
    command = [sys.executable, "-c", "print('layer 7 is odd'); raise SystemExit(3)"]
    with pytest.raises(Refused, match="The tool cannot convert this net: layer 7 is odd"):
        run_converter(command, tmp_path, "The tool")

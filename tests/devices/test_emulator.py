"""Guests: many models in few processes, faults of one model, counts that repeat."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from devices.emulation import installation
from torch import nn

from archsearch.devices.emulator import Counted, Emulator, Job
from archsearch.devices.emulator.guest import GuestFailed
from archsearch.devices.onnx_files import to_onnx
from archsearch.devices.profile import INSTRUCTIONS
from archsearch.devices.runtimes import RUNTIMES
from archsearch.devices.runtimes.runtime import Conversion
from archsearch.errors import InputError

_SHAPE = (1, 8, 14, 14)


def _total(counted: Counted) -> float:
    return sum(counted.counts[name] for name in INSTRUCTIONS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A 1x1 convolution of 8 to 16 channels, one of 8 to 32, and a small net."""
    folder = tmp_path_factory.mktemp("models")
    modules = [
        nn.Conv2d(8, 16, 1),
        nn.Conv2d(8, 32, 1),
        nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.GELU(), nn.Conv2d(16, 8, 1)),
    ]
    conversions = []
    for index, module in enumerate(modules):
        onnx, private = folder / f"{index}.onnx", folder / str(index)
        private.mkdir()
        onnx.write_bytes(to_onnx(module, torch.randn(_SHAPE))[0])
        conversions.append(Conversion(onnx, private))
    return RUNTIMES["mnn"].convert(conversions, installation().tools("mnn"))


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    found = installation()
    with Emulator(installation=found, processes=1) as emulator:
        yield emulator


def test_multiply_accumulates_of_a_convolution_are_counted(
    emulator: Emulator, models: list[Path]
) -> None:
    """Closed form: 14 x 14 x 8 x 16 products, four to an instruction, padded to whole tiles."""
    small, large, _ = (counts["fma_q"] for counts in emulator.count_models(models))
    assert 14 * 14 * 8 * 16 / 4 <= small <= 1.1 * 14 * 14 * 8 * 16 / 4
    assert large == pytest.approx(2 * small)


def test_counts_repeat_in_any_order_and_number_of_processes(
    emulator: Emulator, models: list[Path]
) -> None:
    """The same to within what a guest's python needs to call the runtime."""
    first = [_total(counted) for counted in emulator.count([Job(model, ()) for model in models])]
    with Emulator(installation=emulator.installation, processes=2) as other:
        jobs = [Job(model, ()) for model in reversed(models)]
        second = [_total(counted) for counted in other.count(jobs)][::-1]
    assert first == pytest.approx(second, abs=3000)


def test_operators_add_up_to_the_model(emulator: Emulator, models: list[Path]) -> None:
    """Each operator comes with its kind and shape."""
    (counted,) = emulator.count([Job(models[2], (), operators=True)])
    assert sum(one.counts["fma_q"] for one in counted.operators) == counted.counts["fma_q"]
    sums = [sum(one.counts[name] for one in counted.operators) for name in INSTRUCTIONS]
    assert sums == pytest.approx([counted.counts[name] for name in INSTRUCTIONS])
    kinds = [one.kind for one in counted.operators if one.kind != "Raster"]
    assert kinds == ["Convolution", "UnaryOp", "Convolution"]
    assert counted.operators[-1].shape == (1, 8, 14, 14)


def test_a_model_that_cannot_be_loaded_fails_alone(
    emulator: Emulator, models: list[Path], tmp_path: Path
) -> None:
    """The guest serves on, or is replaced; the next model is counted as if nothing was."""
    before = emulator.count_models(models[:1])
    broken = tmp_path / "model.mnn"
    broken.write_bytes(b"no model")
    with pytest.raises(GuestFailed):
        emulator.run(Job(broken, ()))
    assert emulator.count_models(models[:1])[0]["fma_q"] == before[0]["fma_q"]


def test_an_input_of_the_wrong_size_is_told(
    emulator: Emulator, models: list[Path], tmp_path: Path
) -> None:
    """The guest's own error comes back with its words."""
    (tmp_path / "input").write_bytes(bytes(12))
    with pytest.raises(GuestFailed, match="12 bytes do not fill the model's input"):
        emulator.run(Job(models[0], _SHAPE, tmp_path / "input"))


def test_a_guest_that_gives_no_answer_is_ended(models: list[Path]) -> None:
    """Nothing hangs: the time limit kills the process, another one takes its place."""
    with Emulator(installation=installation(), processes=1, timeout_s=0.0) as emulator:
        for _ in range(2):
            with pytest.raises(GuestFailed, match="no answer in 0 s"):
                emulator.run(Job(models[0], ()))


def test_a_runtime_that_has_no_wheels_is_refused() -> None:
    """MNN has none for 32-bit ARM; what there is, is said."""
    with pytest.raises(InputError, match="MNN does not run on armv7; it runs on aarch64-fp32"):
        Emulator("mnn", "armv7", installation=installation())

"""From an architecture to a model that a runtime loads, and the proof that it computes the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from archsearch.architecture import Architecture
from archsearch.devices.onnx_files import to_onnx
from archsearch.devices.runtimes import Refused, find_runtime
from archsearch.devices.runtimes.runtime import Conversion
from archsearch.network import build
from archsearch.seeds import derive

SINGLE_TOLERANCE = 1e-3
HALF_TOLERANCE = 0.1
"""Largest difference from torch, in shares of the range of torch's outputs. Wrong weights or a lost
layer change outputs by about their range; 1e-5 and 0.02 are usual in single and half precision."""


@dataclass(frozen=True)
class Deployed:
    """A converted net, with an input and what torch computes from it.

    Attributes:
        name: of the net, for messages.
        model: the file that the runtime loads.
        shape: of the input, (1, channels, H, W).
        input: file of the input's float32 values.
        expected: torch's output for it.
    """

    name: str
    model: Path
    shape: tuple[int, ...]
    input: Path
    expected: Tensor

    def check(self, output: bytes, *, half: bool = False) -> None:
        """Compare what the runtime computed with what torch does.

        Raises:
            Refused: it differs by more than the tolerance.
        """
        found = torch.frombuffer(bytearray(output), dtype=torch.float32)
        expected = self.expected.flatten()
        if found.shape != expected.shape:
            raise Refused(
                f"{self.name}: the converted model gives {found.numel()} numbers, torch "
                f"{expected.numel()}; use another runtime"
            )
        spread = float(expected.max() - expected.min())
        difference = float((found - expected).abs().max()) / max(spread, 1e-12)
        tolerance = HALF_TOLERANCE if half else SINGLE_TOLERANCE
        if not difference <= tolerance:
            raise Refused(
                f"{self.name}: the converted model computes something else than torch: they differ "
                f"by {difference:.2g} of the outputs' range, {tolerance:g} is allowed; use another "
                "runtime"
            )


def deploy(
    architecture: Architecture, runtime: str, folder: Path, tools: Path, classes: int = 1000
) -> Deployed:
    """Build, export and convert a net, its weights drawn from a fixed seed.

    Args:
        architecture: the net.
        runtime: name of the runtime.
        folder: an empty folder, private to this net.
        tools: folder of the runtime's converter.
        classes: number of outputs.

    Raises:
        InputError: a layer cannot stand where it is, or onnx is not installed.
        Refused: the runtime's converter does not take the net.
    """
    name = architecture.name or architecture.id
    module = build(architecture, classes, seed=0).eval()
    _disturb(module)
    generator = torch.Generator().manual_seed(derive(0, "deploy", "input"))
    shape = (1, 3, *architecture.size)
    x = torch.randn(shape, generator=generator)
    content, expected = to_onnx(module, x)
    onnx, given = folder / "exported.onnx", folder / "input.f32"
    onnx.write_bytes(content)
    given.write_bytes(x.numpy().tobytes())
    private = folder / "converted"
    private.mkdir()
    try:
        (model,) = find_runtime(runtime).convert([Conversion(onnx, private)], tools)
    except Refused as refused:
        raise Refused(f"{name}: {refused}") from refused
    return Deployed(name, model, shape, given, expected)


def _disturb(module: nn.Module) -> None:
    """Move scales, biases and statistics off their first values.

    A fresh net's biases are 0 and its layer scales 1e-6: a converter could lose what they belong to
    and no output would show it.
    """
    generator = torch.Generator().manual_seed(derive(0, "deploy", "weights"))
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.add_(torch.rand(tensor.shape, generator=generator), alpha=0.3)

"""MNN: one image at a time, at the net's resolution."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from archsearch.devices.emulator.installation import Installation
from archsearch.devices.onnx_files import to_onnx
from archsearch.devices.runtimes import find_runtime
from archsearch.devices.runtimes.runtime import Conversion, run_converter
from archsearch.exports.nets.format import Format
from archsearch.exports.weights import Weighed


def write(net: Weighed, images: Tensor, path: Path) -> None:
    """Convert by MNN's own converter.

    Raises:
        InputError: onnx or the converter is not installed, or it does not take the net.
    """
    tools = Installation.read().tools("mnn")
    content, _ = to_onnx(net.module, images[:1])
    with tempfile.TemporaryDirectory(prefix="archsearch-mnn.") as place:
        onnx, private = Path(place, "exported.onnx"), Path(place, "converted")
        onnx.write_bytes(content)
        private.mkdir()
        (model,) = find_runtime("mnn").convert([Conversion(onnx, private)], tools)
        path.write_bytes(model.read_bytes())


def run(path: Path, images: Tensor) -> Tensor:
    """Run the file by MNN in a process of its own: its library comes from the converter's folder.

    Raises:
        InputError: MNN is not installed, or does not run the file.
    """
    tools, session = Installation.read().tools("mnn"), find_runtime("mnn").session
    with tempfile.TemporaryDirectory(prefix="archsearch-mnn.") as place:
        given, found = Path(place, "given.f32"), Path(place, "found.f32")
        given.write_bytes(images.contiguous().numpy().tobytes())
        script = str(Path(__file__).with_name("session_run.py"))
        command = [sys.executable, "-S", "-s", script, str(tools), str(session)]
        shape = [str(size) for size in images.shape]
        command += [str(path.resolve()), str(given), str(found), *shape]
        run_converter(command, Path(place), find_runtime("mnn").title)
        logits = torch.frombuffer(bytearray(found.read_bytes()), dtype=torch.float32)
    return logits.reshape(len(images), -1)


MNN = Format("mnn", write, run, "MNN, one image at a time; checked with MNN on this machine")

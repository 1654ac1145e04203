"""ONNX: one image at a time, at the net's resolution."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import Tensor

from archsearch.devices.onnx_files import to_onnx
from archsearch.errors import InputError
from archsearch.exports.nets.format import Format
from archsearch.exports.weights import Weighed

INPUT, OUTPUT = "images", "logits"


def write(net: Weighed, images: Tensor, path: Path) -> None:
    """Write ``images`` (1, C, H, W) to ``logits`` (1, classes).

    Raises:
        InputError: onnx is not installed.
    """
    content, _ = to_onnx(net.module, images[:1])
    path.write_bytes(_named(content, net))


def run(path: Path, images: Tensor) -> Tensor:
    """Run the file by ONNX Runtime, image by image.

    Raises:
        InputError: onnxruntime is not installed.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            "onnxruntime is not installed, an ONNX file cannot be checked; "
            "run 'pip install archsearch[export]'"
        ) from error
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    found = [session.run([OUTPUT], {INPUT: image[None].numpy()})[0] for image in images]
    return torch.cat([torch.from_numpy(logits) for logits in found])


def _named(content: bytes, net: Weighed) -> bytes:
    """Call input and output what they are, and say whose file it is."""
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    new = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = new.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    graph.name = net.name
    notes = {"net": net.name, "id": net.architecture.id, "weights": net.source}
    onnx.helper.set_model_props(model, notes)
    onnx.checker.check_model(model)
    written: bytes = model.SerializeToString()
    return written


ONNX = Format("onnx", write, run, "ONNX, one image at a time; checked with ONNX Runtime")

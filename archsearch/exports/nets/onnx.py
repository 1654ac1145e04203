"""ONNX: at the net's resolution, for one image, a fixed number of them, or any."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archsearch.devices.onnx_files import to_onnx
from archsearch.errors import InputError
from archsearch.exports.nets.any_batch import any_batch
from archsearch.exports.nets.format import Format
from archsearch.exports.weights import Weighed

INPUT, OUTPUT = "images", "logits"

ANY = 0
"""Instead of a number of images: as many as there are."""


def onnx_format(batch: int) -> Format:
    """The format for ``batch`` images at once, or for ``ANY`` number of them."""
    many = {ANY: "any number of images", 1: "one image at a time"}.get(batch, f"{batch} images")
    meaning = f"ONNX, {many}; checked with ONNX Runtime"
    return Format("onnx", partial(write, batch), partial(run, batch), meaning)


def write(batch: int, net: Weighed, images: Tensor, path: Path) -> None:
    """Write ``images`` (batch, C, H, W) to ``logits`` (batch, classes).

    Raises:
        InputError: onnx is not installed, or the net does not take any number of images.
    """
    one = images[:1]
    if batch != ANY:
        content, _ = to_onnx(net.module, one.repeat(batch, 1, 1, 1))
    else:
        two, three = (to_onnx(net.module, one.repeat(n, 1, 1, 1))[0] for n in (2, 3))
        try:
            content = any_batch(two, three)
        except LookupError as where:
            raise InputError(
                f"{net.name}: holds the number of images in {where}, so it cannot take any number; "
                "fix it by --batch N, or use --to torchscript"
            ) from None
    path.write_bytes(_named(content, net))


def run(batch: int, path: Path, images: Tensor) -> Tensor:
    """Run the file by ONNX Runtime; where any number will do, on one image and on several at once.

    Raises:
        InputError: onnxruntime is not installed.
    """
    session = _session(path)

    def logits(of: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: of.numpy()})[0])

    if batch == ANY:
        several = logits(torch.cat([images[:1], images]))[1:]
        return torch.cat([logits(images[:1]), several[1:]]) if len(images) > 1 else several
    missing = -len(images) % batch
    filled = torch.cat([images, images[-1:].repeat(missing, 1, 1, 1)])
    parts = [filled[start : start + batch] for start in range(0, len(filled), batch)]
    return torch.cat([logits(part) for part in parts])[: len(images)]


def _session(path: Path) -> Any:
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            "onnxruntime is not installed, an ONNX file cannot be checked; "
            "run 'pip install archsearch[export]'"
        ) from error
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    return runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


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


ONNX = onnx_format(1)

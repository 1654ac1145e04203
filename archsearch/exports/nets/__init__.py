"""A net as a file for other people's tools: one format a file, and one line here.

A file is run and compared with torch on real images before it gets its name: what does not compute
the same is not left behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from archsearch.errors import InputError
from archsearch.exports.nets.agreement import Agreement, agreement
from archsearch.exports.nets.format import Format
from archsearch.exports.nets.mnn import MNN
from archsearch.exports.nets.onnx import ANY, ONNX, onnx_format
from archsearch.exports.nets.python import PYTHON
from archsearch.exports.nets.safetensors import SAFETENSORS
from archsearch.exports.nets.torchscript import TORCHSCRIPT
from archsearch.exports.weights import Weighed

__all__ = ["ANY", "NET_FORMATS", "Exported", "export_net"]

NET_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "onnx": ONNX,
        "mnn": MNN,
        "torchscript": TORCHSCRIPT,
        "python": PYTHON,
        "safetensors": SAFETENSORS,
    }
)


class Exported(NamedTuple):
    """Files that were written, the net's first, and how far they are from torch."""

    files: tuple[Path, ...]
    agreement: Agreement


def export_net(
    net: Weighed, name: str, images: Tensor, target: Path, batch: int | None = None
) -> Exported:
    """Write a net in the format ``name``, checked on ``images`` (B, C, H, W).

    Args:
        net: the net.
        name: of the format.
        images: on which the file is compared with torch.
        target: the file.
        batch: images at once, ``ANY`` for any number; None for what the format usually takes.

    Raises:
        InputError: what the format needs is not installed, it does not take the net or the number
            of images, or its file computes something else than torch. Then nothing is written.
    """
    form = _form(name, batch)
    with torch.no_grad():
        expected = net.module(images)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}.") as place:
        file = Path(place, target.name)
        form.write(net, images, file)
        found = agreement(expected, form.run(file, images), f"{net.name} as {name}")
        made = [file, *(other for other in sorted(Path(place).iterdir()) if other != file)]
        # The net's own file last: where it is, the others are.
        for other in reversed(made):
            other.replace(target.parent / other.name)
    return Exported(tuple(target.parent / other.name for other in made), found)


def _form(name: str, batch: int | None) -> Format:
    if batch is None:
        return NET_FORMATS[name]
    if name != "onnx":
        usual = "one image at a time" if name == "mnn" else "any number of images"
        raise InputError(f"--batch is for --to onnx; a file of {name} takes {usual}, leave it out")
    return onnx_format(batch)

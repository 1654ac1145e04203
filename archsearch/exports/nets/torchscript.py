"""TorchScript: at the net's resolution, any number of images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archsearch.exports.nets.format import Format
from archsearch.exports.weights import Weighed

_jit: Any = torch.jit  # its functions have no types


def write(net: Weighed, images: Tensor, path: Path) -> None:
    """Write what the net did on one image."""
    with warnings.catch_warnings(), torch.no_grad():
        # That TorchScript gets no new features, and that sizes are taken as fixed, as they are.
        warnings.simplefilter("ignore")
        traced = _jit.trace(net.module, images[:1], check_trace=False)
        _jit.save(traced, path)


def run(path: Path, images: Tensor) -> Tensor:
    """Run the file on all images at once, while it was written from one."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logits: Tensor = _jit.load(path)(images)
    return logits


TORCHSCRIPT = Format("pt", write, run, "TorchScript, any number of images")

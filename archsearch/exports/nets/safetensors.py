"""Safetensors: the weights under our names, and the net that they belong to in the notes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from archsearch.checkpoints import read_safetensors, save_safetensors
from archsearch.documents import Document
from archsearch.exports.nets.format import Format
from archsearch.exports.weights import Weighed
from archsearch.network import build
from archsearch.space import architecture_of


def write(net: Weighed, images: Tensor, path: Path) -> None:
    """Write the weights."""
    del images
    notes = {"net": net.name, "id": net.architecture.id, "classes": str(net.classes)}
    notes |= {"weights": net.source, "architecture": json.dumps(net.architecture.to_data())}
    save_safetensors(net.module.state_dict(), path, notes)


def run(path: Path, images: Tensor) -> Tensor:
    """Build the net from the notes alone, with other weights at first, and fill it."""
    with safe_open(path, framework="pt") as file:
        notes = file.metadata()
    architecture = architecture_of(Document(str(path), json.loads(notes["architecture"])))
    module = build(architecture, int(notes["classes"]), seed=1)
    module.load_state_dict(read_safetensors(path))
    with torch.no_grad():
        logits: Tensor = module.eval()(images)
    return logits


SAFETENSORS = Format("safetensors", write, run, "weights, and the net in the file's notes")

"""Python: one readable file of plain PyTorch, with its weights beside it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from archsearch.checkpoints import save_safetensors
from archsearch.errors import InputError
from archsearch.exports.nets.format import Format
from archsearch.exports.plain import plain_source
from archsearch.exports.weights import Weighed

_TIMEOUT_S = 600


def write(net: Weighed, images: Tensor, path: Path) -> None:
    """Write ``NAME.py``, and ``NAME.safetensors`` for its ``load``."""
    del images
    weights = path.with_suffix(".safetensors")
    said = [
        f"{net.name} in plain PyTorch, written by archsearch (net {net.architecture.id}).",
        "",
        f'    net = load("{weights.name}")',
        "",
        f"Weights: {net.source}. Images are normalised as in training; other sizes than the one",
        "below work where every layer takes them.",
    ]
    path.write_text(plain_source(net.architecture, net.classes, said), encoding="utf-8")
    save_safetensors(net.module.state_dict(), weights, {"net": net.name})


def run(path: Path, images: Tensor) -> Tensor:
    """Run the file in a process of its own, from which this package cannot be imported.

    Raises:
        InputError: it fails; with the last lines that it said.
    """
    with tempfile.TemporaryDirectory(prefix="archsearch-python.") as place:
        given, found = Path(place, "given.safetensors"), Path(place, "found.safetensors")
        save_file({"images": images.contiguous()}, given)
        script = str(Path(__file__).with_name("plain_run.py"))
        done = subprocess.run(  # noqa: S603 (files made by us)
            [sys.executable, "-I", "-B", script, str(path.resolve()), str(given), str(found)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            last = " | ".join(done.stderr.strip().splitlines()[-3:])
            raise InputError(f"{path.name}: does not run without archsearch: {last}")
        return load_file(found)["logits"]


PYTHON = Format("py", write, run, "one file of plain PyTorch, weights beside it")

"""Where and in which number format a training runs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from archsearch.errors import InputError

Precision = Literal["float32", "bf16", "auto"]


def forward_context(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """What to run a forward pass in.

    ``auto`` is bf16 on a GPU that computes in it. On CPUs it is float32: with small maps the
    casts cost more than the products save, even where there are bf16 instructions (docs/training).
    """
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if fast else "float32"
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def torch_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device to train on; ``auto`` is a GPU where there is one.

    Raises:
        InputError: ``cuda`` is asked for where PyTorch finds none.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise InputError(
            "device cuda: PyTorch finds no CUDA GPU here; use cpu or auto, or install a build of "
            "torch for CUDA"
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")

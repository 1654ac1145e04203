"""Safetensors files: names, types, shapes and bare numbers, and no place for code.

Read and written by the format's own library; only its errors are put into our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from archsearch.errors import InputError


def save_safetensors(
    tensors: Mapping[str, Tensor], path: Path, notes: Mapping[str, str] | None = None
) -> None:
    """Write tensors, and notes about them, as a safetensors file.

    A tensor that stands under several names (CMT's table) is written once for each.
    """
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    path.write_bytes(save(own, metadata=dict(notes) if notes else None))


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file.

    Raises:
        InputError: the file is damaged or of another format.
    """
    try:
        return load(path.read_bytes())
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{path}: no whole safetensors file ({error}); get it again") from None

"""Safetensors files: a JSON table of names, types, shapes and places, then the bare numbers.

The format (huggingface.co/docs/safetensors) cannot hold code: 8 bytes with the length of the table
(little-endian), the table, and the tensors one after the other, each in C order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archsearch.errors import InputError

_MOST_TABLE_BYTES = 100_000_000  # the limit of the reference implementation
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


def save_safetensors(
    tensors: Mapping[str, Tensor], path: Path, notes: Mapping[str, str] | None = None
) -> None:
    """Write tensors, and notes about them, as a safetensors file.

    Raises:
        InputError: a tensor's type is none that the format has.
    """
    table: dict[str, Any] = {"__metadata__": dict(notes)} if notes else {}
    parts: list[bytes] = []
    end = 0
    # Wide types first, as the reference does: every tensor is then aligned to its own type.
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        if tensor.dtype not in _NAMES:
            raise InputError(f"{name}: {tensor.dtype} has no place in safetensors; convert it")
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        begin, end = end, end + len(data)
        table[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        parts.append(data)
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(b"".join([len(header).to_bytes(8, "little"), header, *parts]))


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file.

    Raises:
        InputError: the file is damaged or of another format.
    """
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, _MOST_TABLE_BYTES):
        raise InputError(f"{path}: no safetensors file, or cut short; get it again")
    try:
        table = json.loads(content[8 : 8 + size])
        data = memoryview(content)[8 + size :]
        return {name: _tensor(e, data) for name, e in table.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: damaged safetensors file ({error}); get it again") from None


def _tensor(entry: Mapping[str, Any], data: memoryview) -> Tensor:
    """One tensor; its place must lie in the file and be as long as its shape says."""
    dtype, shape, (begin, end) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError(f"{shape} is no shape")
    if not 0 <= begin <= end <= len(data) or end - begin != prod(shape) * dtype.itemsize:
        raise ValueError(f"bytes {begin} to {end} do not hold a tensor of shape {shape}")
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data[begin:end]), dtype=dtype).reshape(shape)

"""Checkpoint files, read without running anything that is in them."""

from __future__ import annotations

import argparse
import pickle
import re
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor

from archsearch.checkpoints.safetensors import read_safetensors
from archsearch.errors import InputError

_WRAPPERS = ("model", "state_dict", "model_ema")
_PREFIX = "module."  # of every key, where a net was saved inside (Distributed)DataParallel


def read_checkpoint(path: Path, part: str | None = None) -> dict[str, Tensor]:
    """Read the state dict in a checkpoint file (PyTorch's or safetensors), by name.

    What training scripts put around it is taken off: the first of ``model``, ``state_dict`` and
    ``model_ema`` that the file has (or ``part``), and the prefix ``module.``. Only tensors and
    plain data are read, so that a file cannot run code (``weights_only=True``).

    Raises:
        InputError: there is no such file; it is damaged; it holds code; it holds no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of a checkpoint")
    data = read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    weights = _unwrapped(path, data, part)
    return {name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()}


def _read_torch(path: Path) -> Any:
    # Scripts leave their command-line arguments in the file; a Namespace is a bag of values.
    # PyTorch's warnings are about how the file was made, which its reader cannot change.
    with torch.serialization.safe_globals([argparse.Namespace]), catch_warnings():
        simplefilter("ignore")
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise InputError(f"{path}: {_refusal(str(error))}") from None
        except (RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError):
            raise InputError(
                f"{path}: no checkpoint that PyTorch can read, or cut short; get it again"
            ) from None


def _refusal(reason: str) -> str:
    name = re.search(r"GLOBAL (\S+)", reason)
    if not name:
        return "no checkpoint that PyTorch can read safely; give a state dict saved by torch.save"
    return (
        f"holds more than weights ({name[1]}), so that loading it could run code; it is not "
        "loaded. Give a file with the state dict alone"
    )


def _unwrapped(path: Path, data: Any, part: str | None) -> dict[str, Tensor]:
    if part is not None:
        if not isinstance(data, dict) or part not in data:
            raise InputError(f"{path}: has no part {part!r}; {_contents(data)}")
        data = data[part]
    while isinstance(data, dict) and (inner := _wrapper(data)):
        data = data[inner]
    if not isinstance(data, dict) or not data or not all(map(_is_weight, data.items())):
        raise InputError(
            f"{path}: holds no state dict, alone or as {', '.join(_WRAPPERS)}; {_contents(data)}"
        )
    return data


def _wrapper(data: dict[Any, Any]) -> str | None:
    return next((key for key in _WRAPPERS if isinstance(data.get(key), dict)), None)


def _is_weight(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)


def _contents(data: Any) -> str:
    if not isinstance(data, dict):
        return "it is no mapping"
    return f"it has {', '.join(map(str, data)) or 'nothing'}"

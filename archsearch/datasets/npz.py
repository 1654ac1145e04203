"""npz: one's own arrays in NumPy's zipped format."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.datasets.images import Labelled, Pool, SourceOptions
from archsearch.errors import InputError


def npz(options: SourceOptions) -> Pool:
    """Arrays ``train_x`` (N, H, W, C) uint8, C 1 or 3, and ``train_y`` (N,) integers from 0.

    Optional: ``val_x`` and ``val_y``, the source's own validation part, and ``classes``, an array
    of text. Nothing in the file is unpickled.

    Raises:
        InputError: the file is missing or broken, or a key is missing, of the wrong type or shape.
    """
    options.refuse("npz", "download", "size")
    if options.path is None:
        raise InputError("dataset npz needs 'path', an .npz file with train_x and train_y")
    arrays = _arrays(options.path)
    train = _part(arrays, "train", options.path)
    own = {"val_x", "val_y"} & arrays.keys()
    validation = _part(arrays, "val", options.path) if own else None
    labels = train.y if validation is None else np.concatenate([train.y, validation.y])
    return Pool(train, _classes(arrays, int(labels.max(initial=0)) + 1, options.path), validation)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check 'path'") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise InputError(
            f"{path}: is no .npz file of plain arrays ({error}); write it with numpy.savez"
        ) from error


def _part(arrays: dict[str, NDArray[Any]], part: str, path: Path) -> Labelled:
    x, y = (_array(arrays, f"{part}_{axis}", path) for axis in "xy")
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[3] not in (1, 3):
        raise _wrong(path, f"{part}_x", "uint8 of shape (N, H, W, 1 or 3)", x)
    if not np.issubdtype(y.dtype, np.integer) or y.shape != x.shape[:1]:
        raise _wrong(path, f"{part}_y", f"integers of shape {x.shape[:1]}", y)
    return Labelled(x, y.astype(np.int64))


def _array(arrays: dict[str, NDArray[Any]], key: str, path: Path) -> NDArray[Any]:
    if key not in arrays:
        raise InputError(f"{path}: key {key!r} is missing; found {sorted(arrays)}")
    return arrays[key]


def _classes(arrays: dict[str, NDArray[Any]], least: int, path: Path) -> tuple[str, ...]:
    names = arrays.get("classes")
    if names is None:
        return tuple(str(label) for label in range(least))
    if names.dtype.kind != "U" or names.ndim != 1 or len(names) < least:
        raise _wrong(path, "classes", f"text of shape (at least {least},)", names)
    return tuple(str(name) for name in names)


def _wrong(path: Path, key: str, must: str, found: NDArray[Any]) -> InputError:
    return InputError(f"{path}: key {key!r} must be {must}, found {found.dtype} {found.shape}")

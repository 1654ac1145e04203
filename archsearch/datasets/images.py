"""Labelled images: what a source is asked for, what it gives, and what a study trains on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from archsearch.errors import InputError

UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


class Labelled(NamedTuple):
    """Images ``x`` (N, H, W, C) uint8 with C 1 or 3, and labels ``y`` (N,) from 0."""

    x: UInt8Array
    y: Int64Array


@dataclass(frozen=True, eq=False)
class Pool:
    """What a source gives: its training part, and its own validation part where it has one."""

    train: Labelled
    classes: tuple[str, ...]
    validation: Labelled | None = None


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a study, always with three channels (grey ones are repeated).

    ``train_x`` and ``validation_x`` are (N, H, W, 3) uint8, the labels (N,) int64. The first n
    images of either part hold every class equally often, to within one, as long as the classes
    last. ``fingerprint`` is the start of the SHA-256 of the arrays and the class names: two runs
    with the same fingerprint trained on the same images in the same order.
    """

    train_x: UInt8Array
    train_y: Int64Array
    validation_x: UInt8Array
    validation_y: Int64Array
    classes: tuple[str, ...]
    name: str
    fingerprint: str


class SourceOptions(BaseModel):
    """Where a source finds its files.

    Attributes:
        path: folder or file of the images; None for the cache folder, or for what a package ships.
        download: fetch missing files from the source's publisher.
        size: side in pixels to which ``folder`` resizes its images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: Annotated[Path, Field(strict=False)] | None = None  # a study file holds text
    download: bool = False
    size: Annotated[int, Field(ge=8, le=1024)] | None = None

    @field_validator("path")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path else None

    def refuse(self, source: str, *names: str) -> None:
        """Raise if an option is set that ``source`` has no use for.

        Raises:
            InputError: the option, and what to do.
        """
        for name in names:
            if getattr(self, name):
                raise InputError(f"dataset {source} takes no {name!r}; remove it")


def fingerprint(parts: tuple[Labelled, ...], classes: tuple[str, ...]) -> str:
    """First 16 hex digits of the SHA-256 of all arrays (shape, type, bytes) and class names."""
    digest = hashlib.sha256(repr(classes).encode())
    for array in (array for part in parts for array in part):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def check(part: Labelled, classes: tuple[str, ...], where: str) -> None:
    """Raise unless ``part`` is well formed.

    Raises:
        InputError: shape, type or labels do not hold; says what was found in ``where``.
    """
    x, y = part
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[3] not in (1, 3) or 0 in x.shape:
        raise InputError(
            f"{where}: images must be uint8 of shape (N, H, W, 1 or 3), none of them 0, "
            f"got {x.dtype} {x.shape}"
        )
    if y.shape != (len(x),):
        raise InputError(f"{where}: {len(x)} images need {len(x)} labels, got shape {y.shape}")
    if y.min() < 0 or y.max() >= len(classes):
        raise InputError(
            f"{where}: with {len(classes)} classes labels must be 0 to {len(classes) - 1}, "
            f"got {y.min()} to {y.max()}"
        )

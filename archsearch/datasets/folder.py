"""folder: one's own images, one sub-folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from archsearch.datasets.images import Labelled, Pool, SourceOptions, UInt8Array
from archsearch.errors import InputError


def folder(options: SourceOptions) -> Pool:
    """Every image that Pillow reads in the sub-folders of ``path``, in colour, ``size`` x ``size``.

    Classes are the sub-folders in alphabetical order. An image is turned as its EXIF data says,
    cropped to the square in its middle, and resized (bilinear, antialiased). Names that start with
    a dot are passed over.

    Raises:
        InputError: ``path`` or ``size`` is missing, there are no classes, or a file is no image.
    """
    options.refuse("folder", "download")
    if options.path is None or options.size is None:
        raise InputError("dataset folder needs 'path' (one sub-folder a class) and 'size' (pixels)")
    classes = [entry for entry in _visible(options.path) if entry.is_dir()]
    if len(classes) < 2:
        raise InputError(
            f"{options.path}: has {len(classes)} sub-folders; make one for each class, 2 at least"
        )
    files = [(label, file) for label, name in enumerate(classes) for file in _visible(name)]
    if not files:
        raise InputError(f"{options.path}: its sub-folders hold no image")
    x = np.stack([_read(file, options.size) for _, file in files])
    y = np.array([label for label, _ in files], dtype=np.int64)
    return Pool(Labelled(x, y), tuple(entry.name for entry in classes))


def _visible(parent: Path) -> list[Path]:
    if not parent.is_dir():
        raise InputError(f"{parent}: no such folder; check 'path'")
    return sorted(entry for entry in parent.iterdir() if not entry.name.startswith("."))


def _read(file: Path, size: int) -> UInt8Array:
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{file}: cannot be read as an image ({error}); remove it or convert it"
        ) from error
    fitted = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(fitted, dtype=np.uint8)

"""Tiny files in the formats of the sources, written for tests."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from archsearch.datasets.cifar_binary import CifarLayout
from archsearch.datasets.images import Labelled


def noise_images(count: int, classes: int, side: int, channels: int, seed: int = 0) -> Labelled:
    """Random images, all different, with the classes in turn."""
    x = np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8)
    return Labelled(x, np.arange(count) % classes)


def write_cifar(folder: Path, layout: CifarLayout, each: int, classes: int) -> Labelled:
    """Write ``each`` records to every batch file, as the publisher does; return them all."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = noise_images(each * len(layout.batches), classes, 32, 3)
    for batch, start in zip(layout.batches, range(0, len(whole.y), each), strict=True):
        x, y = whole.x[start : start + each], whole.y[start : start + each]
        labels = np.repeat(y.astype(np.uint8)[:, None], layout.label_bytes, axis=1)
        labels[:, :-1] = 255  # a coarse label that must not be read
        planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        np.hstack([labels, planes]).tofile(folder / batch)
    (folder / layout.names).write_text("\n".join(f"name{i}" for i in range(classes)) + "\n\n")
    return whole


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write unsigned bytes as an IDX file, gzipped if the name says so."""
    header = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape)
    raw = header + values.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def write_folder(root: Path, images: Labelled) -> None:
    """Write one sub-folder a class, with PNG files."""
    for number, (x, label) in enumerate(zip(images.x, images.y, strict=True)):
        folder = root / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x.squeeze()).save(folder / f"{number}.png")

"""Convert a packed CIFAR-10 (JPEG bytes back to back, one .npz) into what the npz source reads.

    .venv/bin/python benchmarks/data/cifar10_from_shared.py cifar10_jpeg.npz cifar10.npz

The source holds ``S_data`` (all encoded images), ``S_off`` (n + 1 offsets), ``S_y`` and
``classes``. Only its training part is read: a search never sees test images.
"""

from __future__ import annotations

import argparse
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image


def convert(source: Path, target: Path) -> int:
    """Write ``target`` with train_x, train_y and classes; return the number of images."""
    with np.load(source, allow_pickle=False) as packed:
        data, offsets = packed["train_data"], packed["train_off"]
        labels, classes = packed["train_y"].astype(np.int64), packed["classes"]
    images = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(data[start:end].tobytes())).convert("RGB"))
            for start, end in pairwise(offsets)
        ]
    )
    np.savez(target, train_x=images, train_y=labels, classes=classes.astype(str))
    return len(images)


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    count = convert(given.source, given.target)
    print(f"{given.target}: {count} images")


if __name__ == "__main__":
    main()

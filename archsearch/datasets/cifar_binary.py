"""The binary version of CIFAR-10 and CIFAR-100: fixed-length records, nothing to unpickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch.datasets.download import Remote, cache_folder, obtain, unpack
from archsearch.datasets.images import Labelled, Pool, SourceOptions
from archsearch.errors import InputError

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class CifarLayout:
    """Where one CIFAR has what: its archive, the folder inside it, and its records.

    A record is ``label_bytes`` labels (the finest last) and 3 x 32 x 32 pixels, colour by colour
    (https://www.cs.toronto.edu/~kriz/cifar.html).
    """

    remote: Remote
    folder: str
    batches: tuple[str, ...]
    names: str
    label_bytes: int

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read; the test batch is not one of them."""
        return (*self.batches, self.names)


def read(layout: CifarLayout, options: SourceOptions) -> Pool:
    """Read the training batches, unpacked from the archive (or downloaded) where they are not yet.

    Raises:
        InputError: the files are missing, cut short or hold labels without a name.
    """
    folder = _find(layout, options)
    parts = [_records(folder / batch, layout.label_bytes) for batch in layout.batches]
    names = tuple((folder / layout.names).read_text(encoding="utf-8").split())
    train = Labelled(
        np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])
    )
    return Pool(train, names)


def _find(layout: CifarLayout, options: SourceOptions) -> Path:
    root = options.path or cache_folder()
    for folder in (root, root / layout.folder):
        if _holds(folder, layout.files):
            return folder
    archive = obtain(layout.remote, root, download=options.download)
    members = [f"{layout.folder}/{name}" for name in layout.files]
    return unpack(archive, root / layout.folder, members)


def _holds(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).is_file() for name in names)


def _records(path: Path, label_bytes: int) -> Labelled:
    raw = np.fromfile(path, dtype=np.uint8)
    length = label_bytes + _PIXELS
    if raw.size == 0 or raw.size % length:
        raise InputError(
            f"{path}: {raw.size} bytes are not a number of records of {length} bytes; the file is "
            "cut short or another version (the binary one is needed); fetch it again"
        )
    records = raw.reshape(-1, length)
    pixels = records[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Labelled(pixels, records[:, label_bytes - 1].astype(np.int64))

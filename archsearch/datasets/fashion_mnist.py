"""fashion_mnist: 60,000 grey pictures of clothes of 28x28 pixels in 10 classes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from archsearch.datasets.download import Remote, cache_folder, obtain
from archsearch.datasets.images import Labelled, Pool, SourceOptions, UInt8Array
from archsearch.errors import InputError

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""

_PUBLISHER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
IMAGES = Remote(
    _PUBLISHER + "train-images-idx3-ubyte.gz",
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
)
LABELS = Remote(
    _PUBLISHER + "train-labels-idx1-ubyte.gz",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
)


def fashion_mnist(options: SourceOptions) -> Pool:
    """The training part of Fashion-MNIST (Xiao et al. 2017), 6,000 images a class.

    ``path`` is a folder with the two IDX files, gzipped or plain. Without it they are looked for
    in the cache folder and where Debian's package puts them.

    Raises:
        InputError: the files are missing or broken; says how to get them.
    """
    options.refuse("fashion_mnist", "size")
    images = read_idx(_find(IMAGES, options), 3)
    labels = read_idx(_find(LABELS, options), 1)
    return Pool(Labelled(images[..., None], labels.astype(np.int64)), CLASSES)


def _find(remote: Remote, options: SourceOptions) -> Path:
    cache = options.path or cache_folder() / "fashion_mnist"
    for folder in (cache, DEBIAN) if options.path is None else (cache,):
        for name in (remote.file_name, remote.file_name.removesuffix(".gz")):
            if (folder / name).is_file():
                return folder / name
    return obtain(remote, cache, download=options.download)


def read_idx(path: Path, dimensions: int) -> UInt8Array:
    """Read an IDX file of unsigned bytes, gzipped or plain (http://yann.lecun.com/exdb/mnist/).

    The header is two zero bytes, 8 for unsigned bytes, the number of dimensions, and each
    dimension as a big-endian 32-bit integer.

    Raises:
        InputError: the header or the length does not hold.
    """
    raw = path.read_bytes()
    try:
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: broken gzip file ({error}); fetch it again") from error
    start = 4 + 4 * dimensions
    if raw[:4] != bytes((0, 0, 8, dimensions)) or len(raw) < start:
        raise InputError(
            f"{path}: is no IDX file of bytes with {dimensions} dimensions: it starts with "
            f"{raw[:4].hex()}, must start with {bytes((0, 0, 8, dimensions)).hex()}"
        )
    shape = struct.unpack(f">{dimensions}I", raw[4:start])
    values = np.frombuffer(raw, dtype=np.uint8, offset=start)
    if values.size != np.prod(shape, dtype=np.int64):
        raise InputError(
            f"{path}: the header promises {shape}, the file holds {values.size} bytes; it is cut "
            "short, fetch it again"
        )
    return values.reshape(shape)

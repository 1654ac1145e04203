"""Class-balanced, seeded and nested selections of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archsearch.datasets.images import Int64Array
from archsearch.errors import InputError
from archsearch.seeds import derive

Queues = list[Int64Array]
"""For each class, the indices of its images in the order in which they are handed out."""


def shuffled_classes(labels: Int64Array, classes: int, seed: int) -> Queues:
    """Indices of each class in a seeded order that does not depend on the other classes."""
    return [
        np.random.default_rng(derive(seed, "split", label)).permutation(
            np.flatnonzero(labels == label)
        )
        for label in range(classes)
    ]


def even_counts(total: int, queues: Queues, classes: Sequence[str], where: str) -> list[int]:
    """Share ``total`` images among the classes evenly, to within one.

    Raises:
        InputError: a class has too few images, or ``total`` leaves a class out.
    """
    share, extra = divmod(total, len(queues))
    counts = [share + (label < extra) for label in range(len(queues))]
    if share == 0:
        raise InputError(
            f"{where}: {total} images leave a class out; ask for at least {len(queues)}"
        )
    for label, (count, queue) in enumerate(zip(counts, queues, strict=True)):
        if count > len(queue):
            most = min(len(q) for q in queues) * len(queues)
            raise InputError(
                f"{where}: {total} images need {count} of class {classes[label]!r}, which has "
                f"{len(queue)}; ask for at most {most}"
            )
    return counts


def fifths(queues: Queues, classes: Sequence[str], where: str) -> list[int]:
    """One fifth of each class, rounded down, but at least one image.

    Raises:
        InputError: a class has a single image, so that nothing would be left to train on.
    """
    for label, queue in enumerate(queues):
        if len(queue) < 2:
            raise InputError(
                f"{where}: class {classes[label]!r} has {len(queue)} images; give it at least "
                "2, one to train on and one to validate on"
            )
    return [max(1, len(queue) // 5) for queue in queues]


def deal(queues: Queues, counts: Sequence[int]) -> tuple[Int64Array, Queues]:
    """Take ``counts`` images from the front of the queues; return them and what is left.

    The images come class by class in turn, so that every beginning of them is balanced too.
    """
    taken = [queue[:count] for queue, count in zip(queues, counts, strict=True)]
    turn = np.concatenate([np.arange(len(indices)) for indices in taken])
    label = np.concatenate([np.full(len(indices), c) for c, indices in enumerate(taken)])
    dealt = np.concatenate(taken)[np.lexsort((label, turn))]
    return dealt, [queue[count:] for queue, count in zip(queues, counts, strict=True)]

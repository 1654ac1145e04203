"""Sources of labelled images. A new source is one file and one line in ``SOURCES``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from archsearch.datasets.cifar10 import cifar10
from archsearch.datasets.cifar100 import cifar100
from archsearch.datasets.digits import digits
from archsearch.datasets.fashion_mnist import fashion_mnist
from archsearch.datasets.folder import folder
from archsearch.datasets.images import (
    Images,
    Int64Array,
    Labelled,
    Pool,
    SourceOptions,
    check,
    fingerprint,
)
from archsearch.datasets.mnist5k import mnist5k
from archsearch.datasets.npz import npz
from archsearch.datasets.split import deal, even_counts, fifths, shuffled_classes
from archsearch.errors import InputError, nearest

__all__ = ["SOURCES", "DatasetConfig", "Images", "load"]

SOURCES: dict[str, Callable[[SourceOptions], Pool]] = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "folder": folder,
    "mnist5k": mnist5k,
    "npz": npz,
}


class DatasetConfig(SourceOptions):
    """Which images a study trains and validates on.

    Attributes:
        name: a key of ``SOURCES``.
        train: number of training images, class-balanced; None for all that validation leaves.
        validation: number of validation images, class-balanced; None for the source's own
            validation part, or one fifth of each class where it has none.
        split_seed: seed of the selection. It is not the study's seed, so that studies with other
            seeds are compared on the same images.
    """

    name: str
    train: Annotated[int, Field(ge=1)] | None = None
    validation: Annotated[int, Field(ge=1)] | None = None
    split_seed: int = 0

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in SOURCES:
            raise InputError(f"there is no dataset {name!r}; {nearest(name, SOURCES)}")
        return name


def load(config: DatasetConfig) -> Images:
    """Read the images that ``config`` describes.

    Validation images are held out of the source's training part (or come from its own validation
    part). A source's test part is never read: a search that selects on test images has none left
    to report on.

    Raises:
        InputError: files are missing or malformed, or a class has too few images.
    """
    pool = SOURCES[config.name](config)
    check(pool.train, pool.classes, f"dataset {config.name}")
    if pool.validation is None:
        train, validation = _held_out(pool, config)
    else:
        check(pool.validation, pool.classes, f"dataset {config.name}, validation")
        train = _select(pool.train, pool.classes, config.train, "train", config)
        validation = _select(pool.validation, pool.classes, config.validation, "validation", config)
    mark = fingerprint((train, validation), pool.classes)
    return Images(*train, *validation, pool.classes, config.name, mark)


def _held_out(pool: Pool, config: DatasetConfig) -> tuple[Labelled, Labelled]:
    """Validation images first, so that they stay the same whatever ``config.train`` is."""
    where = f"dataset {config.name}: "
    queues = shuffled_classes(pool.train.y, len(pool.classes), config.split_seed)
    if config.validation is None:
        counts = fifths(queues, pool.classes, where + "validation")
    else:
        counts = even_counts(config.validation, queues, pool.classes, where + "validation")
    validation, left = deal(queues, counts)
    if config.train is None:
        counts = [len(queue) for queue in left]
    else:
        counts = even_counts(config.train, left, pool.classes, where + "train")
    train, _ = deal(left, counts)
    if not len(train):
        raise InputError(f"{where}validation takes all {len(validation)} images; ask for fewer")
    return _three_channels(pool.train, train), _three_channels(pool.train, validation)


def _select(
    part: Labelled, classes: tuple[str, ...], count: int | None, what: str, config: DatasetConfig
) -> Labelled:
    queues = shuffled_classes(part.y, len(classes), config.split_seed)
    counts = [len(queue) for queue in queues]
    if count is not None:
        counts = even_counts(count, queues, classes, f"dataset {config.name}: {what}")
    return _three_channels(part, deal(queues, counts)[0])


def _three_channels(part: Labelled, indices: Int64Array) -> Labelled:
    x = part.x[indices]
    return Labelled(np.repeat(x, 3 // x.shape[3], axis=3), part.y[indices])

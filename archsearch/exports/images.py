"""Real images on which an exported net is compared with torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from archsearch.architecture import Architecture
from archsearch.datasets import load
from archsearch.datasets.tensors import Normalisation, resized
from archsearch.errors import InputError
from archsearch.training.images import batch_of
from archsearch.trainings import data_of

_RGB = 3


def real_images(data: str, architecture: Architecture, count: int) -> Tensor:
    """Images of a source, at a net's size: (count, 3, H, W), of mean 0 and deviation 1.

    Args:
        data: ``SOURCE``, ``SOURCE:PATH``, or a mapping as in a study's ``data``.
        architecture: the net.
        count: how many at most.

    Raises:
        InputError: there is no such source, its files are missing, or the net takes no such images.
    """
    _ensure_colour(architecture)
    return batch_of(load(data_of(data)), count, architecture.size, seed=0)[0]


def given_image(path: Path, architecture: Architecture) -> Tensor:
    """One image file, at a net's size: (1, 3, H, W), of mean 0 and deviation 1.

    Raises:
        InputError: the file is no image, or the net takes no such images.
    """
    _ensure_colour(architecture)
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"--image {path}: cannot be read as an image ({error})") from None
    planes = resized(np.array(upright)[None], architecture.size)
    return Normalisation.of(planes)(planes)


def _ensure_colour(architecture: Architecture) -> None:
    if architecture.channels != _RGB:
        raise InputError(
            f"{architecture.name or architecture.id}: takes {architecture.channels} channels, and "
            f"real images have {_RGB}: it cannot be checked on them"
        )

"""Resizing and normalising, against closed forms and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from image_files import noise_images
from PIL import Image

from archsearch.datasets.tensors import Normalisation, resized


@pytest.mark.parametrize("size", [(8, 8), (13, 20), (40, 31)])
def test_resizing_equals_pillow(size: tuple[int, int]) -> None:
    """Bilinear with antialiasing, larger or smaller, is Pillow's to within one level."""
    x = noise_images(3, 2, 24, 3).x
    found = resized(x, size).permute(0, 2, 3, 1).numpy()
    for image, expected in zip(found, x, strict=True):
        pillow = Image.fromarray(expected).resize(size[::-1], Image.Resampling.BILINEAR)
        assert np.abs(image.astype(int) - np.asarray(pillow).astype(int)).max() <= 1


def test_the_same_size_changes_no_pixel() -> None:
    """Images that have the training resolution are only laid out anew, however many there are."""
    x = noise_images(600, 2, 8, 3).x
    assert np.array_equal(resized(x, 8).permute(0, 2, 3, 1).numpy(), x)


def test_chunks_change_nothing() -> None:
    """More images than a chunk are resized like the same images alone."""
    x = noise_images(520, 2, 8, 1).x
    assert torch.equal(resized(x, 9)[515:], resized(x[515:], 9))


def test_normalised_images_have_mean_zero_and_deviation_one() -> None:
    """Over the images that it was measured on; a constant channel becomes 0."""
    planes = torch.from_numpy(noise_images(50, 2, 8, 3).x).permute(0, 3, 1, 2).clone()
    planes[:, 2] = 77
    normed = Normalisation.of(planes)(planes)
    assert normed[:, :2].mean((0, 2, 3)).abs().max() < 1e-5
    assert (normed[:, :2].std((0, 2, 3), correction=0) - 1).abs().max() < 1e-4
    assert normed[:, 2].abs().max() == 0

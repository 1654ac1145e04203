"""The images on which exported nets are checked are real ones, as a training would show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from export_nets import dwarf
from PIL import Image

from archsearch.documents import parse
from archsearch.errors import InputError
from archsearch.exports.images import given_image, real_images
from archsearch.space import architecture_of


def test_images_of_a_source_have_the_nets_size() -> None:
    """Of several classes, each channel of mean 0 and deviation 1."""
    images = real_images("digits", dwarf(), 8)
    assert images.shape == (8, 3, 16, 16)
    assert torch.allclose(images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(images.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4)
    assert len({image.sum().item() for image in images}) == 8


def test_an_image_is_turned_and_fitted(tmp_path: Path) -> None:
    """A photo that a camera marked as turned stands upright; its size is the net's."""
    pixels = np.zeros((20, 30, 3), dtype=np.uint8)
    pixels[:, :15] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # shown after a quarter turn to the right: the left half is on top
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=turned)
    image = given_image(tmp_path / "photo.png", dwarf())
    assert image.shape == (1, 3, 16, 16)
    assert image[0, :, :7].min() > 0.9
    assert image[0, :, 9:].max() < -0.9


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    """A text, or nothing."""
    (tmp_path / "a.png").write_text("no image")
    for name in ("a.png", "b.png"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as an image"):
            given_image(tmp_path / name, dwarf())


def test_a_net_of_other_channels_is_refused() -> None:
    """Real images have three."""
    data = dwarf().to_data()
    data["input"] = {"channels": 4, "resolution": 16}
    net = architecture_of(parse(str(data), "four.yaml"))
    with pytest.raises(InputError, match="takes 4 channels, and real images have 3"):
        real_images("digits", net, 2)

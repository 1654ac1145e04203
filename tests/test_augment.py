"""Augmentation: each change against what it must do to images that show it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from archsearch.augment import Augmentation, augment


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=source(9))


@st.composite
def augmentations(draw: st.DrawFn) -> Augmentation:
    half, whole = st.floats(0, 0.5), st.floats(0, 1)
    return Augmentation(
        flip=draw(whole),
        rotation=draw(st.floats(0, 180)),
        scale=draw(half),
        translation=draw(half),
        shift=draw(half),
        erasing=draw(whole),
    )


@given(augmentations(), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_shape_range_and_determinism(
    strengths: Augmentation, count: int, height: int, width: int
) -> None:
    """Any strengths keep the shape, invent no value beyond the batch's (or 0), and repeat."""
    batch = noise(count, 3, height, width)
    kept = batch.clone()
    first, again = (augment(batch, strengths, source()) for _ in range(2))
    assert torch.equal(batch, kept)
    assert first.shape == batch.shape
    assert torch.equal(first, again)
    assert first.max() <= max(batch.max(), 0) + 1e-4
    assert first.min() >= min(batch.min(), 0) - 1e-4


def test_no_strength_changes_nothing() -> None:
    """The default leaves the batch and the generator alone."""
    batch, generator = noise(4, 3, 8, 8), source()
    before = generator.get_state()
    assert augment(batch, Augmentation(), generator) is batch
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("strength", ["flip", "rotation", "scale", "translation", "shift"])
def test_a_constant_image_stays_constant(strength: str) -> None:
    """What comes in over the border is the image's own reflection."""
    batch = torch.full((8, 3, 10, 7), 1.5)
    changed = augment(batch, Augmentation(**{strength: 0.5}), source())
    torch.testing.assert_close(changed, batch)


@pytest.mark.parametrize(
    ("strength", "value"),
    [("rotation", 15.0), ("scale", 0.2), ("translation", 0.1), ("shift", 0.2), ("erasing", 1.0)],
)
def test_each_image_is_changed_in_its_own_way(strength: str, value: float) -> None:
    """Equal images of a batch become different ones."""
    batch = noise(1, 3, 16, 16).expand(6, -1, -1, -1)
    changed = augment(batch, Augmentation(**{strength: value}), source())
    assert len({image.numpy().tobytes() for image in changed}) >= 5


def test_flips_are_mirror_images_of_a_share_of_the_batch() -> None:
    """Each image is itself or its mirror image, the latter as often as the probability says."""
    batch = noise(1000, 1, 2, 3)
    changed = augment(batch, Augmentation(flip=0.3), source())
    flipped = (changed == batch.flip(3)).all(3).all(2).all(1)
    assert ((changed == batch).all(3).all(2).all(1) | flipped).all()
    assert flipped.float().mean() == pytest.approx(0.3, abs=0.05)
    assert torch.equal(augment(batch, Augmentation(flip=1.0), source()), batch.flip(3))


def test_shifts_are_windows_of_the_reflected_image() -> None:
    """Every shifted image is found in the padded one, and all offsets up to the largest occur."""
    image = torch.arange(30.0).view(1, 1, 6, 5)
    padded = torch.nn.functional.pad(image, (1, 1, 2, 2), mode="reflect")[0, 0]
    windows = {
        padded[row : row + 6, column : column + 5].numpy().tobytes(): (row, column)
        for row in range(5)
        for column in range(3)
    }
    shifted = augment(image.expand(600, -1, -1, -1), Augmentation(shift=0.25), source())
    found = {windows[window.contiguous().numpy().tobytes()] for window in shifted[:, 0]}
    assert found == set(windows.values())


def disc(height: int, width: int, row: float, column: float) -> Tensor:
    """A smooth spot around (row, column)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)


def centre(image: Tensor) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in image.shape), indexing="ij")
    return tuple(float((image * at).sum() / image.sum()) for at in (rows, columns))  # type: ignore[return-value]


@pytest.mark.parametrize("size", [(41, 41), (41, 61), (61, 41)])
def test_rotation_keeps_distances_on_any_shape(size: tuple[int, int]) -> None:
    """A spot moves on a circle around the middle, by up to the largest angle either way."""
    middle = [(side - 1) / 2 for side in size]
    image = disc(*size, middle[0], middle[1] + 12)
    turned = augment(image.expand(200, 1, -1, -1), Augmentation(rotation=30.0), source())
    offsets = [[at - half for at, half in zip(centre(x[0]), middle, strict=True)] for x in turned]
    radii = [math.hypot(*offset) for offset in offsets]
    angles = [math.degrees(math.atan2(*offset)) for offset in offsets]
    assert radii == pytest.approx([12] * 200, abs=0.3)
    assert -31 < min(angles) < -27
    assert 27 < max(angles) < 31


def test_scale_and_translation_move_a_spot_as_far_as_they_say() -> None:
    """A zoom of 20 % changes the distance to the middle by that; 10 % of 40 pixels are 4."""
    image = disc(40, 40, 19.5, 29.5).expand(300, 1, -1, -1)
    zoomed = augment(image, Augmentation(scale=0.2), source())
    distance = [centre(x[0])[1] - 19.5 for x in zoomed]
    assert 7.9 < min(distance) < 8.2
    assert 11.8 < max(distance) < 12.1
    moved = augment(image, Augmentation(translation=0.1), source())
    row_offset = [centre(x[0])[0] - 19.5 for x in moved]
    assert -4.1 < min(row_offset) < -3.8
    assert 3.8 < max(row_offset) < 4.1


def test_erased_pixels_are_one_rectangle_within_the_published_areas() -> None:
    """Zhong et al.: a rectangle in all channels, 2 to 33 % of the area where it fits, set to 0."""
    batch = torch.ones(400, 2, 40, 40)
    erased = augment(batch, Augmentation(erasing=0.6), source()) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])
    rows, columns = erased[:, 0].any(2), erased[:, 0].any(1)
    assert torch.equal(erased[:, 0], rows[:, :, None] & columns[:, None, :])
    for spans in rows, columns:
        assert (spans.diff(dim=1).sum(1) <= 2).all()
    area = erased[:, 0].float().mean((1, 2))
    assert (area > 0).float().mean() == pytest.approx(0.6, abs=0.07)
    assert area[area > 0].min() > 0.01
    assert area.max() < 0.36


@pytest.mark.parametrize(
    ("field", "value"), [("flip", 1.1), ("shift", 0.6), ("rotation", -1.0), ("scale", math.nan)]
)
def test_strengths_out_of_range_are_refused(field: str, value: float) -> None:
    """A probability over 1, a shift over half the side, a negative angle and nan are errors."""
    with pytest.raises(ValidationError, match=field):
        Augmentation(**{field: value})

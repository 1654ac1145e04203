"""What every source of images promises.

To add a source: 1. one file in archsearch/datasets; 2. one line in its ``SOURCES``; 3. a maker
here that writes a tiny fixture to a folder and returns the options that read it (or nothing to
write, where a package ships the images); 4. its errors in tests/datasets/test_sources.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise_images, write_cifar, write_folder, write_idx

from archsearch.datasets import SOURCES, DatasetConfig, Images, load
from archsearch.datasets.cifar10 import LAYOUT as CIFAR10
from archsearch.datasets.cifar100 import LAYOUT as CIFAR100
from archsearch.errors import InputError

Options = dict[str, Any]


def make_cifar10(folder: Path) -> Options:
    write_cifar(folder, CIFAR10, each=20, classes=10)
    return {"path": folder}


def make_cifar100(folder: Path) -> Options:
    write_cifar(folder, CIFAR100, each=1000, classes=100)
    return {"path": folder}


def make_fashion_mnist(folder: Path) -> Options:
    images = noise_images(100, 10, 28, 1)
    write_idx(folder / "train-images-idx3-ubyte.gz", images.x[..., 0])
    write_idx(folder / "train-labels-idx1-ubyte", images.y)
    return {"path": folder}


def make_folder(folder: Path) -> Options:
    write_folder(folder, noise_images(30, 3, 12, 3))
    return {"path": folder, "size": 8}


def make_npz(folder: Path) -> Options:
    images = noise_images(40, 4, 9, 1)
    np.savez(folder / "images.npz", train_x=images.x, train_y=images.y)
    return {"path": folder / "images.npz"}


def ships(folder: Path) -> Options:
    """A package ships the images."""
    del folder
    return {}


MAKERS: dict[str, Callable[[Path], Options]] = {
    "cifar10": make_cifar10,
    "cifar100": make_cifar100,
    "digits": ships,
    "fashion_mnist": make_fashion_mnist,
    "folder": make_folder,
    "mnist5k": ships,
    "npz": make_npz,
}


@pytest.fixture(scope="module", params=sorted(SOURCES))
def config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    name = request.param
    if name not in MAKERS:
        pytest.fail(f"write a maker for {name!r} in {__file__}: a tiny fixture and its options")
    return DatasetConfig(name=name, **MAKERS[name](tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="module")
def images(config: DatasetConfig) -> Images:
    return load(config)


def few(config: DatasetConfig, images: Images, **changes: Any) -> Images:
    """Two images a class to train on and one to validate on, unless changed."""
    counts = {"train": 2 * len(images.classes), "validation": len(images.classes)}
    return load(config.model_copy(update={**counts, **changes}))


def pixels(x: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in x}


def test_no_maker_is_left_over() -> None:
    """Every maker belongs to a source that exists."""
    assert MAKERS.keys() <= SOURCES.keys()


def test_images_are_bytes_with_three_channels(images: Images) -> None:
    """(N, H, W, 3) uint8 images, (N,) int64 labels that are indices of the class names."""
    for x, y in (images.train_x, images.train_y), (images.validation_x, images.validation_y):
        assert (x.dtype, y.dtype) == (np.uint8, np.int64)
        assert (x.shape[0], x.shape[3]) == (len(y), 3)
        assert set(y.tolist()) == set(range(len(images.classes)))


def test_validation_images_are_held_out(config: DatasetConfig, images: Images) -> None:
    """No image is trained and validated on, and by default one fifth is held out."""
    assert not pixels(images.train_x) & pixels(images.validation_x)
    assert len(images.validation_y) == pytest.approx(len(images.train_y) / 4, rel=0.05)
    small = few(config, images)
    assert not pixels(small.train_x) & pixels(small.validation_x)


def test_every_beginning_is_class_balanced(config: DatasetConfig, images: Images) -> None:
    """The first n images hold each class equally often, to within one."""
    small = few(config, images, train=2 * len(images.classes) + 1)
    assert len(small.train_y) == 2 * len(images.classes) + 1
    for n in range(1, len(small.train_y) + 1):
        counts = np.bincount(small.train_y[:n], minlength=len(images.classes))
        assert np.ptp(counts) <= 1
    assert np.bincount(small.validation_y).tolist() == [1] * len(images.classes)


def test_the_split_seed_alone_decides(config: DatasetConfig, images: Images) -> None:
    """Loading again gives the same images and fingerprint, another split seed gives others."""
    first, again, other = (few(config, images, split_seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.train_x, again.train_x)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(first.fingerprint) == 16


def test_more_training_images_keep_the_others(config: DatasetConfig, images: Images) -> None:
    """A larger ``train`` adds images and changes neither the others nor the validation images."""
    small, large = (few(config, images, train=k * len(images.classes)) for k in (1, 2))
    assert np.array_equal(small.train_x, large.train_x[: len(images.classes)])
    assert np.array_equal(small.validation_x, large.validation_x)


def test_asking_for_too_many_says_how_many_there_are(config: DatasetConfig, images: Images) -> None:
    """The error names the class that is short and the largest number that works."""
    with pytest.raises(InputError, match=r"of class .* ask for at most \d+"):
        few(config, images, train=10 * (len(images.train_y) + len(images.validation_y)))


def test_too_few_images_for_all_classes_are_refused(config: DatasetConfig, images: Images) -> None:
    """A class without a training image would never be learnt."""
    with pytest.raises(InputError, match=f"leave a class out.*{len(images.classes)}"):
        few(config, images, train=len(images.classes) - 1)


def test_missing_files_are_an_error_that_helps(config: DatasetConfig, tmp_path: Path) -> None:
    """A path without the files, or a path that is not needed, is the user's mistake."""
    path = tmp_path / "nothing here"
    with pytest.raises(InputError, match=r"no such f|takes no 'path'"):
        load(DatasetConfig(name=config.name, path=path, size=config.size))


def test_options_without_use_are_refused(config: DatasetConfig) -> None:
    """Each source uses at most one of ``size`` and ``download``; the other is an error."""
    unused = {"download": True} if config.name == "folder" else {"size": 16}
    with pytest.raises(InputError, match=f"dataset {config.name} takes no '{next(iter(unused))}'"):
        load(config.model_copy(update=unused))

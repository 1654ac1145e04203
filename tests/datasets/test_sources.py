"""Each source reads exactly what was written, and says what is wrong with a broken file."""

from __future__ import annotations

import gzip
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise_images, write_cifar, write_folder, write_idx
from PIL import Image
from pydantic import ValidationError

from archsearch.datasets import DatasetConfig, fashion_mnist, load
from archsearch.datasets.cifar10 import LAYOUT as CIFAR10
from archsearch.datasets.cifar10 import cifar10
from archsearch.datasets.cifar100 import LAYOUT as CIFAR100
from archsearch.datasets.cifar100 import cifar100
from archsearch.datasets.cifar_binary import CifarLayout
from archsearch.datasets.digits import digits
from archsearch.datasets.folder import folder
from archsearch.datasets.images import Pool, SourceOptions
from archsearch.datasets.mnist5k import mnist5k
from archsearch.datasets.npz import npz
from archsearch.errors import InputError

SHARED_CIFAR = Path(__file__).parents[3] / "shared/data/images/cifar10_jpeg.npz"


def test_an_unknown_name_suggests_the_nearest() -> None:
    """A typing error in the dataset's name is answered with the name that was meant."""
    with pytest.raises(ValidationError, match=r"there is no dataset 'minst5k'.*mean 'mnist5k'"):
        DatasetConfig(name="minst5k")


def test_a_study_file_gives_the_path_as_text() -> None:
    """Text is taken for a path, ``~`` is the home folder, and nothing else is converted."""
    config = DatasetConfig.model_validate({"name": "npz", "path": "~/images.npz"})
    assert config.path == Path.home() / "images.npz"
    with pytest.raises(ValidationError, match="valid integer"):
        DatasetConfig.model_validate({"name": "npz", "train": "100"})


@pytest.mark.parametrize(("layout", "classes"), [(CIFAR10, 10), (CIFAR100, 100)])
def test_cifar_records_are_read_back(tmp_path: Path, layout: CifarLayout, classes: int) -> None:
    """Pixels, fine labels and names come back as they were written, from either folder."""
    written = write_cifar(tmp_path / layout.folder, layout, each=20, classes=classes)
    read = cifar10 if layout is CIFAR10 else cifar100
    for path in tmp_path, tmp_path / layout.folder:
        pool = read(SourceOptions(path=path))
        assert np.array_equal(pool.train.x, written.x)
        assert np.array_equal(pool.train.y, written.y)
        assert pool.classes == tuple(f"name{i}" for i in range(classes))


def test_a_cut_cifar_file_is_refused(tmp_path: Path) -> None:
    """A file that does not hold whole records is named, with its length."""
    write_cifar(tmp_path, CIFAR10, each=2, classes=2)
    batch = tmp_path / "data_batch_3.bin"
    batch.write_bytes(batch.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"data_batch_3.bin: 6145 bytes .* 3073 .* cut short"):
        cifar10(SourceOptions(path=tmp_path))


def test_cifar_labels_need_a_name(tmp_path: Path) -> None:
    """A label beyond the names in the folder is found before anything is trained."""
    write_cifar(tmp_path, CIFAR10, each=20, classes=10)
    (tmp_path / CIFAR10.names).write_text("cat dog")
    with pytest.raises(InputError, match="with 2 classes labels must be 0 to 1, got 0 to 9"):
        load(DatasetConfig(name="cifar10", path=tmp_path))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fashion_mnist_is_read_back(tmp_path: Path, suffix: str) -> None:
    """IDX files, gzipped or plain, come back as they were written."""
    written = noise_images(20, 10, 28, 1)
    write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", written.x[..., 0])
    write_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", written.y)
    pool = fashion_mnist(SourceOptions(path=tmp_path))
    assert np.array_equal(pool.train.x, written.x)
    assert np.array_equal(pool.train.y, written.y)
    assert pool.classes[9] == "Ankle boot"


def test_fashion_mnist_is_found_where_debian_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path: the cache folder first, then Debian's, and without both the way out."""
    cache, debian = tmp_path / "cache", tmp_path / "debian"
    monkeypatch.setenv("ARCHSEARCH_DATA", str(cache))
    monkeypatch.setattr(import_module("archsearch.datasets.fashion_mnist"), "DEBIAN", debian)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.gz: no such file.*by hand"):
        fashion_mnist(SourceOptions())
    for folder_, count in ((debian, 10), (cache / "fashion_mnist", 20)):
        written = noise_images(count, 10, 28, 1)
        write_idx(folder_ / "train-images-idx3-ubyte.gz", written.x[..., 0])
        write_idx(folder_ / "train-labels-idx1-ubyte.gz", written.y)
        assert len(fashion_mnist(SourceOptions()).train.y) == count


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is no IDX file"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x02ab", "starts with 00000801, must start with 00000803"),
        (b"\x00\x00\x08\x03" + b"\x00\x00\x00\x02" * 3 + b"abc", r"\(2, 2, 2\).* 3 bytes"),
        (gzip.compress(b"x" * 99)[:-9], "broken gzip file"),
    ],
)
def test_broken_idx_files_are_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    """An IDX file with a wrong header, a wrong length or a broken archive is an input error."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(raw)
    with pytest.raises(InputError, match=message):
        fashion_mnist(SourceOptions(path=tmp_path))


def test_a_folder_is_read_class_by_class(tmp_path: Path) -> None:
    """Sub-folders are the classes, files of the right size keep their pixels, dots are skipped."""
    written = noise_images(6, 3, 8, 3)
    write_folder(tmp_path, written)
    (tmp_path / "class1" / ".DS_Store").write_bytes(b"no image")
    pool = folder(SourceOptions(path=tmp_path, size=8))
    assert pool.classes == ("class0", "class1", "class2")
    order = [0, 3, 1, 4, 2, 5]
    assert np.array_equal(pool.train.x, written.x[order])
    assert pool.train.y.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_folder_crops_to_the_middle_and_turns_upright(tmp_path: Path) -> None:
    """A wide image keeps its middle square; grey and palette images become colour; EXIF counts."""
    wide = np.zeros((8, 24), dtype=np.uint8)
    wide[:, 8:16] = 200
    for label in "ab":
        (tmp_path / label).mkdir()
    Image.fromarray(wide).save(tmp_path / "a" / "grey.png")
    half = Image.fromarray(np.repeat([[0, 255]], 8, axis=0).repeat(4, axis=1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    half.save(tmp_path / "b" / "turned.png", exif=exif)
    grey, turned = folder(SourceOptions(path=tmp_path, size=8)).train.x
    assert np.array_equal(grey, np.full((8, 8, 3), 200))
    assert (turned[:4] == 0).all()
    assert (turned[4:] == 255).all()


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    """No options, no classes, no images and no image each have a message of their own."""
    with pytest.raises(InputError, match=r"needs 'path'.*and 'size'"):
        folder(SourceOptions(path=tmp_path))
    options = SourceOptions(path=tmp_path, size=8)
    with pytest.raises(InputError, match="has 0 sub-folders; make one for each class"):
        folder(options)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="its sub-folders hold no image"):
        folder(options)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"notes.txt: cannot be read as an image .*remove it"):
        folder(options)


def read_npz(path: Path, **arrays: Any) -> Pool:
    np.savez(path / "images.npz", **arrays)
    return npz(SourceOptions(path=path / "images.npz"))


def test_npz_uses_its_own_validation_part(tmp_path: Path) -> None:
    """With val_x and val_y in the file, all of train_x is trained on."""
    own, train = noise_images(6, 2, 8, 1, seed=1), noise_images(10, 2, 8, 1)
    arrays = {"train_x": train.x, "train_y": train.y, "val_x": own.x, "val_y": own.y}
    np.savez(tmp_path / "a.npz", **arrays, classes=np.array(["cat", "dog"]))
    images = load(DatasetConfig(name="npz", path=tmp_path / "a.npz"))
    assert (len(images.train_y), len(images.validation_y)) == (10, 6)
    assert images.classes == ("cat", "dog")
    fewer = load(DatasetConfig(name="npz", path=tmp_path / "a.npz", train=4, validation=2))
    assert (len(fewer.train_y), len(fewer.validation_y)) == (4, 2)
    assert {x.tobytes() for x in images.validation_x[..., :1]} == {x.tobytes() for x in own.x}


def test_validation_that_takes_everything_is_refused(tmp_path: Path) -> None:
    """Something must be left to train on."""
    images = noise_images(8, 2, 8, 3)
    np.savez(tmp_path / "a.npz", train_x=images.x, train_y=images.y)
    with pytest.raises(InputError, match="validation takes all 8 images; ask for fewer"):
        load(DatasetConfig(name="npz", path=tmp_path / "a.npz", validation=8))


X, Y = noise_images(4, 2, 8, 3)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_y": Y}, r"key 'train_x' is missing; found \['train_y'\]"),
        ({"train_x": X}, "key 'train_y' is missing"),
        ({"train_x": X / 255, "train_y": Y}, "'train_x' must be uint8 .*found float64"),
        ({"train_x": X[..., :2], "train_y": Y}, r"'train_x' must be .*found uint8 \(4, 8, 8, 2\)"),
        ({"train_x": X, "train_y": Y[:3]}, r"'train_y' must be integers .*found int64 \(3,\)"),
        ({"train_x": X, "train_y": Y * 0.5}, "'train_y' must be integers .*found float64"),
        ({"train_x": X, "train_y": Y, "val_x": X}, "key 'val_y' is missing"),
        ({"train_x": X, "train_y": Y, "classes": np.array(["a"])}, "'classes' must be text"),
    ],
)
def test_npz_names_the_key_that_is_wrong(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    """A missing key, a wrong type and a wrong shape are told with what was found."""
    with pytest.raises(InputError, match=message):
        read_npz(tmp_path, **arrays)


def test_npz_never_unpickles(tmp_path: Path) -> None:
    """Object arrays, loose pickles and plain garbage are refused without running anything."""
    with pytest.raises(InputError, match=r"no .npz file of plain arrays .*allow_pickle=False"):
        read_npz(tmp_path, train_x=np.array([{}], dtype=object), train_y=Y)
    for raw in (b"garbage", b"\x80\x04N."):
        (tmp_path / "images.npz").write_bytes(raw)
        with pytest.raises(InputError, match=r"is no .npz file"):
            npz(SourceOptions(path=tmp_path / "images.npz"))
    np.save(tmp_path / "images.npy", X)
    with pytest.raises(InputError, match=r"is no .npz file"):
        npz(SourceOptions(path=tmp_path / "images.npy"))


def test_negative_labels_are_refused(tmp_path: Path) -> None:
    """Labels count from 0."""
    np.savez(tmp_path / "a.npz", train_x=X, train_y=Y - 1)
    with pytest.raises(InputError, match="labels must be 0 to 0, got -1 to 0"):
        load(DatasetConfig(name="npz", path=tmp_path / "a.npz"))


def test_shipped_images_are_what_their_packages_say() -> None:
    """5,000 and 1,797 digits, the small ones stretched to the full range of a byte."""
    mnist, small = mnist5k(SourceOptions()), digits(SourceOptions())
    assert np.bincount(mnist.train.y).tolist() == [500] * 10
    assert mnist.train.x.shape == (5000, 28, 28, 1)
    assert small.train.x.shape == (1797, 8, 8, 1)
    assert set(np.unique(small.train.x)) == {round(level * 255 / 16) for level in range(17)}


@pytest.mark.skipif(not SHARED_CIFAR.exists(), reason=f"{SHARED_CIFAR} is not on this machine")
def test_the_shared_cifar10_converts_to_npz(tmp_path: Path) -> None:
    """The script in benchmarks/data makes a file that the npz source reads, in order."""
    import runpy

    with np.load(SHARED_CIFAR, allow_pickle=False) as whole:
        end = whole["train_off"][20]
        small = {"train_data": whole["train_data"][:end], "train_off": whole["train_off"][:21]}
        np.savez(
            tmp_path / "in.npz", **small, train_y=whole["train_y"][:20], classes=whole["classes"]
        )
    script = Path(__file__).parents[2] / "benchmarks/data/cifar10_from_shared.py"
    assert runpy.run_path(str(script))["convert"](tmp_path / "in.npz", tmp_path / "out.npz") == 20
    pool = npz(SourceOptions(path=tmp_path / "out.npz"))
    assert pool.train.x.shape == (20, 32, 32, 3)
    assert pool.train.y.tolist() == [*range(10), *range(10)]
    assert pool.classes[:2] == ("airplane", "automobile")

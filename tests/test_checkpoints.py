"""Official weights: read without running code, checked key by key, put into our nets."""

from __future__ import annotations

import argparse
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from typer.testing import CliRunner

from archsearch import published
from archsearch.checkpoints import (
    FAMILIES,
    family_of,
    load_official,
    read_checkpoint,
    read_safetensors,
    save_safetensors,
)
from archsearch.cli import app
from archsearch.errors import InputError
from archsearch.network import build

NET = "edgenext_xx_small"
WEIGHTS = {"stem.weight": torch.arange(6.0).reshape(2, 3), "stem.bias": torch.zeros(2)}


def official(net: str, style: str = "official", classes: int = 1000) -> dict[str, Tensor]:
    """Weights of our net under its official names."""
    architecture = published.load(net)
    names = family_of(net).official_names(architecture, style)
    ours = build(architecture, classes, seed=3).state_dict()
    return {names[name]: tensor for name, tensor in ours.items()}


def equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors are the same, types and shapes included."""
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]) for name in a
    )


@pytest.mark.parametrize("net", published.names())
def test_every_published_net_has_names_for_all_its_weights(net: str) -> None:
    """In every style, and no two of them have one name (a table that CMT's blocks share aside)."""
    architecture = published.load(net)
    family = family_of(net)
    with torch.device("meta"):
        ours = build(architecture).state_dict()
    for style in family.STYLES:
        names = family.official_names(architecture, style)
        assert set(names) == set(ours)
        by_place = {names[name]: tensor.shape for name, tensor in ours.items()}
        tables = {name for name in ours if name.endswith("relative_position")}
        assert len(by_place) >= len(ours) - len(tables), f"{style}: two weights have one name"


def test_every_family_has_a_net() -> None:
    """The beginning of its nets' names is right."""
    nets = published.names()
    assert [family for family in FAMILIES if not any(n.startswith(family) for n in nets)] == []


def test_a_net_of_no_family_is_an_error() -> None:
    """It says which families there are."""
    with pytest.raises(InputError, match=r"no official weights are known for 'lenet'.*edgenext"):
        family_of("lenet")


@pytest.mark.parametrize("style", ["official", "timm"])
def test_weights_of_either_code_are_told_by_their_names(style: str) -> None:
    """The loaded net has exactly these weights."""
    module = load_official(NET, official(NET, style))
    assert equal(module.state_dict(), build(published.load(NET), seed=3).state_dict())


def test_the_net_gets_the_classes_of_its_weights() -> None:
    """As for a checkpoint of ImageNet-22K."""
    assert load_official(NET, official(NET, classes=7)).head.classify.out_features == 7


def test_linear_layers_fill_pointwise_convolutions() -> None:
    """(C, K) fills (C, K, 1, 1)."""
    weights = official(NET)
    flat = {n: t.flatten(1) if t.shape[2:] == (1, 1) else t for n, t in weights.items()}
    assert any(flat[name].shape != weights[name].shape for name in weights)
    assert equal(load_official(NET, flat).state_dict(), load_official(NET, weights).state_dict())


def test_missing_and_left_over_keys_are_named() -> None:
    """All of them and nothing else."""
    weights = official(NET)
    gone = ["downsample_layers.0.0.bias", "stages.3.1.gamma_xca"]
    for key in gone:
        del weights[key]
    weights |= {"aux.weight": torch.zeros(1), "stages.9.gamma": torch.zeros(2)}
    with pytest.raises(InputError) as error:
        load_official(NET, weights)
    assert str(error.value) == (
        f"these are not the weights of {NET}; 2 missing: {gone[0]}, {gone[1]}; "
        "2 left over: aux.weight, stages.9.gamma. Name the net that they belong to"
    )


@settings(max_examples=10, deadline=None)
@given(st.sets(st.sampled_from(sorted(official(NET))), min_size=1, max_size=5))
def test_exactly_the_missing_keys_are_named(gone: set[str]) -> None:
    """Whichever they are."""
    weights = {name: tensor for name, tensor in official(NET).items() if name not in gone}
    with pytest.raises(InputError, match=f"; {len(gone)} missing: ") as error:
        load_official(NET, weights)
    told = str(error.value).split(" missing: ")[1].split(". Name")[0]
    assert set(told.split(", ")) == gone
    assert "left over" not in str(error.value)


def test_a_weight_of_another_shape_is_an_error() -> None:
    """With the key and both shapes, also where the numbers are as many."""
    weights = official(NET)
    weights["head.weight"] = weights["head.weight"].T.reshape(1000, 2, 84)
    with pytest.raises(InputError, match=r"head.weight: got shape \[1000, 2, 84\].*\[1000, 168\]"):
        load_official(NET, weights)


def test_the_count_of_batches_may_be_missing() -> None:
    """Files of old PyTorch have none, and inference does not use it."""
    name = "edgenext_xx_small_bn_hs"
    weights = official(name)
    counted = [key for key in weights if key.endswith("num_batches_tracked")]
    assert counted
    old = {key: tensor for key, tensor in weights.items() if key not in counted}
    assert equal(load_official(name, old).state_dict(), load_official(name, weights).state_dict())


def saved(tmp_path: Path, data: Any) -> Path:
    """A file as ``torch.save`` makes it."""
    torch.save(data, tmp_path / "x.pth")
    return tmp_path / "x.pth"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        lambda w: {"model": w, "epoch": 300, "optimizer": {"state": {}}},
        lambda w: {"state_dict": w, "args": argparse.Namespace(lr=4e-3)},
        lambda w: {"model_ema": w},
        lambda w: {"state_dict": {"model": w}},
        lambda w: {"module." + name: tensor for name, tensor in w.items()},
        lambda w: {"model": {"module." + name: tensor for name, tensor in w.items()}},
    ],
    ids=["bare", "model", "state_dict", "model_ema", "nested", "parallel", "both"],
)
def test_what_training_scripts_wrap_is_unwrapped(
    wrap: Callable[[dict[str, Tensor]], Any], tmp_path: Path
) -> None:
    """Only names and tensors are left."""
    assert equal(read_checkpoint(saved(tmp_path, wrap(WEIGHTS))), WEIGHTS)


def test_of_several_sets_of_weights_one_can_be_chosen(tmp_path: Path) -> None:
    """The plain ones are read unless another part is asked for."""
    averaged = {name: tensor + 1 for name, tensor in WEIGHTS.items()}
    path = saved(tmp_path, {"model_ema": averaged, "model": WEIGHTS})
    assert equal(read_checkpoint(path), WEIGHTS)
    assert equal(read_checkpoint(path, "model_ema"), averaged)
    with pytest.raises(InputError, match="has no part 'ema'; it has model_ema, model"):
        read_checkpoint(path, "ema")


class Bomb:
    """Pickled as a call that writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_with_code_in_it_is_refused(zipped: bool, tmp_path: Path) -> None:
    """The code does not run, and the message names what it would have called."""
    path, trace = tmp_path / "x.pth", tmp_path / "trace"
    torch.save(
        {"model": WEIGHTS, "extra": Bomb(trace)}, path, _use_new_zipfile_serialization=zipped
    )
    with pytest.raises(InputError, match=r"holds more than weights \(.*\), so that loading it"):
        read_checkpoint(path)
    assert not trace.exists()


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    """As anything that is no checkpoint of PyTorch."""
    trace = tmp_path / "trace"
    (tmp_path / "x.pth").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(InputError, match=r"x.pth: "):
        read_checkpoint(tmp_path / "x.pth")
    assert not trace.exists()


def broken_files() -> dict[str, bytes]:
    """Files that are no checkpoints."""
    whole = io.BytesIO()
    torch.save(WEIGHTS, whole)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "text")
    return {
        "empty": b"",
        "text": b"<html>404: not found</html>",
        "cut": whole.getvalue()[:200],
        "zip": archive.getvalue(),
    }


@pytest.mark.parametrize("kind", broken_files())
def test_a_file_that_is_no_checkpoint_is_an_error(kind: str, tmp_path: Path) -> None:
    """It says so in one line."""
    path = tmp_path / "x.pth"
    path.write_bytes(broken_files()[kind])
    with pytest.raises(InputError, match=r"x.pth: no checkpoint that PyTorch can read") as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"epoch": 3, "weights": WEIGHTS}, "it has epoch, weights"),
        ({}, "it has nothing"),
        ([torch.zeros(1)], "it is no mapping"),
        ({"model": {}}, "it has nothing"),
    ],
)
def test_a_file_without_a_state_dict_is_an_error(data: Any, told: str, tmp_path: Path) -> None:
    """It says what the file has."""
    with pytest.raises(InputError, match=f"holds no state dict.*{told}"):
        read_checkpoint(saved(tmp_path, data))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It names the path."""
    with pytest.raises(InputError, match=r"nowhere.pth: no such file"):
        read_checkpoint(tmp_path / "nowhere.pth")


TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool]


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 3), max_size=3)),
        max_size=5,
    )
)
def test_safetensors_gives_back_what_was_saved(
    tmp_path_factory: pytest.TempPathFactory, kinds: dict[str, Any]
) -> None:
    """Names, types, shapes and every number; scalars and empty tensors too."""
    numbers = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(shape, generator=numbers).mul(3).to(dtype)
        for name, (dtype, shape) in kinds.items()
    }
    path = tmp_path_factory.mktemp("safe") / "x.safetensors"
    save_safetensors(tensors, path, {"net": "x"})
    assert equal(read_safetensors(path), tensors)


def test_safetensors_is_written_as_the_format_says(tmp_path: Path) -> None:
    """Read by the format's description alone: length, table, numbers in C order."""
    path = tmp_path / "x.safetensors"
    tensors = {"a": torch.tensor([1, 2, 3]), "b": torch.arange(6.0).reshape(2, 3).T}
    save_safetensors(tensors, path, {"net": "x"})
    content = path.read_bytes()
    size = int(np.frombuffer(content[:8], "<u8")[0])
    assert size % 8 == 0
    table = json.loads(content[8 : 8 + size])
    assert table.pop("__metadata__") == {"net": "x"}
    assert table == {
        "a": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]},
        "b": {"dtype": "F32", "shape": [3, 2], "data_offsets": [24, 48]},
    }
    numbers = content[8 + size :]
    assert np.frombuffer(numbers[:24], "<i8").tolist() == [1, 2, 3]
    assert np.frombuffer(numbers[24:], "<f4").tolist() == [0, 3, 1, 4, 2, 5]


def entry(dtype: Any, shape: Any, offsets: Any) -> bytes:
    """A file with one tensor of eight bytes, described so."""
    table = json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()
    return len(table).to_bytes(8, "little") + table + bytes(8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        (2**63).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{x",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        entry("F32", [2], [0, 16]),
        entry("F32", [3], [0, 8]),
        entry("F32", [-2], [0, 8]),
        entry("F32", [-1, -2], [0, 8]),
        entry("F32", [2], [8, 0]),
        entry("F32", [2], [-8, 0]),
        entry("F32", "2", [0, 8]),
        entry("F3", [2], [0, 8]),
        entry("F32", [2], [0]),
        entry("F32", [2], ["0", "8"]),
    ],
)
def test_a_broken_safetensors_file_is_an_error(content: bytes, tmp_path: Path) -> None:
    """Whatever is wrong in it."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x.safetensors: .*get it again"):
        read_safetensors(path)


def test_the_command_writes_weights_that_our_net_loads(tmp_path: Path) -> None:
    """From an official checkpoint to safetensors under our names."""
    path = saved(tmp_path, {"model": official(NET)})
    out = tmp_path / "out.safetensors"
    result = CliRunner().invoke(app, ["weights", str(path), "--net", NET, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "all found, none left over" in result.output
    assert f"wrote {out}" in result.output
    module = build(published.load(NET), seed=0)
    module.load_state_dict(read_safetensors(out))
    assert equal(module.state_dict(), build(published.load(NET), seed=3).state_dict())


def test_the_command_refuses_the_weights_of_another_net(tmp_path: Path) -> None:
    """Exit code 2, every key named, nothing written."""
    path = saved(tmp_path, official(NET))
    out = tmp_path / "out.safetensors"
    asked = ["weights", str(path), "--net", "edgenext_x_small", "--out", str(out)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert "these are not the weights of edgenext_x_small" in result.output
    assert "stages.2.8.xca.qkv.weight" in result.output
    assert not out.exists()

"""Weights of an exported net: a seed, a training folder, our files, official files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from export_nets import disturbed, dwarf

from archsearch import published
from archsearch.checkpoints import family_of, save_safetensors
from archsearch.errors import InputError
from archsearch.exports.weights import weighed
from archsearch.network import build
from archsearch.trainings import Plan, data_of, load_trained, recipe_of, train_in


def _same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[n], other[n]) for n in mine)


def test_a_seed_draws_weights() -> None:
    """The same each time, others for another, and it is said that they are not trained."""
    found = weighed(dwarf(), "3", 4)
    assert _same(found.module, build(dwarf(), 4, seed=3))
    assert not _same(found.module, build(dwarf(), 4, seed=4))
    assert (found.classes, found.source) == (4, "drawn from seed 3, not trained")
    assert not found.module.training


def test_our_own_file_says_how_many_classes(tmp_path: Path) -> None:
    """Whatever is asked for."""
    module = disturbed(build(dwarf(), 6, seed=1))
    save_safetensors(module.state_dict(), tmp_path / "w.safetensors")
    found = weighed(dwarf(), str(tmp_path / "w.safetensors"), 1000)
    assert _same(found.module, module)
    assert (found.classes, found.source) == (6, str(tmp_path / "w.safetensors"))


def test_weights_of_another_size_need_it_to_be_said(tmp_path: Path) -> None:
    """A net with position tables: refused at its own size, taken at the one it was made for."""
    net, path = published.load("cmt_ti"), tmp_path / "w.safetensors"
    save_safetensors(build(net.at(64), 5, seed=1).state_dict(), path)
    with pytest.raises(InputError, match=r"relative_position has the shape .* --resolution"):
        weighed(net, str(path), 5)
    found = weighed(net, str(path), 5, 64)
    assert found.architecture.size == (64, 64)


@pytest.mark.parametrize(
    ("key", "reason"),
    [("stem.0.conv.bias", "lacks stem.0.conv.bias"), ("extra", "extra is no weight of the net")],
)
def test_another_nets_weights_are_refused(key: str, reason: str, tmp_path: Path) -> None:
    """With the first key that is wrong."""
    tensors = dict(build(dwarf(), 6, seed=1).state_dict())
    if tensors.pop(key, None) is None:
        tensors[key] = torch.zeros(1)
    save_safetensors(tensors, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=reason):
        weighed(dwarf(), str(tmp_path / "w.safetensors"), 6)


def test_official_weights_are_renamed(tmp_path: Path) -> None:
    """A published net takes the names of the code that published it."""
    net = published.load("edgenext_xx_small")
    module = disturbed(build(net, 3, seed=1))
    family = family_of("edgenext_xx_small")
    names = family.official_names(net, family.STYLES[0])
    official = {names[name]: tensor for name, tensor in module.state_dict().items()}
    torch.save(official, tmp_path / "official.pth")
    found = weighed(net, str(tmp_path / "official.pth"), 1000)
    assert _same(found.module, module)
    with pytest.raises(InputError, match="are not named as ours are"):
        weighed(dwarf(), str(tmp_path / "official.pth"), 1000)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a short training at 24 pixels."""
    folder = tmp_path_factory.mktemp("trainings") / "dwarf"
    data = data_of("{name: digits, train: 100, validation: 50}")
    plan = Plan(dwarf(), data, recipe_of(None, ["epochs=1", "batch_size=50"]), 24, device="cpu")
    train_in(folder, plan, lambda _: lambda: None)
    return folder


def test_a_training_folder_gives_its_best_weights_and_its_size(training: Path) -> None:
    """The net is exported as it was trained."""
    found = weighed(dwarf(), str(training), 1000)
    assert _same(found.module, load_trained(training))
    assert (found.architecture.size, found.classes) == ((24, 24), 10)
    assert found.source.endswith("trained at 24 x 24")


def test_a_training_of_another_net_or_size_is_refused(training: Path) -> None:
    """With the net that was trained there."""
    with pytest.raises(InputError, match=r"holds the net dwarf, not edgenext_xx_small"):
        weighed(published.load("edgenext_xx_small"), str(training), 1000)
    with pytest.raises(InputError, match=r"were trained at 24 x 24; leave --resolution out"):
        weighed(dwarf(), str(training), 1000, 32)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    """With what can be given."""
    with pytest.raises(InputError, match="no such file or folder; give a checkpoint, a folder"):
        weighed(dwarf(), str(tmp_path / "none.safetensors"), 10)

"""A training that was stored and continued elsewhere is the one that was never stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from trained_nets import small_net, stripes

from archsearch import training
from archsearch.augment import Augmentation
from archsearch.checkpoints import read_safetensors, save_safetensors
from archsearch.errors import InputError
from archsearch.network import build
from archsearch.published import load
from archsearch.training import Recipe, TimeLimit, Training, train

FULL = Augmentation(flip=0.5, rotation=5.0, scale=0.1, translation=0.1, shift=0.1, erasing=0.2)
BASE = Recipe(epochs=4, batch_size=16, layer_scale=1.0, augmentation=FULL)
IMAGES = stripes(42)

RECIPES: dict[str, dict[str, Any]] = {
    "adamw": {},
    "nadam": {"optimizer": "nadam"},
    "sgd": {"optimizer": "sgd", "schedule": "constant"},
    "muon": {"optimizer": "muon", "schedule": "linear"},
    "averaged": {"ema_decay": 0.9, "clip_norm": 0.5},
    "mixed": {"mixup": 0.4, "cutmix": 1.0},
    "bf16": {"precision": "bf16"},
    "seldom evaluated": {"evaluate_every": 3},
    "a part of a pass": {"epochs": 3.4},
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Results depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def begun(recipe: Recipe, net: nn.Module | None = None, seed: int = 3) -> Training:
    return Training(net or small_net(), IMAGES, recipe, 10, seed)


def timeless(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state without its clocks."""
    kept = {name: tensor for name, tensor in state.items() if name != "seconds"}
    return {**kept, "curve": kept["curve"][:, :3]}


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    a, b = timeless(a), timeless(b)
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


@pytest.mark.parametrize("pauses", [[1.0, 2.0, 3.0], [0.34], [2.67]], ids=str)
@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_stored_and_continued_is_never_stopped(
    changes: dict[str, Any], pauses: list[float], tmp_path: Path
) -> None:
    """At borders of epochs and between them, through a file, into a module of other weights."""
    recipe = BASE.model_copy(update=changes)
    whole = begun(recipe)
    whole.run()
    now = begun(recipe)
    for number, pause in enumerate(pauses):
        now.run(pause)
        save_safetensors(now.state(), tmp_path / "s")
        now = begun(recipe, small_net(seed=100 + number))
        now.load(read_safetensors(tmp_path / "s"))
    now.run()
    assert_same(now.state(), whole.state())
    assert len(whole.curve) == (2 if "evaluate_every" in changes else 4)
    assert now.finish().curve[-1].train_loss == whole.finish().curve[-1].train_loss


@pytest.mark.parametrize("name", ["hornet_tiny_gf", "edgenext_xx_small", "cmt_ti"])
def test_published_nets_go_on_bit_by_bit(name: str, tmp_path: Path) -> None:
    """Fourier filters, transposed attention, a table that blocks share: all come back."""
    recipe = Recipe(epochs=2, batch_size=6, ema_decay=0.5)
    images = stripes(12)
    whole = Training(build(load(name), 2, resolution=32, seed=1), images, recipe, 32, 0)
    whole.run(1)
    save_safetensors(whole.state(), tmp_path / "s")
    whole.run()
    other = Training(build(load(name), 2, resolution=32, seed=2), images, recipe, 32, 0)
    other.load(read_safetensors(tmp_path / "s"))
    other.run()
    assert_same(other.state(), whole.state())


def test_running_in_parts_is_train() -> None:
    """``train`` is a run without a pause; a pause that stores nothing changes nothing either."""
    net, parts = small_net(), begun(BASE)
    trained = train(net, IMAGES, BASE, 10, seed=3)
    points = [len(parts.run(until)) for until in (0, 1, 1, 2.5, None, None)]
    assert points == [0, 1, 1, 2, 4, 4]
    assert parts.done
    assert [p.train_loss for p in parts.finish().curve] == [p.train_loss for p in trained.curve]
    for name, value in net.state_dict().items():
        assert torch.equal(value, parts.module.state_dict()[name]), name


def test_the_accuracy_at_a_pause_is_the_curve_s() -> None:
    """``accuracy`` can be asked at any time and changes nothing of what follows."""
    asked, seldom = begun(BASE), begun(BASE.model_copy(update={"evaluate_every": 4}))
    for epoch in range(1, 5):
        asked.run(epoch)
        seldom.run(epoch)
        assert seldom.accuracy() == asked.accuracy() == asked.curve[-1].validation_accuracy
    assert len(seldom.curve) == 1
    assert torch.equal(asked.state()["module.5.weight"], seldom.state()["module.5.weight"])


def test_a_state_is_a_snapshot() -> None:
    """It does not change when the training goes on, and a training does not change with it."""
    paused = begun(BASE)
    paused.run(1)
    state = paused.state()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    paused.run(2)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in state.items())
    assert not torch.equal(state["module.5.weight"], paused.state()["module.5.weight"])
    paused.load(state)
    paused.run()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in state.items())


def test_the_global_generator_is_left_alone_between_and_in_parts() -> None:
    """What others draw between two parts does not matter, and is not disturbed."""
    torch.manual_seed(1)
    parts, whole = begun(BASE), begun(BASE)
    drawn = []
    for epoch in range(1, 5):
        parts.run(epoch)
        drawn.append(torch.rand(()))
    torch.manual_seed(1)
    assert drawn == [torch.rand(()) for _ in range(4)]
    whole.run()
    assert_same(parts.state(), whole.state())


@pytest.mark.parametrize(
    ("changes", "net", "seed", "message"),
    [
        ({"learning_rate": 1e-3}, small_net(), 3, "another recipe, resolution, seed or set"),
        ({}, small_net(), 4, "another recipe, resolution, seed or set"),
        ({}, small_net(classes=3), 3, r"another net \(2 entries differ, such as module.5.weight"),
        ({}, nn.Sequential(nn.Flatten(), nn.Linear(300, 2)), 3, "another net"),
    ],
    ids=["recipe", "seed", "shape", "names"],
)
def test_a_state_of_another_training_is_refused(
    changes: dict[str, Any], net: nn.Module, seed: int, message: str
) -> None:
    """And the training that refused it is as before."""
    first = begun(BASE)
    first.run(1)
    other = begun(BASE.model_copy(update=changes), net, seed)
    before = other.state()
    with pytest.raises(InputError, match=message):
        other.load(first.state())
    assert_same(before, other.state())


def test_more_time_is_the_same_training() -> None:
    """The limit of time and the number of repetitions decide nothing of one training."""
    first = begun(BASE)
    first.run(1)
    other = begun(BASE.model_copy(update={"time_limit_s": None, "seeds": 2}))
    other.load(first.state())
    assert other.step == first.step == 3


def test_the_time_limit_counts_what_was_before_a_pause() -> None:
    """Pausing is no way around it, and a pause itself costs nothing."""
    slow = begun(BASE.model_copy(update={"time_limit_s": 100.0}))
    slow.run(1)
    state = slow.state()
    state["seconds"] += 60.0
    slow.load(state)
    with pytest.raises(TimeLimit, match=r"1.33 of 4 epochs took 12\d"):
        slow.run()


def test_the_watch_sees_every_step() -> None:
    """As often as steps are made, with the step already counted."""
    watched = begun(BASE)
    seen: list[int] = []
    watched.run(2, lambda: seen.append(watched.step))
    assert seen == [1, 2, 3, 4, 5, 6]
    assert watched.epoch == 2
    assert (watched.steps, watched.steps_per_epoch) == (12, 3)


def test_a_training_without_a_point_cannot_be_finished() -> None:
    """There is no accuracy to tell."""
    with pytest.raises(InputError, match="no point of its curve yet; run it"):
        begun(BASE).finish()


def test_losses_that_wait_on_a_device_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU losses are read together and not each step: same curve, same error, a bit later."""
    at_once, later = begun(BASE), begun(BASE)
    later._unread_most = training.loop._UNREAD_LOSSES
    assert [p.train_loss for p in at_once.run()] == [p.train_loss for p in later.run()]
    monkeypatch.undo()
    broken = begun(BASE)
    broken._unread_most = 16
    broken.run(1)
    with torch.no_grad():
        broken.module.get_parameter("5.bias").fill_(torch.nan)
    with pytest.raises(training.Diverged, match=r"the loss is nan after 1\.33 of 4 epochs"):
        broken.run()

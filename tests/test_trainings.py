"""Training folders: what they hold, that a kill costs one epoch at most, what is refused."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import commands
import pytest
import torch
import yaml

from archsearch import trainings
from archsearch.checkpoints import read_safetensors
from archsearch.datasets import DatasetConfig, load
from archsearch.documents import read
from archsearch.errors import InputError
from archsearch.space import architecture_of
from archsearch.store.sqlite_file import LOCK, locked
from archsearch.training import Training
from archsearch.training.evaluation import accuracy
from archsearch.training.images import DeviceImages
from archsearch.trainings import Plan, data_of, load_trained, recipe_of, train_in

NET = """\
schema: 1
name: dwarf
input: {channels: 3, resolution: 16}
stem: {patch: {size: 4}}
stages:
  - width: 8
    blocks: [{conv_encoder: {kernel: 3, expand: 1}}]
head: {norm: layer}
"""
DATA = "{name: digits, train: 200, validation: 100}"
SHORT = ["batch_size=50", "layer_scale=0.5", "augmentation.shift=0.1"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Results depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "dwarf.yaml"
    path.write_text(NET)
    return path


@pytest.fixture
def plan(net: Path) -> Plan:
    return Plan(
        architecture_of(read(net)), data_of(DATA), recipe_of(None, [*SHORT, "epochs=4"]), seed=5
    )


def unwatched(training: Training) -> Any:
    del training
    return lambda: None


def bits(folder: Path) -> dict[str, Any]:
    """All that a training has come to, without its clocks."""
    state = read_safetensors(folder / "checkpoint.safetensors")
    rows = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    best = read_safetensors(folder / "best.safetensors")
    plain = {n: t.numpy().tobytes() for n, t in state.items() if n not in ("seconds", "curve")}
    curve = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    return {**plain, "rows": curve, "best": {n: t.numpy().tobytes() for n, t in best.items()}}


call = partial(commands.call, "train")
refused = partial(commands.refused, "train")


def flags(folder: Path, epochs: int, *more: str) -> list[str]:
    sets = [word for change in SHORT for word in ("--set", change)]
    return ["--data", DATA, "--epochs", str(epochs), "--out", str(folder), "--threads", "1", *sets,
            *more]  # fmt: skip


def test_a_folder_holds_all_of_a_training(plan: Plan, tmp_path: Path) -> None:
    """Net, recipe, machine, curve, checkpoint; the best weights give the best accuracy again."""
    folder = tmp_path / "t"
    trained = train_in(folder, plan, unwatched)
    assert {path.name for path in folder.iterdir()} == {
        "net.yaml", "recipe.yaml", "environment.json", "curve.csv", "checkpoint.safetensors",
        "best.safetensors", "run.lock",
    }  # fmt: skip
    assert architecture_of(read(folder / "net.yaml")) == plan.net
    assert recipe_of(folder / "recipe.yaml") == plan.recipe
    rows = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    accuracies = [float(row["validation_accuracy"]) for row in rows]
    assert accuracies == [point.validation_accuracy for point in trained.curve]
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    made_by = json.loads((folder / "environment.json").read_text())["made_by"]
    assert made_by["threads"] == 1
    data = DeviceImages.of(load(plan.data), plan.size, torch.device("cpu"))
    assert accuracy(load_trained(folder), data) == max(accuracies)


def test_parts_of_a_training_are_the_whole(plan: Plan, tmp_path: Path) -> None:
    """Interrupted in the middle of the third epoch, and gone on with: not one bit differs."""
    train_in(tmp_path / "whole", plan, unwatched)

    def impatient(training: Training) -> Any:
        def changed() -> None:
            if training.step == 10:
                raise KeyboardInterrupt

        return changed

    with pytest.raises(KeyboardInterrupt):
        train_in(tmp_path / "parts", plan, impatient)
    assert read_safetensors(tmp_path / "parts" / "checkpoint.safetensors")["step"] == 8
    train_in(tmp_path / "parts", plan, unwatched, resume=True)
    assert bits(tmp_path / "parts") == bits(tmp_path / "whole")


@pytest.mark.parametrize("name", ["best.safetensors", "curve.csv", "checkpoint.safetensors"])
def test_a_kill_between_two_files_costs_nothing(
    plan: Plan, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file of the second epoch is the first that is missing."""
    train_in(tmp_path / "whole", plan, unwatched)
    replace_file, written = trainings._replace, []

    def failing(part: Path, path: Path) -> None:
        written.append(path.name)
        if written.count(name) == 2:
            raise KeyboardInterrupt
        replace_file(part, path)

    monkeypatch.setattr(trainings, "_replace", failing)
    with pytest.raises(KeyboardInterrupt):
        train_in(tmp_path / "parts", plan, unwatched)
    monkeypatch.undo()
    train_in(tmp_path / "parts", plan, unwatched, resume=True)
    assert bits(tmp_path / "parts") == bits(tmp_path / "whole")
    assert not list((tmp_path / "parts").glob(".*"))


def test_a_killed_process_goes_on(net: Path, tmp_path: Path) -> None:
    """SIGKILL at some moment after the first epoch; then the same command with --resume."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert call(net, *flags(whole, 60)).exit_code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "archsearch", "train", str(net), *flags(parts, 60)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (parts / "checkpoint.safetensors").exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 4 <= read_safetensors(parts / "checkpoint.safetensors")["step"] < 240
    result = call(net, *flags(parts, 60, "--resume"))
    assert result.exit_code == 0, result.output
    assert bits(parts) == bits(whole)


def test_the_command_prints_what_came_of_it(net: Path, tmp_path: Path) -> None:
    """A line an epoch while it works, then the accuracy, the best epoch, and the files."""
    result = call(net, *flags(tmp_path / "t", 2))
    assert result.exit_code == 0, result.output
    assert "epoch 1 of 2, loss" in result.stderr
    assert "left\n" in result.stderr
    assert "epoch 2 of 2, loss" in result.stderr
    assert "of 100 images" in result.stdout
    assert f"wrote {tmp_path / 't' / 'best.safetensors'}" in result.stdout
    again = call(net, *flags(tmp_path / "t", 2, "--resume"))
    assert again.exit_code == 0
    assert again.stdout == result.stdout
    assert again.stderr == ""


def test_resume_begins_where_there_is_nothing(net: Path, tmp_path: Path) -> None:
    """So that one command does for a machine that may go away at any time."""
    result = call(net, *flags(tmp_path / "t", 1, "--resume"))
    assert result.exit_code == 0
    assert "nothing to go on with, a new training begins" in result.stderr
    assert (tmp_path / "t" / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("more", "different"),
    [
        (["--set", "learning_rate=1e-4"], "recipe.learning_rate"),
        (["--epochs", "3"], "recipe.epochs"),
        (["--seed", "1"], "seed"),
        (["--resolution", "12"], "resolution"),
        (["--classes", "11"], "classes"),
        (["--data", "{name: digits, train: 150, validation: 100}"], "images"),
    ],
)
def test_a_folder_of_another_training_is_refused(
    net: Path, tmp_path: Path, more: list[str], different: str
) -> None:
    """With what is different, and the folder is left as it is."""
    folder = tmp_path / "t"
    assert call(net, *flags(folder, 1)).exit_code == 0
    before = bits(folder)
    assert f"(different: {different})" in refused(net, *flags(folder, 1, "--resume"), *more)
    assert bits(folder) == before


def test_another_net_in_the_folder_is_refused(net: Path, tmp_path: Path) -> None:
    """By its id, whatever it is called."""
    assert call(net, *flags(tmp_path / "t", 1)).exit_code == 0
    net.write_text(NET.replace("width: 8", "width: 12"))
    assert "(different: net)" in refused(net, *flags(tmp_path / "t", 1, "--resume"))


def test_a_folder_is_never_overwritten(net: Path, tmp_path: Path) -> None:
    """Neither a training nor anything else is."""
    assert call(net, *flags(tmp_path / "t", 1)).exit_code == 0
    assert "holds a training already; go on with --resume" in refused(
        net, *flags(tmp_path / "t", 1)
    )
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    assert "is not empty and holds no training" in refused(net, *flags(tmp_path / "thesis", 1))
    assert not (tmp_path / "thesis" / LOCK).exists()


def test_what_a_kill_left_of_a_beginning_is_no_obstacle(plan: Plan, tmp_path: Path) -> None:
    """A folder without its last first file was not begun yet."""
    train_in(tmp_path / "t", plan, unwatched)
    for path in (tmp_path / "t").iterdir():
        if path.name not in ("net.yaml", "recipe.yaml"):
            path.unlink()
    (tmp_path / "t" / ".environment.json.new").write_text('{"train')
    train_in(tmp_path / "t", plan, unwatched, resume=True)
    assert (tmp_path / "t" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--data", "digit"], "--data digit: name: .*did you mean 'digits'"),
        (["--data", "npz:no.npz"], "no.npz: no such file"),
        (["--data", "{name: digits, trian: 5}"], "unknown key 'trian'; did you mean 'train'"),
        (["--classes", "3"], "--classes 3: digits has 10 classes; give at least as many"),
        (["--resolution", "big"], "--resolution big: is no size in pixels"),
        (["--set", "learning_rate"], "--set learning_rate: expected PATH=VALUE, such as learning_"),
        (["--set", "lr=1"], "--set lr=1: lr: unknown key 'lr'"),
        (["--set", "optimizer=adam"], "got 'adam'; expected 'adamw', 'nadam', 'sgd' or 'muon'"),
        (["--recipe", "none.yaml"], "none.yaml: no such file"),
        (["--epochs", "0"], "epochs=0.0: epochs: got 0"),
        (["--set", "time_limit_s=1e-9"], "over time_limit_s"),
        (["--set", "learning_rate=1e30"], "no longer finite|the loss is"),
    ],
)
def test_mistakes_end_with_code_2(net: Path, tmp_path: Path, args: list[str], message: str) -> None:
    """One line that says what was given, what holds and what to do."""
    said = refused(net, *flags(tmp_path / "t", 1), *args)
    assert re.search(message, said), said


def test_a_recipe_file_is_read_under_the_flags(net: Path, tmp_path: Path) -> None:
    """The file's keys, changed by --set and --epochs; no limit of time where it gives none."""
    path = tmp_path / "r.yaml"
    path.write_text("epochs: 7\nlearning_rate: 1e-3\naugmentation: {flip: 0.5}\n")
    recipe = recipe_of(path, ["augmentation.shift=0.1", "epochs=2.0"])
    assert (recipe.epochs, recipe.learning_rate, recipe.time_limit_s) == (2, 1e-3, None)
    assert (recipe.augmentation.flip, recipe.augmentation.shift) == (0.5, 0.1)
    path.write_text("epochs: 7\nlearning_rat: 1\n")
    assert "r.yaml:2: learning_rat: unknown key" in refused(
        net, *flags(tmp_path / "t", 1), "--recipe", path
    )
    path.write_text("[1, 2]")
    with pytest.raises(InputError, match="expected a recipe"):
        recipe_of(path)


def test_two_processes_cannot_train_in_one_folder(net: Path, tmp_path: Path) -> None:
    """The second is told which process is there; the first is not disturbed."""
    with closing(locked(tmp_path / "t" / "checkpoint.safetensors")):
        found = refused(net, *flags(tmp_path / "t", 1))
    assert f"process {os.getpid()} (or one that it started) is writing here" in found
    assert call(net, *flags(tmp_path / "t", 1)).exit_code == 0


def test_data_is_named_in_short_or_as_in_a_study() -> None:
    """A source, its path behind a colon, or a mapping."""
    assert data_of("mnist5k") == DatasetConfig(name="mnist5k")
    assert data_of("npz:a/b.npz") == DatasetConfig(name="npz", path=Path("a/b.npz"))
    expected = DatasetConfig(name="folder", path=Path("x"), size=32, train=9)
    assert data_of("{name: folder, path: x, size: 32, train: 9}") == expected


def test_a_net_trains_at_its_own_resolution_times_scale(plan: Plan) -> None:
    """Unless another is given."""
    half = plan.recipe.model_copy(update={"scale": 0.5})
    assert plan.size == (16, 16)
    assert replace(plan, recipe=half).size == (8, 8)
    assert replace(plan, resolution=20).size == 20


def test_weights_of_a_folder_without_an_epoch_are_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(InputError, match=r"holds no trained net .* archsearch train"):
        load_trained(tmp_path)


def test_the_stored_recipe_is_a_study_s(plan: Plan, tmp_path: Path) -> None:
    """Every key of recipe.yaml may stand under ``training`` in a study."""
    train_in(tmp_path / "t", plan, unwatched)
    data = yaml.safe_load((tmp_path / "t" / "recipe.yaml").read_text())
    assert type(plan.recipe).model_validate(data) == plan.recipe

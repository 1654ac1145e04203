"""A training that waits at a rung is a shortcut: without it, the numbers are the same."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.checkpoints import read_safetensors, save_safetensors
from archsearch.datasets import Images, load
from archsearch.evaluate import Job, Outcome, Package, Workbench
from archsearch.pauses import Pauses
from archsearch.study import Study
from archsearch.training import Training

WHOLE = 2.5
RUNGS = (0.7, 1.0, 2.0)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's folder for temporary files, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def images(tiny_study: Study) -> Images:
    return load(tiny_study.settings.data)


@pytest.fixture
def job(tiny_study: Study) -> Job:
    net = tiny_study.space.sample(np.random.default_rng(1))
    return Job(7, net.to_data(), 5)


@pytest.fixture
def study(tiny_study: Study) -> Study:
    """Two and a half epochs, twice, an augmentation that draws, a point every second epoch."""
    recipe = tiny_study.settings.training.model_copy(
        update={"epochs": WHOLE, "seeds": 2, "evaluate_every": 2, "ema_decay": 0.9}
    )
    return replace(tiny_study, settings=tiny_study.settings.model_copy(update={"training": recipe}))


def at(study: Study, images: Images, job: Job) -> Outcome:
    """One leg by a worker that was just started."""
    (outcome,) = Workbench(study, images).evaluate(Package("train", (job,)))
    assert outcome.error is None
    return outcome


def ladder(study: Study, images: Images, job: Job, between: Any = None) -> list[Outcome]:
    """All legs of a trial; ``between`` is called with the folder of the pauses after each."""
    found, reached = [], 0.0
    for until in (*RUNGS, None):
        found.append(at(study, images, replace(job, until=until, reached=reached)))
        reached = until or WHOLE
        if between is not None:
            between(Pauses(study.identity).folder)
    return found


def numbers(outcomes: list[Outcome]) -> Any:
    values = [(m.name, m.value, m.sd, m.n) for o in outcomes for m in o.measures]
    curve = [
        (p.repetition, p.epoch, p.train_loss, p.validation_accuracy)
        for o in outcomes
        for p in o.curve
    ]
    return [v for v in values if v[0] != "train_s"], sorted(curve)


def delete(folder: Path) -> None:
    for path in folder.glob("*"):
        path.unlink()


def cut(folder: Path) -> None:
    for path in folder.glob("*"):
        path.write_bytes(path.read_bytes()[:-100])


def swap(folder: Path) -> None:
    """Each repetition finds what the other one left."""
    for path in folder.glob("*-0.*"):
        other = path.with_name(path.name.replace("-0.", "-1."))
        content = path.read_bytes()
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)


def leave_out(folder: Path) -> None:
    """What is found fails only once the weights are in place."""
    for path in folder.glob("*"):
        tensors = read_safetensors(path)
        tensors.pop("random.batches", None)
        save_safetensors(tensors, path)


def open_to_all(folder: Path) -> None:
    folder.chmod(0o777)


def nothing(_: Path) -> None:
    pass


@pytest.mark.parametrize("between", [nothing, delete, cut, swap, leave_out, open_to_all])
def test_a_training_in_legs_is_the_training_in_one(
    study: Study, images: Images, job: Job, between: Any
) -> None:
    """Equal to the last bit, whether pauses are found, missing, damaged, foreign or not private."""
    (whole,) = [at(study, images, job)]
    legs = ladder(study, images, job, between)
    names = [[m.name for m in outcome.measures] for outcome in legs]
    assert names == [
        *([f"val_accuracy@{epochs:g}"] for epochs in RUNGS),
        ["val_accuracy", "train_s"],
    ]
    values, curve = numbers(legs)
    assert (values[-1:], curve) == numbers([whole])
    first = legs[0].measures[0]
    assert (first.n, first.count, first.stage) == (2, 100, "train")


def test_a_pause_saves_the_epochs_before_it(
    study: Study, images: Images, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each leg makes only its own steps."""
    steps: list[int] = []
    real = Training._make_step

    def counting(training: Training) -> Any:
        steps.append(training.step)
        return real(training)

    monkeypatch.setattr(Training, "_make_step", counting)
    ladder(study, images, job)
    per_epoch = -(-len(images.train_y) // study.settings.training.batch_size)
    assert sorted(steps) == sorted(2 * list(range(round(WHOLE * per_epoch))))


def test_what_lies_beyond_the_rung_is_left_alone(study: Study, images: Images, job: Job) -> None:
    """A run that was deleted and begun anew finds later pauses, and does not take them."""
    whole = numbers(ladder(study, images, job)[:2])
    at(study, images, replace(job, until=2.0, reached=1.0))
    again = [
        at(study, images, replace(job, until=RUNGS[0])),
        at(study, images, replace(job, until=RUNGS[1], reached=RUNGS[0])),
    ]
    assert numbers(again) == whole
    at(study, images, replace(job, until=2.0, reached=1.0))
    again[1] = at(study, images, replace(job, until=RUNGS[1], reached=RUNGS[0]))
    assert numbers(again) == whole


def test_another_net_of_the_same_number_is_not_taken(
    study: Study, images: Images, job: Job
) -> None:
    """Asynchronous runs of one study can give a number to different nets of equal weights."""
    pauses, recipe = Pauses(study.identity), study.settings.training

    def begin() -> Training:
        network, size = Workbench(study, images).network(job, "train", 0)
        return Training(network, images, recipe, size, seed=1)

    training = begin()
    training.run(1.0)
    pauses.keep(training, 7, "net", 0)
    assert pauses.resume(begin, 7, "net", 0, until=2.0).step == training.step
    assert pauses.resume(begin, 7, "other", 0, until=2.0).step == 0


def test_pauses_are_private_and_go_with_their_trials(
    study: Study, images: Images, job: Job, scratch: Path
) -> None:
    """Nobody else can read or write them; no part of a file stays; the folder goes last."""
    for number in (7, 8):
        at(study, images, replace(job, number=number, until=1.0))
    folder = scratch / f"archsearch-rungs-{study.identity}"
    names = sorted(path.name.partition("-")[0] for path in folder.iterdir())
    assert names == ["7", "7", "8", "8"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    pauses = Pauses(study.identity)
    pauses.drop({7})
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == {"8"}
    pauses.drop({8, 9})
    assert not folder.exists()
    pauses.drop({8})


def test_a_new_generation_sweeps_those_before_it(study: Study, images: Images, job: Job) -> None:
    """On a node that the driver does not reach; a generation has four trials here."""
    for number in (1, 3, 7):
        at(study, images, replace(job, number=number, until=1.0))
    left = {path.name.partition("-")[0] for path in Pauses(study.identity).folder.iterdir()}
    assert left == {"3", "7"}


def test_a_disk_that_takes_nothing_fails_no_trial(
    study: Study, images: Images, job: Job, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rung is reached, and nothing is left behind."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archsearch.pauses.save_safetensors", full)
    outcome = at(study, images, replace(job, until=1.0))
    assert outcome.measures[0].name == "val_accuracy@1"
    assert not any(path.is_file() for path in scratch.rglob("*"))


def test_a_link_is_no_scratch_folder(study: Study, images: Images, job: Job, scratch: Path) -> None:
    """What another user may have put in its place is not written to."""
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    Pauses(study.identity).folder.symlink_to(elsewhere)
    at(study, images, replace(job, until=1.0))
    assert not list(elsewhere.iterdir())

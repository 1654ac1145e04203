"""``archsearch run``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from commands import call, printed, refused
from tiny_files import STUDY

from archsearch.documents import read
from archsearch.results import open_run

PROCESS = [sys.executable, "-m", "archsearch"]


def test_a_run_prints_its_front_and_writes_it(tmp_path: Path) -> None:
    """In a real process: a table, what was done on the way, and two files that say the same."""
    done = subprocess.run(
        [*PROCESS, "run", STUDY, "--trials", "4"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "tiny"
    front = open_run(folder).pareto()
    assert "tiny is complete: 4 of 4 trials are done" in done.stdout
    assert re.search(r"screened \d\d, rejected .*, scored 4, trained 2, failed 0", done.stdout)
    assert "wrote runs/tiny/pareto.csv and runs/tiny/front.png" in done.stdout
    assert re.search(r"0\.\d{3} ± 0\.\d{3} +\d+(\.\d+)? k", done.stdout)
    for net, blocks in zip(front["net"], front["blocks"], strict=True):
        assert net in done.stdout
        assert blocks.strip() in done.stdout
    rows = list(csv.DictReader((folder / "pareto.csv").read_text().splitlines()))
    assert [row["net"] for row in rows] == list(front["net"])
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "generation 0" in done.stderr
    assert "finished: 4 of 4 trials done" in done.stderr


def test_a_complete_run_says_so_and_prints_the_same(run_copy: Path) -> None:
    """Nothing is done again."""
    before = open_run(run_copy).trials
    output = printed("run", STUDY, "--out", run_copy)
    assert "tiny was already complete: 8 of 8 trials are done" in output
    assert open_run(run_copy).pareto()["net"][0] in output
    assert open_run(run_copy).trials.equals(before)


def test_a_larger_budget_goes_on(run_copy: Path) -> None:
    """What was there stays, and what is new comes behind it."""
    before = open_run(run_copy).trials["architecture_id"]
    assert "tiny is complete: 10 of 10" in printed("run", STUDY, "--out", run_copy, "--trials", 10)
    after = open_run(run_copy).trials["architecture_id"]
    assert len(after) == 10
    assert list(after[:8]) == list(before)
    assert "10 of 10 done" in printed("status", run_copy)


def test_a_run_without_time_says_that_there_is_no_front(tmp_path: Path) -> None:
    """Instead of an empty table."""
    output = printed("run", STUDY, "--out", tmp_path / "r", "--minutes", "1e-9")
    assert "out of time: 0 of 8 trials are done; a larger --minutes goes on" in output
    assert "no trial was completed, so there is no front yet" in output
    assert not (tmp_path / "r" / "pareto.csv").exists()


def test_a_run_in_which_every_trial_fails_says_why(tmp_path: Path) -> None:
    """With the reasons beside the number."""
    output = printed(
        "run", STUDY, "--out", tmp_path / "r", "--trials", 4, "--set", "training.time_limit_s=1e-9"
    )
    assert re.search(r"failed \d \(\d train: ", output)
    assert "no trial was completed" in output


@pytest.mark.parametrize("engine", ["engine: {name: ray, workers: 1, threads: 1}", "engine: ray"])
def test_the_engine_can_be_changed_in_either_form(
    changed_study: Callable[..., Path], engine: str, tmp_path: Path
) -> None:
    """The rest of the engine's settings stays."""
    path = changed_study(("engine: {name: local, workers: 1, threads: 1}", engine))
    output = printed(
        "run", path, "--out", tmp_path / "r", "--engine", "local", "--trials", 1, "--set",
        "start.keep=0",
    )  # fmt: skip
    assert "1 of 1 trials are done" in output
    written = read(tmp_path / "r" / "study.yaml").data["engine"]
    assert written["name"] == "local"


def test_an_interrupted_run_ends_with_130_and_goes_on(tmp_path: Path) -> None:
    """Control-C in a real process: one line, no traceback, and the same command finishes it."""
    arguments = ["run", str(STUDY), "--out", str(tmp_path / "r"), "--trials", "4000"]
    process = subprocess.Popen(
        [*PROCESS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, a shell has made them and theirs deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    while not re.search("[1-9] of 4000 trials done", process.stderr.readline()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("stopped; the same command goes on\n")
    assert "Traceback" not in errors
    left = open_run(tmp_path / "r").summary()
    assert 1 <= left.done < 4000
    output = printed("run", STUDY, "--out", tmp_path / "r", "--trials", left.done + left.waiting)
    assert "is complete" in output


# What a run refuses


def test_a_missing_study_is_refused(tmp_path: Path) -> None:
    """With its path."""
    assert "no.yaml: no such file" in refused("run", tmp_path / "no.yaml")


BAD_FILES = {
    "broken YAML": ("sampler: random", "sampler: [random", r"tiny_study.yaml:\d+: broken YAML"),
    "a space that is not there": ("space: tiny.yaml", "space: none.yaml", "none.yaml: no such"),
    "an unknown block": (
        "gnconv:", "gnconw:", r"tiny\.yaml:16: stages\.1\.blocks\.0.*gnconw.*did you mean 'gnconv'",
    ),
    "an impossible range": (
        "repeat: {int: [0, 1]}", "repeat: {int: [3, 1]}", r"tiny\.yaml:13: .*repeat.*low=3 high=1",
    ),
    "an unknown key": (
        "seed: 3", "sead: 3", r"tiny_study\.yaml:4: sead: unknown key 'sead'; did you mean 'seed'",
    ),
    "objectives that contradict": (
        "{minimize: macs}", "{minimize: val_accuracy}",
        "objectives.1: val_accuracy is already to be maximized; keep one of the two",
    ),
    "an unknown measure": (
        "{minimize: macs}", "{minimize: mac}", "unknown measure 'mac'; did you mean 'macs'",
    ),
    "an unknown sampler": ("sampler: random", "sampler: ramdom", "did you mean 'random'"),
    "an unknown source": ("name: digits", "name: digit", "did you mean 'digits'"),
    "images that are not there": (
        "{name: digits, train: 200, validation: 100}", "{name: cifar10, path: nowhere}", "nowhere",
    ),
    "more images than there are": ("train: 200", "train: 200000", "200000 images need"),
    "a limit that no member meets": (
        "at_most: 20000", "at_most: 100",
        r"constraints\.params: no member of tiny meets at_most:? 100; .* found has 1,\d{3}",
    ),
    "a budget of nothing": ("trials: 8", "trials: 0", "budget.trials: got 0"),
    "an unknown engine": ("name: local", "name: slurm", "engine.name: got 'slurm'"),
    "a published net that is no member": (
        "keep: 3", "keep: 3, nets: [edgenext_xx_small]", "edgenext_xx_small is not a member",
    ),
    "another version": ("schema: 1", "schema: 7", "got schema 7|got 7"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_study_is_refused_and_runs_are_left_alone(
    changed_study: Callable[..., Path], untouched: Path, old: str, new: str, message: str
) -> None:
    """Exit code 2, one line that says what and where, and nothing written: new run or old one."""
    path = changed_study((old, new))
    assert re.search(message, refused("run", path, "--out", path.parent / "new"))
    assert not (path.parent / "new").exists()
    refused("run", path, "--out", untouched)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.trials", r"--set budget\.trials: expected PATH=VALUE"),
        ("=3", "--set =3: expected PATH=VALUE"),
        ("budget.trails=3", "unknown key 'trails'; did you mean 'trials'"),
        ("budget.trials=many", "--set budget.trials=many: budget.trials: got 'many'"),
        ("objectives.7={minimize: params}", "--set objectives.7=.*: there is no 7"),
        ("training.epochs=[", r"--set training\.epochs=\[.*broken YAML"),
    ],
)
def test_a_bad_override_is_refused(untouched: Path, override: str, message: str) -> None:
    """With the override as the place of the error."""
    assert re.search(message, refused("run", STUDY, "--out", untouched, "--set", override))


def test_the_folder_of_another_study_is_refused(untouched: Path) -> None:
    """Saying what differs."""
    message = refused("run", STUDY, "--out", untouched, "--set", "seed=4")
    assert "holds the run of another study (different: seed)" in message


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """And they are left alone."""
    (tmp_path / "letter.txt").write_text("dear")
    assert "is not empty and holds no run" in refused("run", STUDY, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_full_disk_is_said_and_nothing_is_lost(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is safe, and what to do."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "front.png")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    result = call("run", STUDY, "--out", run_copy)
    assert result.exit_code == 2
    assert "error: front.png: the disk is full; every finished trial is safe" in result.stderr
    assert "give the same command again" in result.stderr
    assert len(open_run(run_copy).trials) == 8


def test_the_written_study_begins_the_same_run(tmp_path: Path, tiny_run: Path) -> None:
    """The study in a run folder is self-contained."""
    (tmp_path / "alone.yaml").write_text((tiny_run / "study.yaml").read_text())
    output = printed("run", tmp_path / "alone.yaml", "--out", tmp_path / "r", "--trials", 1)
    assert "1 of 1 trials are done" in output
    assert yaml.safe_load((tmp_path / "r" / "study.yaml").read_text())["space"]["name"] == "tiny"
    ours, theirs = (
        open_run(path).trials["architecture_id"][0] for path in (tmp_path / "r", tiny_run)
    )
    assert ours == theirs

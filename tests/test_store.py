"""The run's database: what goes in comes out, whole or not at all, whatever kills the writer."""

from __future__ import annotations

import json
import math
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from archsearch.errors import InputError
from archsearch.store import Store, StoreFull, trials_frame  # noqa: F401 (for programs)
from archsearch.trial import CurvePoint, Measured, Trial

STUDY = {"name": "s", "objectives": [{"maximize": "val_accuracy"}], "seed": 1}
ENVIRONMENT = {"torch": "2.13", "threads": 1}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LABELS = st.one_of(
    TEXTS, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
NUMBERS = st.one_of(st.floats(allow_nan=False), st.integers(-(2**53), 2**53))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        yield store


def a_trial(number: int, generation: int = 0) -> Trial:
    """A trial as the screen leaves it."""
    return Trial(
        number=number,
        generation=generation,
        origin="sampler",
        choices={"stages.0.width": 32, "head.norm": "layer"},
        architecture_id=f"id{number}",
        architecture={"stages": [{"width": 32}]},
        seed=number,
        note={"generation": 1},
        measures={"params": Measured("params", 5e6, "screen")},
    )


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    measures = {
        name: Measured(
            name,
            draw(NUMBERS),
            draw(st.sampled_from(["screen", "latency", "score", "train"])),
            n=draw(st.integers(1, 9)),
            sd=draw(st.none() | st.floats(0, 1e9)),
            count=draw(st.integers(0, 10**6)),
            seconds=draw(st.floats(0, 1e9)),
        )
        for name in draw(st.sets(TEXTS, max_size=4))
    }
    return Trial(
        number=0,
        generation=0,
        origin=draw(TEXTS),
        choices=draw(st.dictionaries(TEXTS, LABELS, max_size=5)),
        architecture_id=draw(TEXTS),
        architecture=draw(st.dictionaries(TEXTS, st.lists(LABELS, max_size=3), max_size=3)),
        seed=draw(st.integers(0, 2**32 - 1)),
        note=draw(st.dictionaries(TEXTS, st.dictionaries(TEXTS, LABELS, max_size=3), max_size=3)),
        state=draw(st.sampled_from(["waiting", "stopped", "failed"])),
        measures=measures,
        told=draw(st.none() | st.lists(NUMBERS.filter(math.isfinite), max_size=3).map(tuple)),
        error=draw(st.none() | TEXTS),
    )


@settings(max_examples=40, deadline=None)
@given(trials())
def test_a_trial_comes_back_as_it_went_in(trial: Trial) -> None:
    """Labels keep value and type, measures keep their order, through a file that is reopened."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.sqlite"
        with Store.create(file, STUDY, "abc", ENVIRONMENT) as store:
            store.add_generation(0, {}, [trial], 0.0)
        with Store.open(file) as reader:
            (found,) = reader.trials()
    assert found == trial
    assert list(found.measures) == list(trial.measures)
    types = {path: type(label) for path, label in trial.choices.items()}
    assert {path: type(label) for path, label in found.choices.items()} == types


def test_what_the_run_is_comes_back(store: Store, path: Path) -> None:
    """Study, identity, environment and date are readable from the file alone."""
    with Store.open(path) as reader:
        assert reader.study == STUDY
        assert reader.identity == "abc"
        assert reader.environment == ENVIRONMENT
        assert reader.created == store.created
        assert reader.created.endswith("+00:00")


def test_a_run_is_remembered_step_by_step(store: Store) -> None:
    """Generation, stages and end of a generation are found again, each in its place."""
    counts = {"asked": 5, "duplicate": 2, "over:params": 1, "accepted": 2}
    store.add_generation(0, counts, [a_trial(0), a_trial(1)], 0.25)
    store.record(0, "score", [Measured("az_nas", 0.5, "score", n=3, sd=0.1)])
    store.record(1, "score", [], state="failed", error="score: out of memory")
    waiting, failed = store.trials()
    assert (waiting.state, waiting.stage, waiting.finished_s) == ("waiting", "score", None)
    assert (failed.state, failed.error) == ("failed", "score: out of memory")
    curve = (CurvePoint(0, 0.5, 2.3, 0.1, 1.0), CurvePoint(0, 1.0, 1.9, 0.2, 2.0))
    accuracy = Measured("val_accuracy", 0.2, "train", n=1, count=500, seconds=2.0)
    store.record(0, "train", [accuracy], curve, state="complete")
    store.settle(0, {0: ("complete", (0.2, 5e6)), 1: ("failed", None)})
    complete, failed = store.trials()
    assert complete.measures["val_accuracy"] == accuracy
    assert (complete.stage, complete.state, complete.told) == ("train", "complete", (0.2, 5e6))
    assert (failed.state, failed.told) == ("failed", None)
    assert complete.finished_s is not None
    assert failed.finished_s is not None
    assert complete.finished_s >= failed.finished_s
    assert store.curves() == {0: curve}
    assert store.known_ids() == {"id0", "id1"}
    (generation,) = store.generations()
    assert (generation.number, generation.counts, generation.settled) == (0, counts, True)
    assert generation.sampler_s == 0.25


def test_numbers_that_are_none_come_back_as_nan(store: Store) -> None:
    """A measure or a loss that is NaN stays NaN, an infinite one infinite."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    measures = [Measured("a", math.nan, "train"), Measured("b", -math.inf, "train")]
    store.record(0, "train", measures, [CurvePoint(0, 1.0, math.nan, math.inf, 1.0)])
    (trial,) = store.trials()
    assert math.isnan(trial.measures["a"].value)
    assert trial.measures["b"].value == -math.inf
    (point,) = store.curves()[0]
    assert math.isnan(point.train_loss)
    assert point.validation_accuracy == math.inf


def test_numbers_of_numpy_and_any_message_are_taken(store: Store) -> None:
    """numpy's floats are numbers, and a broken message of a failed trial is stored escaped."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    single: Any = np.float32(0.25)
    measures = [Measured("a", single, "train")]
    store.record(0, "train", measures, error="bad \ud800 \x00", state="failed")
    store.settle(0, {0: ("stopped", (np.float64(0.5), 3))})
    (trial,) = store.trials()
    assert trial.measures["a"].value == 0.25
    assert trial.told == (0.5, 3.0)
    assert trial.error == "bad \\ud800 \x00"


def test_free_form_content_is_json_text(store: Store, path: Path) -> None:
    """Nothing in the file needs Python to be read, or could run when read."""
    store.add_generation(0, {"asked": 1}, [a_trial(0)], 0.0)
    connection = sqlite3.connect(path)
    columns = "choices, architecture, note"
    (row,) = connection.execute(f"SELECT {columns} FROM trials").fetchall()  # noqa: S608
    kinds = connection.execute("SELECT DISTINCT typeof(value) FROM meta").fetchall()
    connection.close()
    expected = a_trial(0)
    assert list(map(json.loads, row)) == [expected.choices, expected.architecture, expected.note]
    assert ("blob",) not in kinds


@pytest.mark.parametrize("stage", ["screen", "score"])
def test_a_stage_is_recorded_once(store: Store, stage: str) -> None:
    """A stage that is recorded, or that lies before it, cannot come again."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    store.record(0, "score", [Measured("a", 1.0, "score")])
    with pytest.raises(ValueError, match=f"trial 0: '{stage}' cannot follow the stage 'score'"):
        store.record(0, stage, [Measured("b", 2.0, "score")])  # type: ignore[arg-type]
    assert set(store.trials()[0].measures) == {"params", "a"}


def test_nothing_follows_the_end_of_a_trial(store: Store) -> None:
    """A failed trial stays as it failed, and an unknown one is refused."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    store.record(0, "score", [], state="failed", error="score: broke")
    with pytest.raises(ValueError, match="trial 0: is failed; 'train' cannot follow"):
        store.record(0, "train", [Measured("a", 1.0, "train")])
    with pytest.raises(ValueError, match="trial 7: is not in"):
        store.record(7, "train", [])
    assert store.trials()[0].error == "score: broke"


def test_a_generation_is_settled_once_and_whole(store: Store) -> None:
    """An end that leaves out a trial, names another's, or comes twice is refused unstored."""
    store.add_generation(0, {}, [a_trial(0), a_trial(1)], 0.0)
    with pytest.raises(ValueError, match=r"generation 0: has the trials \[0, 1\]; got \[0\]"):
        store.settle(0, {0: ("stopped", None)})
    with pytest.raises(ValueError, match="generation 1: is unknown or settled already"):
        store.settle(1, {})
    assert [trial.state for trial in store.trials()] == ["waiting", "waiting"]
    store.settle(0, {0: ("stopped", None), 1: ("stopped", None)})
    with pytest.raises(ValueError, match="generation 0: is unknown or settled already"):
        store.settle(0, {0: ("stopped", None), 1: ("stopped", None)})


def test_a_generation_without_trials_is_a_generation(store: Store) -> None:
    """What the screen counted is kept even if it accepted nothing."""
    store.add_generation(0, {"asked": 2000, "duplicate": 2000}, [], 3.0)
    store.settle(0, {})
    assert [(g.counts["duplicate"], g.settled) for g in store.generations()] == [(2000, True)]
    assert store.trials() == []


def test_a_generation_is_stored_whole_or_not_at_all(store: Store) -> None:
    """One architecture that is known already keeps the whole generation out."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    again = Trial(**{**vars(a_trial(2, 1)), "architecture_id": "id0"})
    with pytest.raises(IntegrityError, match="architecture_id"):
        store.add_generation(1, {"accepted": 2}, [a_trial(1, 1), again], 0.0)
    assert [trial.number for trial in store.trials()] == [0]
    assert [generation.number for generation in store.generations()] == [0]


def test_active_time_is_summed_over_starts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time between a stop and the next start does not count, nor does a clock that is set."""
    clock = SimpleNamespace(steady=100.0, wall=1e9)
    fake = SimpleNamespace(monotonic=lambda: clock.steady, time=lambda: clock.wall)
    monkeypatch.setattr("archsearch.store.store.time", fake)
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        clock.steady, clock.wall = 160.0, 5e8
        assert store.active_seconds() == pytest.approx(60)
    clock.steady, clock.wall = 10_000.0, 2e9
    with Store.open(path, write=True) as store:
        clock.steady += 5
        store.touch()
        clock.steady += 2
        with Store.open(path) as reader:
            assert reader.active_seconds() == pytest.approx(65)
        assert store.active_seconds() == pytest.approx(67)
    with Store.open(path) as reader:
        assert reader.active_seconds() == pytest.approx(67)


def test_a_reader_sees_a_run_that_goes_on(store: Store, path: Path) -> None:
    """A reader opened early sees every later write, and cannot write itself."""
    with Store.open(path) as reader:
        assert reader.trials() == []
        store.add_generation(0, {}, [a_trial(0)], 0.0)
        assert [trial.number for trial in reader.trials()] == [0]
        with pytest.raises(InputError, match="readonly"):
            reader.add_generation(1, {}, [], 0.0)


def test_a_reader_is_not_held_up_by_a_transaction(store: Store, path: Path) -> None:
    """While a write is under way a reader sees the state before it, at once."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    writing = sqlite3.connect(path, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    writing.execute("DELETE FROM measures")
    with Store.open(path) as reader:
        assert reader.trials() == [a_trial(0)]
    writing.execute("ROLLBACK")
    writing.close()


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    """Text, an empty file and another program's database are named as what they are not."""
    with pytest.raises(InputError, match=r"run\.sqlite: no such file"):
        Store.open(path)
    path.write_text("stages: 3\n" * 100)
    with pytest.raises(InputError, match=r"is no run of archsearch \(file is not a database\)"):
        Store.open(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is no run of archsearch"):
        Store.open(path, write=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE studies (study_id INTEGER)")
    connection.close()
    with pytest.raises(InputError, match="is no run of archsearch"):
        Store.open(path)


def test_a_refused_file_is_free_again(path: Path) -> None:
    """Opening the wrong file for writing leaves no lock behind."""
    path.write_text("no database" * 100)
    for _ in range(2):
        with pytest.raises(InputError, match="is no run of archsearch"):
            Store.open(path, write=True)


def test_a_damaged_file_is_said_to_be_damaged(path: Path) -> None:
    """A file cut short is an error for the user, not a crash."""
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        store.add_generation(0, {}, [a_trial(i) for i in range(200)], 0.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="restore it from a copy"), Store.open(path) as reader:
        reader.trials()


def test_a_newer_schema_is_refused(path: Path) -> None:
    """A run of a later version is left alone, and both versions are named."""
    Store.create(path, STUDY, "abc", ENVIRONMENT).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
    connection.close()
    with pytest.raises(InputError, match=r"another version of archsearch \(schema 2, .* reads 1\)"):
        Store.open(path)


def test_a_run_is_begun_once(store: Store, path: Path) -> None:
    """A run's file is never overwritten."""
    store.close()
    with pytest.raises(InputError, match="exists; go on with its run or choose another folder"):
        Store.create(path, STUDY, "abc", ENVIRONMENT)
    with Store.open(path) as reader:
        assert reader.identity == "abc"


def test_a_beginning_that_was_killed_is_no_run(path: Path) -> None:
    """What a killed beginning left behind neither counts as a run nor stands in the way of one."""
    path.with_name(".run.sqlite.new").write_bytes(b"half a database")
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        store.add_generation(0, {}, [a_trial(0)], 0.0)
    assert {file.name for file in path.parent.iterdir()} == {"run.sqlite", "run.lock"}


def test_one_process_writes(store: Store, path: Path) -> None:
    """A second writer is told which process is writing; after it closes, the next may."""
    with pytest.raises(InputError, match=rf"process {os.getpid()} .* is writing this run"):
        Store.open(path, write=True)
    found = run_python("Store.open(path, write=True)", path)
    assert f"process {os.getpid()}" in found.stderr
    store.close()
    Store.open(path, write=True).close()


WRITER = """
    store = Store.open(path, write=True)
    print("ready", flush=True)
    first = len(store.trials())
    for generation in range(len(store.generations()), 10_000):
        trials = [a_trial(first + i, generation) for i in range(8)]
        first += 8
        store.add_generation(generation, {"accepted": 8}, trials, 0.0)
        for trial in trials:
            points = [CurvePoint(0, float(e), 1.0, 0.5, 1.0) for e in range(5)]
            measures = [Measured(name, 1.0, "train") for name in ("val_accuracy", "train_s")]
            store.record(trial.number, "train", measures, points, state="complete")
        store.settle(generation, {trial.number: ("complete", (1.0,)) for trial in trials})
"""


def test_a_killed_writer_leaves_whole_transactions(path: Path) -> None:
    """SIGKILL at any moment: generations, stages and ends are there whole or not at all."""
    Store.create(path, STUDY, "abc", ENVIRONMENT).close()
    moments = random.Random(5)
    seen = 0
    for _ in range(4):
        process = start_python(WRITER, path)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Store.open(path) as reader:
            assert_whole(reader)
            assert len(reader.trials()) > seen
            seen = len(reader.trials())


def assert_whole(store: Store) -> None:
    curves, trials, generations = store.curves(), store.trials(), store.generations()
    assert len(trials) == sum(generation.counts["accepted"] for generation in generations)
    settled = {generation.number for generation in generations if generation.settled}
    for trial in trials:
        trained = trial.stage == "train"
        assert (trial.state == "complete") == trained
        assert set(trial.measures) == (
            {"params", "val_accuracy", "train_s"} if trained else {"params"}
        )
        assert len(curves.get(trial.number, ())) == (5 if trained else 0)
        assert (trial.told is not None) == (trial.generation in settled)


FILLER = """
    store = Store.open(path, write=True)
    generation = 0
    try:
        while True:
            trials = [a_trial(8 * generation + i, generation) for i in range(8)]
            store.add_generation(generation, {"accepted": 8}, trials, 0.0)
            generation += 1
    except StoreFull as error:
        print(f"{generation} generations; {error}")
    store.close()
"""


def test_a_write_that_does_not_fit_is_told_and_loses_nothing(path: Path) -> None:
    """A limit on the size of files, as of a quota: the message helps, the run can go on."""
    Store.create(path, STUDY, "abc", ENVIRONMENT).close()
    limit = 400_000
    found = run_python(
        FILLER, path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert_full(found, path)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The same on a file system of half a megabyte."""
    code = 'Store.create(path, {}, "abc", {}).close()\n' + textwrap.dedent(FILLER)
    code += "assert len(Store.open(path).generations()) == generation > 3\n"
    mounted = in_namespace(
        f"mount -t tmpfs -o size=512k none {tmp_path} && {sys.executable} - {tmp_path}/run.sqlite",
        program(code),
    )
    assert mounted.returncode == 0, mounted.stderr
    assert "everything stored so far is safe. Free some space" in mounted.stdout


def test_a_run_on_a_read_only_disk_can_be_read(tmp_path: Path) -> None:
    """A finished run opens where SQLite can make no files beside it; writing is refused."""
    code = """
        import subprocess
        folder = str(path.parent)
        Store.create(path, {}, "abc", {}).close()
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        store = Store.open(path)
        print(store.identity)
        try:
            Store.open(path, write=True)
        except InputError as error:
            print(error)
    """
    mounted = in_namespace(
        f"mount -t tmpfs none {tmp_path} && {sys.executable} - {tmp_path}/run.sqlite", program(code)
    )
    assert mounted.returncode == 0, mounted.stderr
    assert "abc\n" in mounted.stdout
    assert "check the folder and its rights" in mounted.stdout


def assert_full(found: subprocess.CompletedProcess[str], path: Path) -> None:
    """The writer said that it was full, its generations are there, and writing goes on."""
    assert "everything stored so far is safe. Free some space" in found.stdout, found.stderr
    stored = int(found.stdout.split()[0])
    with Store.open(path, write=True) as store:
        assert [generation.number for generation in store.generations()] == list(range(stored))
        assert len(store.trials()) == 8 * stored > 0
        store.add_generation(stored, {}, [a_trial(8 * stored, stored)], 0.0)


def test_a_frame_has_a_row_a_trial(store: Store) -> None:
    """Values, spreads and numbers of repetitions stand beside each other, NaN where unknown."""
    store.add_generation(0, {}, [a_trial(0), a_trial(1)], 0.0)
    store.record(0, "score", [Measured("az_nas", 0.5, "score", n=3, sd=0.1, seconds=2.0)])
    store.record(1, "score", [], state="failed", error="score: broke")
    frame = trials_frame(store.trials())
    assert list(frame["number"]) == [0, 1]
    assert list(frame["state"]) == ["waiting", "failed"]
    assert list(frame["params"]) == [5e6, 5e6]
    scored, failed = frame[["az_nas", "az_nas_sd", "az_nas_n"]].to_numpy()
    assert scored.tolist() == [0.5, 0.1, 3]
    assert np.isnan(failed).all()
    assert list(frame["seconds"]) == [2.0, 0.0]
    assert list(frame["error"].isna()) == [True, False]
    assert list(trials_frame([]).columns[:3]) == ["number", "state", "stage"]


def program(code: str) -> str:
    """A program in which ``path`` is its first argument."""
    return (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from test_store import *\n"
        "path = Path(sys.argv[1])\n" + textwrap.dedent(code)
    )


def start_python(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program(code), str(path)], stdout=subprocess.PIPE, text=True
    )


def run_python(
    code: str, path: Path, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program(code), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit,
        check=False,
    )


def in_namespace(command: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command with mounts of its own, which end with it; skip where that is denied."""
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    with tempfile.TemporaryDirectory() as folder:
        probe = [*own, f"mount -t tmpfs none {folder}"]
        try:
            allowed = subprocess.run(probe, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            allowed = False
    if not allowed:
        pytest.skip("this system lets nobody mount a file system of their own (unshare)")
    return subprocess.run(
        [*own, command], input=text, capture_output=True, text=True, timeout=60, check=False
    )

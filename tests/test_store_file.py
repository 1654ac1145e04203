"""The run's file: one writer, many readers, and nothing lost to a kill or a full disk."""

from __future__ import annotations

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

import pytest
from a_run import ENVIRONMENT, STUDY, a_trial

from archsearch.errors import InputError
from archsearch.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        yield store


def test_a_reader_sees_a_run_that_goes_on(store: Store, path: Path) -> None:
    """A reader opened early sees every later write, and cannot write itself."""
    with Store.open(path) as reader:
        assert reader.trials() == []
        store.add_generation(0, {}, [a_trial(0)], 0.0)
        assert [trial.number for trial in reader.trials()] == [0]
        with pytest.raises(InputError, match="readonly"):
            reader.add_generation(1, {}, [], 0.0)


def test_reading_a_finished_run_leaves_no_trace(store: Store, path: Path) -> None:
    """Once its writer has closed it, a run is one file, and a reader adds none beside it."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    store.close()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with Store.open(path) as reader:
        assert reader.trials() == [a_trial(0)]
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    assert set(before) == {"run.sqlite", "run.lock"}


def test_a_reader_stays_while_writers_come_and_go(store: Store, path: Path) -> None:
    """A reader that is open neither keeps a run from being closed nor from being gone on with."""
    with Store.open(path) as reader:
        store.close()
        assert reader.trials() == []
        with Store.open(path, write=True) as again:
            again.add_generation(0, {}, [a_trial(0)], 0.0)
            assert reader.trials() == [a_trial(0)]
    Store.open(path, write=True).close()
    with Store.open(path) as early, Store.open(path, write=True) as again:
        again.add_generation(1, {}, [a_trial(1, 1)], 0.0)
        assert len(early.trials()) == 2


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
    with pytest.raises(InputError, match=rf"process {os.getpid()} .* is writing here"):
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


def program(code: str) -> str:
    """A program in which ``path`` is its first argument."""
    return (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from a_run import *\n"
        "from archsearch.errors import InputError\n"
        "from archsearch.store import Store, StoreFull\n"
        "from archsearch.trial import CurvePoint, Measured\n"
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

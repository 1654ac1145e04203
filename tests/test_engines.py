"""Engines: whoever runs a study, and however often it is killed, the run is the same."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import forked_commands
import pytest
from run_contents import contents
from small_runs import fake_outcomes
from stand_in_devices import device, enrol, notes

from archsearch.datasets import Images, load
from archsearch.errors import InputError
from archsearch.evaluate import Job, Outcome, Package, Workbench
from archsearch.runs import _begin
from archsearch.settings import Engine
from archsearch.store import StoreFull
from archsearch.study import Study, load_study

STUDY = Path(__file__).parent / "data" / "tiny_study.yaml"
LONGER = ("budget.trials=32", "training.epochs=2", "sampler=pareto_evolution", "data.train=600")


def command(folder: Path, *settings: str) -> list[str]:
    sets = [part for text in settings for part in ("--set", text)]
    return [sys.executable, "-m", "archsearch", "run", str(STUDY), "--out", str(folder), *sets]


def run(folder: Path, *settings: str) -> str:
    done = subprocess.run(command(folder, *settings), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kill_during(folder: Path, wait_s: float, settings: Sequence[str]) -> bool:
    """Start a run, kill it ``wait_s`` after it began to work; False if it was done before."""
    said = folder.with_suffix(".txt")
    process = forked_commands.start(command(folder, *settings)[3:], said)
    forked_commands.wait_for_output(process, said)
    process.join(wait_s)
    if not process.is_alive():
        assert process.exitcode == 0, said.read_text()
        return False
    assert process.pid is not None
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return True


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_moments_ends_as_the_uninterrupted_one(
    tmp_path: Path,
) -> None:
    """SIGKILL at 20 random moments of real runs; each run ends equal to the one never killed."""
    run(tmp_path / "whole", *LONGER)
    whole = contents(tmp_path / "whole")
    moments = random.Random(0)
    kills = rounds = 0
    while kills < 20:
        folder = tmp_path / f"killed-{rounds}"
        while kill_during(folder, moments.uniform(0.0, 0.7), LONGER):
            kills += 1
            if kills == 20:
                run(folder, *LONGER)
                break
        assert contents(folder) == whole
        rounds += 1
    assert whole["trials"][-1]["number"] == 31


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engines") / "local"
    run(folder)
    return folder


@pytest.mark.slow
def test_ray_gives_the_run_of_the_local_engine(local: Path, tmp_path: Path) -> None:
    """Two Ray workers propose, measure and decide exactly what one process does."""
    run(tmp_path / "ray", "engine.name=ray", "engine.workers=2")
    assert contents(tmp_path / "ray") == contents(local)


@pytest.mark.slow
def test_a_killed_ray_run_goes_on_with_another_engine(local: Path, tmp_path: Path) -> None:
    """A Ray run whose driver is killed is finished by the local engine, with the same result."""
    folder = tmp_path / "ray"
    process = subprocess.Popen(
        command(folder, "engine.name=ray", "engine.workers=2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while (
        not _has(folder, "stage", "score")
        and time.monotonic() < deadline
        and process.poll() is None
    ):
        time.sleep(0.05)
    process.kill()
    process.wait()
    run(folder)
    assert contents(folder) == contents(local)


@pytest.mark.slow
def test_the_death_of_a_ray_worker_fails_what_it_held(tmp_path: Path) -> None:
    """When a worker is killed its trials fail with that reason, and the search goes on."""
    folder = tmp_path / "ray"
    settings = ("engine.name=ray", "engine.workers=1", "training.epochs=20", "budget.trials=6")
    process = subprocess.Popen(
        command(folder, *settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 180
    while not _has(folder, "stage", "score") and time.monotonic() < deadline:
        time.sleep(0.05)
    # A worker that is killed between two packages is replaced and nothing is lost: try again.
    while not _has(folder, "state", "failed") and time.monotonic() < deadline:
        for pid in _busy_workers(process.pid):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1)
    assert process.wait(timeout=120) == 0
    found = contents(folder)["trials"]
    failed = [trial for trial in found if trial["state"] == "failed"]
    assert failed
    assert all("the worker died" in trial["error"] for trial in failed)
    assert any(trial["state"] == "complete" for trial in found)


def _has(folder: Path, key: str, value: str) -> bool:
    """True once some trial in the store is that far; a store that is being made has none."""
    try:
        return any(trial[key] == value for trial in contents(folder)["trials"])
    except InputError:
        return False


def _busy_workers(driver: int) -> list[int]:
    """Ray workers below a driver that execute a method, whatever Tune calls their class."""
    parents: dict[int, int] = {}
    names: dict[int, bytes] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(entry.name)
            parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            names[pid] = (entry / "cmdline").read_bytes()
    busy = [pid for pid, name in names.items() if name.startswith(b"ray::") and b"." in name]
    return [pid for pid in busy if driver in _ancestors(pid, parents)]


def _ancestors(pid: int, parents: Mapping[int, int]) -> list[int]:
    found = []
    while pid := parents.get(pid, 0):
        found.append(pid)
    return found


class FullStore:
    """A run whose store takes nothing more."""

    idle = True

    def next_package(self) -> Package:
        return Package("train", (Job(0, {}, 0),))

    def finish(self, _: Sequence[Outcome]) -> None:
        raise StoreFull("run.sqlite: cannot grow")


def test_what_a_run_raises_ends_the_search_and_is_kept() -> None:
    """Tune would go on around a full disk: the searcher keeps the error and suggests no more."""
    from archsearch.engines.ray_tune import RunSearcher

    run: Any = FullStore()
    searcher = RunSearcher(run, lambda: None)
    assert searcher.suggest("a")
    searcher.on_trial_complete("a", {"found": "[]"})
    searcher.on_trial_complete("a", error=True)
    assert isinstance(searcher.failure, StoreFull)
    assert searcher.suggest("b") == RunSearcher.FINISHED


def bench_with_stand_ins(study: Study, images: Images) -> Workbench:
    """A place at which the stand-in devices are known: a Ray worker is a process of its own."""
    enrol()
    return Workbench(study, images)


@pytest.mark.slow
@pytest.mark.usefixtures("stand_ins")
def test_a_cluster_without_a_device_is_told(tmp_path: Path) -> None:
    """A timing that no node can take would wait for ever."""
    import ray

    from archsearch.engines.ray_tune import work

    sets = [f"device={json.dumps(device('clock'))}", "engine.name=ray"]
    study = load_study(STUDY, sets)
    images = load(study.settings.data)
    run = _begin(study, tmp_path / "run", images)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        with pytest.raises(InputError, match=r"offers no 'arm_device'.*ray start --resources="):
            work(run, images, lambda: None)
    finally:
        ray.shutdown()
        run.store.close()


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray as the engine starts it, once for all, with workers that import what tests do.

    Workers have the environment in which Ray was started, and so this cache of readings.
    """
    import ray

    from archsearch.engines.ray_tune import _start

    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{here.parent}:{here}")
        patch.setenv("ARCHSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        _start(Engine(workers=2))
        yield
        ray.shutdown()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # its processes may still be ending
            gc.collect()


def overlaps(log: Path) -> list[str]:
    """Questions that were asked while another was not yet answered."""
    found, open_ = [], 0
    for line in notes(log):
        open_ += line.startswith("asked") - (line == "answered")
        found += [line] if open_ > 1 else []
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("stand_ins", "on_ray")
@pytest.mark.parametrize(("kind", "alone"), [("clock", True), ("simulator", False)])
def test_on_ray_timings_run_one_at_a_time(tmp_path: Path, kind: str, alone: bool) -> None:
    """A local cluster offers one arm_device; what is counted and not timed runs beside."""
    from archsearch.engines.ray_tune import work

    log = tmp_path / "log"
    given = device(kind, log=str(log), takes_s=1.0)
    sets = [f"device={json.dumps(given)}", "engine.name=ray", "engine.workers=2"]
    sets.append("cascade.train=null")
    study = load_study(STUDY, [*sets, "objectives=[{maximize: naswot}, {minimize: latency_ms}]"])
    images = load(study.settings.data)
    run = _begin(study, tmp_path / "run", images)
    work(run, images, lambda: None, bench_with_stand_ins)
    run.store.close()
    assert [trial.state for trial in run.trials.values()] == ["complete"] * 8
    assert (overlaps(log) == []) == alone
    assert notes(log).count("closed") == notes(log).count("opened")


class Sleeping(Workbench):
    """Notes its trainings; trial 1 is long at its first, until others go on or all wait for it."""

    def __init__(self, study: Study, images: Images, log: Path) -> None:
        super().__init__(study, images)
        self.log = log

    def evaluate(self, package: Package) -> list[Outcome]:
        if package.stage == "train":
            (job,) = package.jobs
            self._note("began", job)
            if job.number == 1 and not job.reached:
                self._wait()
            self._note("ended", job)
        return fake_outcomes(package)

    def _wait(self) -> None:
        lines: list[str] = []
        while lines.count("ended") < 7 and not any(until == "3.0" for until in lines):
            time.sleep(0.2)
            lines = self.log.read_text().split()
        time.sleep(2.0)  # time enough to hand out what may be handed out

    def _note(self, event: str, job: Job) -> None:
        with self.log.open("a") as log:
            log.write(f"{event} {job.number} {job.until}\n")


@pytest.mark.slow
@pytest.mark.usefixtures("on_ray")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_on_ray_rungs_wait_only_where_they_are_asked_to(tmp_path: Path, asynchronous: bool) -> None:
    """Two workers, one long trial: asynchronous, others go on meanwhile, within the share."""
    from archsearch.engines.ray_tune import work

    train = {"rungs": [1, 3], "asynchronous": asynchronous}
    sets = [f"cascade.train={json.dumps(train)}", "training.epochs=9.0", "budget.generation=8"]
    study = load_study(STUDY, [*sets, "engine.name=ray", "engine.workers=2"])
    images = load(study.settings.data)
    run = _begin(study, tmp_path / "run", images)
    log = tmp_path / "log"
    work(run, images, lambda: None, partial(Sleeping, log=log))
    run.store.close()
    names = Counter(name for trial in run.trials.values() for name in trial.measures)
    counts = [names[name] for name in ("val_accuracy@1", "val_accuracy@3", "val_accuracy")]
    assert counts == [8, 4, 2]
    assert Counter(trial.state for trial in run.trials.values()) == {"complete": 2, "stopped": 6}
    lines = log.read_text().splitlines()
    meanwhile = lines[: lines.index("ended 1 1.0")]
    assert any(line.startswith("began") and not line.endswith(" 1.0") for line in meanwhile) == (
        asynchronous
    )
    # Seven others are through the first rung by then at most: three of them may leave it.
    left = [line for line in meanwhile if line.startswith("began") and line.endswith(" 3.0")]
    assert len(left) <= 3

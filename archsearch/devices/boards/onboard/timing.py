"""The timing protocol, run on the board itself; one job in, one JSON line out.

``python BUNDLE '{"session": ..., "model": ..., ...}'``: pinned to the fastest cores, warmed up,
then slices of runs of the net with runs of the reference net between them, so that a machine that
changes shows in both. It ends when its stdin ends: nothing is left running on a board whose
caller has gone.
"""

from __future__ import annotations

import base64
import fcntl
import importlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from . import machine

if TYPE_CHECKING:  # these cannot be made at run time by Python 3.7
    from collections.abc import Callable

    Run = Callable[[], object]
    Clock = Callable[[], float]
    Answer = dict[str, Any]

PROTOCOL = 1
SLICES = 6
"""An even number: drift is the second half of them against the first."""
REFERENCE_RUNS = 4
"""Runs of the reference net before each slice and after the last."""


class TooSlow(Exception):  # noqa: N818 (an outcome, told to the caller by this name)
    """The job would take longer than it may."""


class Busy(Exception):  # noqa: N818 (an outcome, told to the caller by this name)
    """Another measurement holds the board."""


def main() -> None:
    """Do the job of the command line and print the answer as the last line of stdout."""
    # Runtimes print to stdout as they please; the answer keeps a channel of its own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        answer = perform(json.loads(sys.argv[1]), Path("/"))
    except Exception as error:
        answer = {"error": {"type": type(error).__name__, "text": str(error)}}
    print(json.dumps({"protocol": PROTOCOL, **answer}), file=answers, flush=True)


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(3)


def perform(job: Answer, root: Path) -> Answer:
    """Time a model as ``job`` says and describe the machine on which it ran."""
    with open(job["lock"], "w") as lock:  # noqa: PTH123 (Python 3.7)
        _hold(lock.fileno(), job["wait_s"], time.monotonic, time.sleep)
        # The default action of SIGALRM ends the process also where a runtime never returns.
        signal.alarm(int(job["limit_s"]) + job["load_s"])
        return _timed(job, root)


def _hold(descriptor: int, wait_s: float, clock: Clock, sleep: Callable[[float], None]) -> None:
    deadline = clock() + wait_s
    while not _locks(descriptor):
        if clock() >= deadline:
            raise Busy(f"another measurement has held the board for {wait_s:g} s")
        sleep(0.1)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _timed(job: Answer, root: Path) -> Answer:
    cores = pin(job["cores"], job["threads"], root)
    sessions = importlib.import_module(job["session"])
    options = {"threads": job["threads"], "half": job["half"]}
    net = sessions.Session(job["model"], job["shape"], **options)
    reference = sessions.Session(job["reference"], job["reference_shape"], **options)
    output = _output(net, job["input"])
    taken: list[Answer] = []
    answer = measure(
        net.run,
        reference.run,
        job,
        time.perf_counter,
        lambda: taken.append(machine.snapshot(cores[0], root)),
    )
    before, after = taken
    answer.update(
        {
            "before": before,
            "after": after,
            "throttled": machine.throttled(before, after),
            "cores": cores,
            "threads": job["threads"],
            "runtime": str(sessions.version()),
            "output": output,
            "machine": machine.identity(cores[0], root),
        }
    )
    return answer


def pin(cores: list[int] | None, threads: int, root: Path) -> list[int]:
    """Pin this process, before a runtime starts threads, and return the cores."""
    allowed = machine.allowed_cores()
    chosen = cores or machine.fastest(allowed, threads, root)
    if len(chosen) < threads or not set(chosen) <= set(allowed):
        raise ValueError(f"cores {chosen} for {threads} threads: this machine has {allowed}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen)
    return chosen


def _output(net: Any, given: str | None) -> str | None:
    """Output for the input in a file, for the caller to compare; the timing keeps the input."""
    if given is None:
        return None
    net.write(Path(given).read_bytes())
    net.run()
    return base64.b64encode(net.read()).decode()


def measure(net: Run, reference: Run, job: Answer, clock: Clock, snapshot: Run) -> Answer:
    """Time ``net`` in slices, ``reference`` between them; a snapshot under load at either end.

    Args:
        net: runs the net once.
        reference: runs the reference net once.
        job: ``warmups``, ``warmup_s``, ``runs`` and ``seconds``: at least so many and so long;
            ``limit_s``: at most so long in all.
        clock: tells seconds.
        snapshot: notes the state of the machine.

    Raises:
        TooSlow: ``limit_s`` is over before the runs are done.
    """
    deadline = clock() + job["limit_s"]
    warm_up(net, reference, job, clock, deadline)
    snapshot()
    slices: list[list[float]] = []
    beside = [_several(reference, clock)]
    for _ in range(SLICES):
        net()  # the reference net has just used the caches
        slices.append(_slice(net, job, clock, deadline))
        beside.append(_several(reference, clock))
    snapshot()
    return {**summary(slices), "reference": summary(beside[1:])}


def warm_up(net: Run, reference: Run, job: Answer, clock: Clock, deadline: float) -> None:
    """Run both until caches, allocators and the governor have settled."""
    began, done = clock(), 0
    while done < job["warmups"] or clock() - began < job["warmup_s"]:
        reference()
        net()
        done += 1
        _check(clock, deadline, done, job["runs"])


def _slice(net: Run, job: Answer, clock: Clock, deadline: float) -> list[float]:
    began = clock()
    times: list[float] = []
    while len(times) * SLICES < job["runs"] or clock() - began < job["seconds"] / SLICES:
        times.append(_time(net, clock))
        _check(clock, deadline, len(times), job["runs"])
    return times


def _several(reference: Run, clock: Clock) -> list[float]:
    reference()
    return [_time(reference, clock) for _ in range(REFERENCE_RUNS)]


def _time(run: Run, clock: Clock) -> float:
    began = clock()
    run()
    return clock() - began


def _check(clock: Clock, deadline: float, done: int, runs: int) -> None:
    if clock() > deadline:
        raise TooSlow(f"{runs} runs and their warm-ups take too long (time was over at {done})")


def summary(slices: list[list[float]]) -> Answer:
    """Median, p10 and p90 in ms, number of runs, and drift: second half against first half."""
    times = sorted(time_s for part in slices for time_s in part)
    half = len(slices) // 2
    first = median(time_s for part in slices[:half] for time_s in part)
    second = median(time_s for part in slices[half:] for time_s in part)
    return {
        "median_ms": 1e3 * quantile(times, 0.5),
        "p10_ms": 1e3 * quantile(times, 0.1),
        "p90_ms": 1e3 * quantile(times, 0.9),
        "n": len(times),
        "drift": second / first - 1,
    }


def quantile(ordered: list[float], share: float) -> float:
    """Quantile of sorted values, linear between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])

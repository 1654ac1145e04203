"""A small study whose measurements are made up, its runs, and kills at any write of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.documents import parse
from archsearch.evaluate import Job, Outcome, Package
from archsearch.measures import ACCURACY, accuracy_at
from archsearch.search import Run
from archsearch.store import Store
from archsearch.study import Study, study_of
from archsearch.trial import Measured, Trial

SPACE = """
  schema: 1
  stem: {patch: {size: 4}}
  stages:
    - width: {choice: [8, 16, 24]}
      blocks:
        - repeat: {int: [1, 3]}
          conv_encoder: {kernel: {choice: [3, 5]}, expand: {choice: [1, 2]}}
    - width: {choice: [16, 32, 48]}
      downsample: conv
      blocks:
        - repeat: {int: [1, 3]}
          choice:
            - gnconv: {order: {int: [1, 3]}}
            - sdta: {splits: {int: [1, 3]}, heads: {choice: [2, 4]}}
"""

STUDY = """
schema: 1
name: small
seed: 7
space: SPACE
objectives: [{maximize: val_accuracy}, {minimize: macs}]
constraints: {params: {at_most: 70000}}
sampler: SAMPLER
start: {screen: 40, keep: 5}
cascade: {score: {proxies: [naswot, synflow]}, train: {promote: 0.5}}
data: {name: digits}
budget: {trials: 30, generation: 6}
engine: local
"""


def small_study(sampler: str = "pareto_evolution", **changes: str) -> Study:
    text = STUDY.replace("SAMPLER", sampler)
    data = parse(text.replace("SPACE", "{}"), "study").data
    data["space"] = parse(SPACE, "space").data
    for path, value in changes.items():
        place: Any = data
        *way, last = path.split("__")
        for key in way:
            place = place.setdefault(key, {})
        place[last] = parse(value, path).data
    return study_of(parse(json.dumps(data), "study.json"), Path())


def fake_outcomes(package: Package, fail: Sequence[int] = ()) -> list[Outcome]:
    """Outcomes that depend on the job alone, in place of real scores and trainings."""
    return [_outcome(package, job, job.number in fail) for job in package.jobs]


def _outcome(package: Package, job: Job, fails: bool) -> Outcome:
    """A net's accuracy rises from a third to all of what it ends with; failures come at the end."""
    if fails and package.stage == "train" and job.until is None:
        return Outcome(job.number, "train", error="train: diverged")
    rng = np.random.default_rng([job.seed, len(package.stage)])
    if package.stage == "score":
        found = [Measured(n, rng.normal(), "score") for n in ("naswot", "synflow")]
    elif job.until is None:
        found = [Measured(ACCURACY, rng.uniform(0.5, 1), "train", seconds=2.0)]
    else:
        final, noise = rng.uniform(0.5, 1), rng.normal(0, 0.03)
        accuracy = final * job.until / (job.until + 1) + noise
        found = [Measured(accuracy_at(job.until), accuracy, "train", seconds=1.0)]
    return Outcome(job.number, package.stage, tuple(found))


def finish(run: Run, fail: Sequence[int] = ()) -> Run:
    while (package := run.next_package()) is not None:
        run.finish(fake_outcomes(package, fail))
    return run


_OPEN: list[Store] = []


def new_run(study: Study, path: Path) -> Run:
    path.parent.mkdir(exist_ok=True)
    _OPEN.append(Store.create(path, study.data, study.identity, {}))
    return Run(study, _OPEN[-1])


def opened(path: Path) -> Store:
    _OPEN.append(Store.open(path, write=True))
    return _OPEN[-1]


def by_number(run: Run) -> list[Trial]:
    return sorted(run.trials.values(), key=lambda trial: trial.number)


def proposals(trials: Sequence[Trial]) -> list[Any]:
    return [
        (
            t.number,
            t.generation,
            t.origin,
            t.choices,
            t.architecture_id,
            t.seed,
            t.state,
            t.told,
            dict(t.note),
            {n: m.value for n, m in t.measures.items()},
            t.error,
        )
        for t in trials
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for stores, all of which are closed at the end."""
    yield tmp_path
    close_stores()


def close_stores() -> None:
    """Close every store that was opened here, for fixtures that outlive a test."""
    while _OPEN:
        _OPEN.pop().close()


class Killed(BaseException):
    """Stands for a kill between two instructions."""


def _dying(real: Any, writes: Iterator[int], moment: int, after: bool) -> Any:
    def write(*args: Any, **kwargs: Any) -> None:
        left = next(writes) < moment
        if left or after:
            real(*args, **kwargs)
        if not left:
            raise Killed

    return write


def kill_at(store: Store, moment: int, after: bool) -> None:
    """Make the store's ``moment``-th write the last, before or after it is committed."""
    writes = iter(range(moment + 1))
    for name in ("add_generation", "record", "settle"):
        setattr(store, name, _dying(getattr(store, name), writes, moment, after))

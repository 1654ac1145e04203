"""A run's decisions: the cascade, resuming, duplicates, budgets, failures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.documents import parse
from archsearch.errors import InputError
from archsearch.evaluate import Outcome, Package
from archsearch.samplers import SAMPLERS
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
    return [_outcome(package, job.number, job.seed, job.number in fail) for job in package.jobs]


def _outcome(package: Package, number: int, seed: int, fails: bool) -> Outcome:
    if fails and package.stage == "train":
        return Outcome(number, "train", error="train: diverged")
    rng = np.random.default_rng([seed, len(package.stage)])
    if package.stage == "score":
        names = ("naswot", "synflow")
        return Outcome(number, "score", tuple(Measured(n, rng.normal(), "score") for n in names))
    return Outcome(number, "train", (Measured("val_accuracy", rng.uniform(0.5, 1), "train"),))


def finish(run: Run, fail: Sequence[int] = ()) -> Run:
    while (package := run.next_package()) is not None:
        run.finish(fake_outcomes(package, fail))
    return run


_OPEN: list[Store] = []


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for stores, all of which are closed at the end."""
    yield tmp_path
    while _OPEN:
        _OPEN.pop().close()


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


def test_every_trial_ends(folder: Path) -> None:
    """A finished run has used its budget and has no trial that waits."""
    run = finish(new_run(small_study(), folder / "a" / "run.sqlite"))
    states = [t.state for t in by_number(run)]
    assert len(states) == 30
    assert set(states) == {"complete", "stopped"}
    assert run.next_package() is None
    assert run.idle


def test_the_cascade_trains_the_promoted_share(folder: Path) -> None:
    """Half of each generation is trained, and only trained trials are complete."""
    run = finish(new_run(small_study(), folder / "a" / "run.sqlite"))
    for generation in range(5):
        members = [t for t in by_number(run) if t.generation == generation]
        assert sum(t.state == "complete" for t in members) == 3
        assert all(("val_accuracy" in t.measures) == (t.state == "complete") for t in members)


def test_no_architecture_is_evaluated_twice(folder: Path) -> None:
    """Trials of a run have distinct architectures within the limits."""
    run = finish(new_run(small_study(), folder / "a" / "run.sqlite"))
    ids = [t.architecture_id for t in by_number(run)]
    assert len(set(ids)) == len(ids)
    assert all(t.measures["params"].value <= 70_000 for t in by_number(run))


def test_the_same_study_proposes_the_same_trials(folder: Path) -> None:
    """Two runs of one study are equal, trial by trial."""
    one = finish(new_run(small_study(), folder / "a" / "run.sqlite"))
    two = finish(new_run(small_study(), folder / "b" / "run.sqlite"))
    assert proposals(by_number(one)) == proposals(by_number(two))


def test_the_order_of_outcomes_changes_nothing(folder: Path) -> None:
    """Many workers that finish in any order give the run of a single worker."""
    study = small_study()
    one = finish(new_run(study, folder / "a" / "run.sqlite"))
    many = new_run(study, folder / "b" / "run.sqlite")
    rng = np.random.default_rng(0)
    flying: list[Package] = []
    while True:
        package = many.next_package()
        if package is not None:
            flying.append(package)
        if package is None and not flying:
            break
        if package is None or rng.random() < 0.4:
            done = flying.pop(int(rng.integers(len(flying))))
            many.finish(fake_outcomes(done))
    assert proposals(by_number(one)) == proposals(by_number(many))


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


def _kill_at(store: Store, moment: int, after: bool) -> None:
    """Make the store's ``moment``-th write the last, before or after it is committed."""
    writes = iter(range(moment + 1))
    for name in ("add_generation", "record", "settle"):
        setattr(store, name, _dying(getattr(store, name), writes, moment, after))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_killed_run_goes_on_as_the_uninterrupted_one(sampler: str, folder: Path) -> None:
    """For every sampler: killed at any write, the resumed run equals the one never killed."""
    study = small_study(sampler)
    whole = proposals(by_number(finish(new_run(study, folder / "whole" / "run.sqlite"))))
    for moment in (0, 1, 4, 7, 9, 10, 17, 31, 40):
        path = folder / f"killed-{moment}" / "run.sqlite"
        run = new_run(study, path)
        _kill_at(run.store, moment, after=moment % 2 == 0)
        with pytest.raises(Killed):
            finish(run)
        run.store.close()
        store = opened(path)
        resumed = proposals(by_number(finish(Run(study, store))))
        store.close()
        assert resumed == whole


def test_a_run_killed_again_and_again_ends_the_same(folder: Path) -> None:
    """A run killed after every third write ends as the uninterrupted one."""
    study = small_study("nsga2")
    whole = proposals(by_number(finish(new_run(study, folder / "whole" / "run.sqlite"))))
    new_run(study, folder / "killed" / "run.sqlite").store.close()
    for _ in range(200):
        store = opened(folder / "killed" / "run.sqlite")
        run = Run(study, store)
        _kill_at(store, 2, after=True)
        try:
            finish(run)
            break
        except Killed:
            store.close()
    assert proposals(by_number(run)) == whole


def test_a_failed_training_does_not_change_who_was_promoted(folder: Path) -> None:
    """A trial that failed in training stays promoted when the run resumes."""
    study = small_study()
    whole = proposals(
        by_number(finish(new_run(study, folder / "a" / "run.sqlite"), fail=range(30)))
    )
    run = new_run(study, folder / "b" / "run.sqlite")
    _kill_at(run.store, 8, after=True)
    with pytest.raises(Killed):
        finish(run, fail=range(30))
    run.store.close()
    store = opened(folder / "b" / "run.sqlite")
    assert proposals(by_number(finish(Run(study, store), fail=range(30)))) == whole


def test_failures_are_kept_with_their_reason_and_the_search_goes_on(folder: Path) -> None:
    """A failed trial keeps its reason, is told nothing, and others are trained after it."""
    run = finish(new_run(small_study(), folder / "a" / "run.sqlite"), fail=range(12))
    failed = [t for t in by_number(run) if t.state == "failed"]
    assert failed
    assert all(t.error == "train: diverged" and t.told is None for t in failed)
    assert any(t.state == "complete" for t in by_number(run)[12:])


def test_a_generation_that_fails_whole_is_followed_by_the_next(folder: Path) -> None:
    """If every score of a generation fails, the next one is scored and trained as ever."""
    run = new_run(small_study(), folder / "a" / "run.sqlite")
    while (package := run.next_package()) is not None:
        first = {job.number for job in package.jobs} <= set(range(6))
        run.lose(package, "broken") if first else run.finish(fake_outcomes(package))
    states = [t.state for t in by_number(run)]
    assert states[:6] == ["failed"] * 6
    assert states[6:].count("complete") == 12
    assert all(generation.settled for generation in run.store.generations())


def test_a_lost_worker_fails_its_package_alone(folder: Path) -> None:
    """The trials of a package whose worker died fail; the run ends all the same."""
    run = new_run(small_study(), folder / "a" / "run.sqlite")
    package = run.next_package()
    assert package is not None
    run.lose(package, "the worker died")
    finish(run)
    lost = {job.number for job in package.jobs}
    assert {t.number for t in by_number(run) if t.state == "failed"} == lost
    assert all(run.trials[n].error == "score: the worker died" for n in lost)


def test_estimates_never_look_complete(folder: Path) -> None:
    """A stopped trial is told an estimate inside the range of the measured accuracies."""
    run = finish(new_run(small_study(), folder / "a" / "run.sqlite"))
    measured = [t.measures["val_accuracy"].value for t in by_number(run) if t.state == "complete"]
    for trial in by_number(run):
        assert trial.told is not None
        if trial.state == "stopped":
            assert "val_accuracy" not in trial.measures
            assert min(measured) <= trial.told[0] <= max(measured)


def test_more_budget_goes_on_where_the_run_stopped(folder: Path) -> None:
    """Raising the number of trials keeps what is there and adds to it."""
    first = finish(new_run(small_study(budget__trials="12"), folder / "a" / "run.sqlite"))
    first.store.close()
    longer = small_study(budget__trials="30")
    assert longer.identity == first.study.identity
    store = opened(folder / "a" / "run.sqlite")
    run = finish(Run(longer, store))
    whole = finish(new_run(longer, folder / "b" / "run.sqlite"))
    assert proposals(by_number(run)) == proposals(by_number(whole))


def test_time_ends_a_run_without_losing_its_place(folder: Path) -> None:
    """Once the minutes are used up nothing is handed out; what waits is done when there is more."""
    study = small_study(budget__minutes="5.0")
    run = new_run(study, folder / "a" / "run.sqlite")
    for _ in range(5):
        package = run.next_package()
        assert package is not None
        run.finish(fake_outcomes(package))
    run._before_s = 400.0
    assert run.out_of_time
    assert run.next_package() is None
    run.store.close()
    store = opened(folder / "a" / "run.sqlite")
    longer = finish(Run(small_study(budget__minutes="500.0"), store))
    whole = finish(new_run(study, folder / "b" / "run.sqlite"))
    assert proposals(by_number(longer)) == proposals(by_number(whole))


def test_a_space_that_is_used_up_ends_the_run(folder: Path) -> None:
    """A space with fewer members than the budget is searched whole, once."""
    study = small_study(
        space__stages="""
            - width: {choice: [8, 16]}
              blocks: [{conv_encoder: {kernel: {choice: [3, 5]}}}]
        """,
        start="{}",
        constraints="{}",
    )
    run = finish(new_run(study, folder / "a" / "run.sqlite"))
    assert len(run.trials) == study.space.size == 4
    assert run.exhausted


def test_a_limit_that_no_member_meets_is_said_before_the_search(folder: Path) -> None:
    """The error names the smallest value found, and no trial was made."""
    run = new_run(small_study(constraints__params__at_most="1000"), folder / "a" / "run.sqlite")
    with pytest.raises(
        InputError, match=r"no member of small meets at_most: 1,000; .* 21,546 params"
    ):
        run.next_package()
    assert not run.trials


def test_a_resumed_run_stores_its_new_budget(folder: Path) -> None:
    """The store's study is the one that the run was last started with."""
    new_run(small_study(budget__trials="12"), folder / "a" / "run.sqlite").store.close()
    store = opened(folder / "a" / "run.sqlite")
    store.renew_study(small_study(budget__trials="30").data)
    store.close()
    assert opened(folder / "a" / "run.sqlite").study["budget"]["trials"] == 30

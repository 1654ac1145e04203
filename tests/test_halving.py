"""Runs with rungs: what is stored, told and shown, and how they go on after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import (
    Killed,
    by_number,
    fake_outcomes,
    finish,
    kill_at,
    new_run,
    opened,
    proposals,
    small_study,
)

from archsearch.evaluate import Package
from archsearch.measures import ACCURACY
from archsearch.ranking import told
from archsearch.results import open_run
from archsearch.search import Run
from archsearch.study import Study
from archsearch.trial import Measured, Trial


def halving(**train: Any) -> Study:
    """Thirty trials in generations of ten: all are trained, rungs after 1 and 3 of 9 epochs."""
    given = {"promote": 1.0, "rungs": "[1, 3]", **train}
    changes = {f"cascade__train__{key}": str(value).lower() for key, value in given.items()}
    return small_study(training__epochs="9.0", budget__generation="10", **changes)


def reached(trials: Sequence[Trial]) -> list[list[str]]:
    return [[name for name in t.measures if name.startswith(ACCURACY)] for t in trials]


def test_the_share_reaches_each_rung(folder: Path) -> None:
    """Of ten five and two; what was stopped has accuracies as far as it came, and no final one."""
    run = finish(new_run(halving(), folder / "a" / "run.sqlite"))
    for generation in range(3):
        members = [t for t in by_number(run) if t.generation == generation]
        found = reached(members)
        assert [sum(f"{ACCURACY}@{e}" in names for names in found) for e in (1, 3)] == [10, 5]
        states = [t.state for t in members]
        assert (states.count("complete"), states.count("stopped")) == (2, 8)
        assert all((t.state == "complete") == (ACCURACY in t.measures) for t in members)
        assert all(t.stage == "train" and t.error is None for t in members)


@pytest.mark.parametrize("extrapolate", [False, True])
def test_the_order_of_outcomes_changes_nothing(folder: Path, extrapolate: bool) -> None:
    """Many workers who finish in any order give the run of one."""
    study = halving(extrapolate=extrapolate, keep=0.8)
    one = finish(new_run(study, folder / "a" / "run.sqlite"))
    many = new_run(study, folder / "b" / "run.sqlite")
    rng = np.random.default_rng(0)
    flying: list[Package] = []
    while (package := many.next_package()) is not None or flying:
        flying += [package] if package is not None else []
        if package is None or rng.random() < 0.4:
            many.finish(fake_outcomes(flying.pop(int(rng.integers(len(flying))))))
    assert proposals(by_number(one)) == proposals(by_number(many))


def test_extrapolation_saves_trainings_and_keeps_the_front(folder: Path) -> None:
    """Of thirty made-up curves some are stopped early; the front ends the same."""
    ends = {}
    for extrapolate in (False, True):
        path = folder / str(extrapolate) / "run.sqlite"
        study = small_study(
            "random",
            training__epochs="9.0",
            budget__generation="10",
            cascade__train=f"{{rungs: [1, 3], keep: 0.8, extrapolate: {extrapolate}}}".lower(),
        )
        finish(new_run(study, path)).store.close()
        results = open_run(path)
        ends[extrapolate] = results.summary().complete, set(results.pareto()["number"])
    assert ends[True][0] < ends[False][0]
    assert ends[True][1] == ends[False][1]


@pytest.mark.parametrize("after", [False, True])
def test_a_run_killed_at_any_write_goes_on_as_the_uninterrupted_one(
    folder: Path, after: bool
) -> None:
    """Synchronous decisions are those of the run that was never killed; so is the curve."""
    study = halving(extrapolate=True)
    whole = proposals(by_number(finish(new_run(study, folder / "whole" / "run.sqlite"))))
    for moment in (3, 9, 14, 21, 22, 27, 28, 29, 35, 60):
        path = folder / f"killed-{moment}" / "run.sqlite"
        run = new_run(study, path)
        kill_at(run.store, moment, after)
        with pytest.raises(Killed):
            finish(run)
        run.store.close()
        assert proposals(by_number(finish(Run(study, opened(path))))) == whole


def test_failures_at_the_end_do_not_move_up_others_after_a_kill(folder: Path) -> None:
    """Who failed behind a rung went on from it, in a run that goes on as well."""
    study = halving()
    run = finish(new_run(study, folder / "whole" / "run.sqlite"), fail=range(30))
    whole = proposals(by_number(run))
    assert sum(t.state == "failed" for t in by_number(run)) == 6
    run = new_run(study, folder / "killed" / "run.sqlite")
    kill_at(run.store, 28, after=True)
    with pytest.raises(Killed):
        finish(run, fail=range(30))
    run.store.close()
    store = opened(folder / "killed" / "run.sqlite")
    assert proposals(by_number(finish(Run(study, store), fail=range(30)))) == whole


def test_an_asynchronous_run_loses_no_finished_rung(folder: Path) -> None:
    """Killed again and again: what was measured stays, every trial ends, the share holds."""
    study = halving(asynchronous=True)
    path = folder / "a" / "run.sqlite"
    new_run(study, path).store.close()
    known: dict[tuple[int, str], float] = {}
    for _ in range(100):
        store = opened(path)
        run = Run(study, store)
        now = {(t.number, n): m.value for t in run.trials.values() for n, m in t.measures.items()}
        assert known.items() <= now.items()
        known = now
        kill_at(store, 7, after=True)
        try:
            finish(run)
            break
        except Killed:
            store.close()
    for generation in range(3):
        members = [t for t in by_number(run) if t.generation == generation]
        states = [t.state for t in members]
        assert (states.count("complete"), states.count("stopped")) == (2, 8)
        assert sum(f"{ACCURACY}@3" in names for names in reached(members)) == 5


def test_a_lost_worker_at_a_rung_fails_its_trial_alone(folder: Path) -> None:
    """The others are compared without it."""
    run = new_run(halving(), folder / "a" / "run.sqlite")
    package = run.next_package()
    while package is not None and package.stage != "train":
        run.finish(fake_outcomes(package))
        package = run.next_package()
    assert package is not None
    run.lose(package, "the worker died")
    finish(run)
    lost = run.trials[package.jobs[0].number]
    assert (lost.state, lost.error) == ("failed", "train: the worker died")
    members = [t for t in by_number(run) if t.generation == 0]
    assert sum(t.state == "complete" for t in members) == 2


def test_the_seconds_of_all_legs_are_handed_on(folder: Path) -> None:
    """A job knows how far its trial came, and what that took."""
    run = new_run(halving(), folder / "a" / "run.sqlite")
    found = set()
    while (package := run.next_package()) is not None:
        for job in package.jobs if package.stage == "train" else ():
            found.add((job.reached, job.until, job.spent_s))
        run.finish(fake_outcomes(package))
    assert found == {(0.0, 1.0, 0.0), (1.0, 3.0, 1.0), (3.0, None, 2.0)}


def test_fidelity_is_in_the_frame_and_in_the_status(folder: Path) -> None:
    """Epochs that a trial was judged after; the status counts what was stopped at each."""
    path = folder / "a" / "run.sqlite"
    finish(new_run(halving(), path)).store.close()
    results = open_run(path)
    frame = results.trials
    assert frame.groupby("state")["epochs"].agg(["min", "max"]).to_dict("index") == {
        "complete": {"min": 9.0, "max": 9.0},
        "stopped": {"min": 1.0, "max": 3.0},
    }
    assert dict(frame["epochs"].value_counts()) == {1.0: 15, 3.0: 9, 9.0: 6}
    said = results.summary().rows()["trials"]
    assert "24 stopped (15 after 1 epoch, 9 after 3 epochs)" in said


def test_a_run_at_a_rung_says_that_it_trains(folder: Path) -> None:
    """Also once every trial has passed the first rung."""
    path = folder / "a" / "run.sqlite"
    run = new_run(halving(), path)
    for _ in range(100):
        package = run.next_package()
        assert package is not None
        if package.stage == "train" and package.jobs[0].until is None:
            break
        run.finish(fake_outcomes(package))
    assert open_run(path).summary().activity == "generation 0, training"
    run.store.close()


def test_stopped_trials_never_enter_the_front(folder: Path) -> None:
    """However well they stood at their rung."""
    path = folder / "a" / "run.sqlite"
    run = finish(new_run(halving(), path))
    complete = {t.number for t in by_number(run) if t.state == "complete"}
    run.store.close()
    results = open_run(path)
    assert set(results.pareto()["number"]) <= complete
    assert set(results.pareto(["val_accuracy"])["number"]) <= complete


def made(number: int, state: Any, macs: float = 1e6, **values: float) -> Trial:
    names = {"final": ACCURACY, "first": "val_accuracy@1", "second": "val_accuracy@3"}
    measures = {
        names.get(name, name): Measured(
            names.get(name, name), value, "train" if name in names else "score", seconds=2.0
        )
        for name, value in values.items()
    }
    measures["macs"] = Measured("macs", macs, "screen")
    return Trial(number, 0, "sampler", {}, f"id{number}", {}, 0, state=state, measures=measures)


def test_what_stopped_at_a_rung_is_told_by_its_place_among_those_that_ended() -> None:
    """Halfway between two of three at its rung: the quantile a half of what the three reached."""
    trials = [
        made(0, "complete", first=0.1, second=0.3, final=0.5),
        made(1, "complete", first=0.2, second=0.2, final=0.7),
        made(2, "complete", first=0.3, second=0.4, final=0.9),
        made(3, "waiting", first=0.05),
        made(4, "waiting", first=0.2),
        made(5, "waiting", first=0.35, second=0.25),
        made(6, "failed", first=0.35),
    ]
    values = {number: point[0] for number, point in told(halving(), trials).items()}
    assert values == {
        0: 0.5, 1: 0.7, 2: 0.9, 3: 0.5,
        4: pytest.approx(0.7),
        5: pytest.approx(np.quantile([0.5, 0.7, 0.9], 1 / 3)),
    }  # fmt: skip


def test_the_proxies_estimate_counts_what_was_stopped() -> None:
    """Or else an untrained trial would be told the accuracy of the survivors alone."""
    score = {"naswot": 0.0, "synflow": 0.0}
    trials = [
        made(0, "complete", **score, first=0.9, final=0.9),
        *(made(i, "waiting", **score, first=0.1) for i in (1, 2)),
        made(3, "complete", **score, first=0.2, final=0.4),
        made(4, "waiting", **score),
    ]
    values = {number: point[0] for number, point in told(halving(), trials).items()}
    assert values[1] == values[2] == 0.4
    assert values[4] == pytest.approx(np.quantile([0.9, 0.4, 0.4, 0.4], 0.5))


def test_the_time_of_a_stopped_training_is_drawn_out() -> None:
    """Two legs of 2 s took three of nine epochs: 12 s."""
    study = small_study(
        training__epochs="9.0",
        cascade__train="{promote: 1.0, rungs: [1, 3]}",
        objectives="[{minimize: train_s}]",
    )
    trials = [made(0, "waiting", first=0.1, second=0.2), made(1, "waiting", first=0.1)]
    assert told(study, trials) == {0: (12.0,), 1: (18.0,)}

"""A run's decisions: the cascade, resuming, duplicates, budgets, failures."""

from __future__ import annotations

from pathlib import Path

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

from archsearch.errors import InputError
from archsearch.evaluate import Package
from archsearch.samplers import SAMPLERS
from archsearch.search import Run


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


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_killed_run_goes_on_as_the_uninterrupted_one(sampler: str, folder: Path) -> None:
    """For every sampler: killed at any write, the resumed run equals the one never killed."""
    study = small_study(sampler)
    whole = proposals(by_number(finish(new_run(study, folder / "whole" / "run.sqlite"))))
    for moment in (0, 1, 4, 7, 9, 10, 17, 31, 40):
        path = folder / f"killed-{moment}" / "run.sqlite"
        run = new_run(study, path)
        kill_at(run.store, moment, after=moment % 2 == 0)
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
        kill_at(store, 2, after=True)
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
    kill_at(run.store, 8, after=True)
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

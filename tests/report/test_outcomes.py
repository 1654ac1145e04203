"""What became of candidates, and what a run cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_trials import made_trial
from reported_runs import made_run

from archsearch.report.outcomes import environment, expense_note, expenses, losses
from archsearch.report.question import question
from archsearch.report.reported import Reported, reported
from archsearch.results import RunResults, open_run
from archsearch.study import Study
from archsearch.trial import Measured


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def one(run: RunResults) -> Reported:
    return reported([run])[0]


def test_no_candidate_is_left_out(folder: Path) -> None:
    """What is lost and what is complete are all trials, and all refusals are there."""
    run = made_run(folder / "made", fail=tuple(range(12)))
    found = losses(one(run))
    now = run.summary()
    lost = sum(loss.candidates for loss in found if loss.what != "refused")
    assert lost == now.done - now.complete
    refused = sum(loss.candidates for loss in found if loss.what == "refused")
    assert refused == sum(now.rejected.values())
    failed = [loss for loss in found if loss.what == "failed"]
    numbers = ", ".join(str(t.number) for t in run.records if t.state == "failed")
    assert [(loss.reason, loss.trials) for loss in failed] == [("train: diverged", numbers)]
    assert found[0].what == "failed"


def test_many_trials_of_one_reason_are_summed_up(run: RunResults, tiny_study: Study) -> None:
    """The first few by number, the others counted."""
    trials = tuple(made_trial(tiny_study, n, state="failed", error="lost") for n in range(12))
    (loss, *_) = losses(one(replace(run, records=trials)))
    assert loss.candidates == 12
    assert loss.trials == "0, 1, 2, 3, 4, 5, 6, 7 and 4 more"


def test_a_training_is_paid_once(run: RunResults) -> None:
    """Its accuracy and its time are two measures of the same seconds."""
    parts = {expense.part: expense for expense in expenses(one(run))}
    trained = [t.measures["train_s"].value for t in run.records if "train_s" in t.measures]
    assert parts["training"].trials == len(trained)
    assert parts["training"].seconds == pytest.approx(sum(trained))
    assert sum(expense.share for expense in parts.values()) == pytest.approx(1)
    work = sum(expense.seconds for expense in parts.values())
    assert work < run.elapsed_s


def test_what_was_stopped_at_a_rung_is_paid_too(run: RunResults, tiny_study: Study) -> None:
    """By the seconds of its rungs, as it has no time of its own."""
    rung = Measured("val_accuracy@1", 0.3, "train", seconds=7.0)
    trial = made_trial(tiny_study, 1, state="stopped")
    stopped = replace(trial, measures={**trial.measures, rung.name: rung})
    found = expenses(one(replace(run, records=(stopped,))))
    assert [expense.seconds for expense in found if expense.part == "training"] == [7.0]
    (loss,) = [loss for loss in losses(one(replace(run, records=(stopped,)))) if loss.trials == "1"]
    assert loss.reason == "not promoted at the rung after 1 epoch"


def test_a_failure_s_time_is_not_made_up(run: RunResults, tiny_study: Study) -> None:
    """Nothing is stored of it, and the note says so where there is one."""
    assert "no time is stored" not in expense_note(one(run))
    failed = made_trial(tiny_study, 30, state="failed", error="lost")
    assert "no time is stored" in expense_note(one(replace(run, records=(failed,))))


def test_the_local_engine_is_one_process(run: RunResults) -> None:
    """Whatever the number of workers that the study names."""
    assert "one process with 1 thread" in expense_note(one(run))
    assert "one process with 1 thread" in question(one(run))["budget"]


def test_an_unknown_environment_is_a_hyphen(folder: Path) -> None:
    """And never the machine that the report is made on."""
    rows = environment(one(made_run(folder / "made")))
    for label in ("commit", "machine", "python", "packages", "images", "device"):
        assert rows[label] == "-", label


def test_the_question_is_the_study_s(run: RunResults) -> None:
    """Objectives, limits, space, start, scores, training, images, budget and seed."""
    rows = question(one(run))
    assert rows["objectives"] == "maximize val_accuracy; minimize macs"
    assert rows["limits"] == "params at most 20.0 k"
    assert rows["space"].startswith(f"tiny: {run.study.space.size:,} nets")
    assert rows["start"] == "3 of 30 random members, spread over the costs"
    assert rows["scores"] == "mean rank of naswot, synflow, on 8 images"
    assert rows["training"].startswith("the best 50 % of a generation: 0.5 epochs, 1 seed,")
    assert rows["images"] == "digits: 200 images to train, 100 to validate"
    assert rows["seed"] == "3"

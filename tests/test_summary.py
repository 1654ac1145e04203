"""A run in a few numbers."""

from __future__ import annotations

from typing import Any

import pytest
from made_trials import made_trial

from archsearch.study import Study
from archsearch.summary import Summary, by_reason, summarize
from archsearch.trial import Trial


def summary_of(study: Study, trials: list[Trial], **counts: Any) -> Summary:
    return summarize(study, trials, {"asked": 50, "over:params": 7, "invalid": 2, **counts}, 12.0)


def test_every_trial_is_counted_once_by_its_state(tiny_study: Study) -> None:
    """Done are the complete, the stopped and the failed, not the waiting."""
    trials = [
        made_trial(tiny_study, 0, 0.5),
        made_trial(tiny_study, 1, state="stopped"),
        made_trial(tiny_study, 2, state="failed", error="train: diverged"),
        made_trial(tiny_study, 3, state="failed", error="train: diverged"),
        made_trial(tiny_study, 4, state="waiting"),
    ]
    now = summary_of(tiny_study, trials)
    assert (now.complete, now.stopped, now.waiting, now.done) == (1, 1, 1, 4)
    assert now.failed == {"train: diverged": 2}
    assert (now.screened, now.scored, now.trained) == (50, 5, 1)
    assert now.rejected == {"invalid": 2, "over the limit on params": 7}


def test_the_best_is_complete_and_best_in_the_first_objective(tiny_study: Study) -> None:
    """A waiting trial is not best, whatever it has reached; of equals the first is."""
    trials = [
        made_trial(tiny_study, 0, 0.5),
        made_trial(tiny_study, 1, 0.7),
        made_trial(tiny_study, 2, 0.7),
        made_trial(tiny_study, 3, 0.9, state="waiting"),
    ]
    best = summary_of(tiny_study, trials).best
    assert str(best) == "val_accuracy 0.700 ± 0.046 (trial 1)"
    assert summary_of(tiny_study, []).best is None


def test_the_front_counts_non_dominated_complete_trials(tiny_study: Study) -> None:
    """0.5 at 1 M and 0.7 at 2 M; 0.6 at 3 M is dominated, the stopped one does not count."""
    trials = [
        made_trial(tiny_study, 0, 0.5, macs=1e6),
        made_trial(tiny_study, 1, 0.7, macs=2e6),
        made_trial(tiny_study, 2, 0.6, macs=3e6),
        made_trial(tiny_study, 3, macs=1.0, state="stopped"),
    ]
    assert summary_of(tiny_study, trials).front == 2


def test_the_stage_is_that_of_the_least_advanced_trial(tiny_study: Study) -> None:
    """Scored trials wait until all are scored; then the generation trains."""
    scored = made_trial(tiny_study, 0, state="waiting", generation=4)
    fresh = Trial(**{**vars(made_trial(tiny_study, 1, state="waiting")), "stage": "screen"})
    assert summary_of(tiny_study, [scored, fresh]).stage == "score"
    now = summary_of(tiny_study, [scored])
    assert (now.stage, now.activity) == ("train", "generation 4, training")
    assert summary_of(tiny_study, [made_trial(tiny_study, 0, 0.5)]).stage is None


def test_the_state_tells_a_finished_run_from_one_that_can_go_on(tiny_study: Study) -> None:
    """The tiny study's budget is eight trials and no time."""
    done = [made_trial(tiny_study, number, 0.5) for number in range(8)]
    assert summary_of(tiny_study, done).state == "finished"
    assert summary_of(tiny_study, done[:7]).state == "unfinished"


def test_reasons_are_listed_by_number_and_the_rare_ones_summed() -> None:
    """Five by name, the rest together."""
    assert by_reason({}) == "0"
    assert by_reason({"duplicate": 1, "invalid": 2_000}) == "2,001 (2,000 invalid, 1 duplicate)"
    many = {f"reason {number}": 10 - number for number in range(8)}
    assert by_reason(many).endswith("6 reason 4, 12 for other reasons)")


@pytest.mark.parametrize("label", ["run", "state", "trials", "screened", "best", "elapsed"])
def test_the_table_of_a_run_has_every_row(tiny_study: Study, label: str) -> None:
    """Also where there is nothing yet."""
    assert summary_of(tiny_study, []).rows()[label]

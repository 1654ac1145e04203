"""The checklist of good practice: each answer follows from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from made_trials import made_trial
from small_runs import finish, new_run, small_study

from archsearch.audits import Audit, Standing
from archsearch.devices.reading import Latency
from archsearch.good_practice import QUESTIONS, Answer, answers, prospects
from archsearch.measures import latency_measured
from archsearch.related_runs import related_runs
from archsearch.results import RunResults, open_run
from archsearch.store import Store
from archsearch.study import Study, load_study

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def made(folder: Path, name: str, **changes: str) -> RunResults:
    finish(new_run(small_study(name=name, **changes), folder / name / "run.sqlite"))
    return open_run(folder / name)


def found(run: RunResults, question: str, compared: Sequence[RunResults] = ()) -> Answer:
    """The answer to the question that holds these words."""
    (answer,) = [one for one in answers(run, compared) if question in one.question]
    return answer


def test_every_question_is_answered_once(run: RunResults) -> None:
    """With evidence; and what is not a yes says what to do or why not."""
    all_answers = answers(run)
    assert len({one.question for one in all_answers}) == len(all_answers) == len(QUESTIONS)
    for one in all_answers:
        assert one.evidence, one.question
        assert one.remedy or one.verdict in ("yes", "open", "does not apply"), one.question


def test_a_study_is_answered_as_far_as_it_decides(run: RunResults) -> None:
    """As a run of it will be; the rest is open."""
    early = {one.question: one for one in prospects(run.study)}
    for one in answers(run):
        if early[one.question].verdict != "open":
            assert early[one.question] == one
    assert early["Are the random seeds stated?"].verdict == "yes"
    assert early["Is the code identified?"].verdict == "open"


@pytest.mark.parametrize(
    ("commit", "verdict"), [("abc", "yes"), ("abc+changed", "partly"), (None, "partly")]
)
def test_code_is_identified_by_a_clean_commit(
    run: RunResults, commit: str | None, verdict: str
) -> None:
    """A changed tree, and a release without a repository, are half an answer."""
    of = replace(run, environment={**run.environment, "commit": commit})
    assert found(of, "code identified").verdict == verdict


def test_what_a_run_did_not_store_is_a_no(run: RunResults) -> None:
    """Code, images and machine of an empty environment."""
    bare = replace(run, environment={})
    for question in ("code identified", "images and their split", "machine and versions"):
        assert found(bare, question).verdict == "no"


def test_images_are_identified_by_their_fingerprint(run: RunResults) -> None:
    """With source and split."""
    assert str(run.environment["images"]) in found(run, "images and their split").evidence


@pytest.mark.parametrize(("how", "verdict"), [("measured", "yes"), ("predicted", "partly")])
def test_latency_counts_where_a_board_measured_it(run: RunResults, how: str, verdict: str) -> None:
    """What is predicted or emulated needs a board's word."""
    study = load_study(DATA / "tiny_study.yaml", ["device=raspberry_pi_4"])
    latency = Latency(5.0, 4.0, 6.0, 9, 1, how, "raspberry_pi_4", "MNN", 0.07)  # type: ignore[arg-type]
    timed = latency_measured(latency, "latency")
    records = tuple(replace(t, measures={**t.measures, "latency_ms": timed}) for t in run.records)
    assert found(run, "latency measured").verdict == "does not apply"
    assert found(replace(run, study=study), "latency measured").verdict == "no"
    assert found(replace(run, study=study, records=records), "latency measured").verdict == verdict


@pytest.mark.parametrize(("seeds", "verdict"), [(1, "no"), (2, "partly"), (3, "yes"), (5, "yes")])
def test_several_seeds_are_three(seeds: int, verdict: str) -> None:
    """Of a training; one says nothing of the spread."""
    study = load_study(DATA / "tiny_study.yaml", [f"training.seeds={seeds}"])
    (answer,) = [one for one in prospects(study) if "several seeds" in one.question]
    assert answer.verdict == verdict


def test_repeated_searches_are_found_beside_a_run(folder: Path) -> None:
    """Runs of one study with other seeds; a run of another study is none."""
    first = made(folder, "first")
    assert found(first, "repeated").verdict == "no"
    made(folder, "other", training__epochs="3", seed="9")
    assert found(first, "repeated").verdict == "no"
    made(folder, "second", seed="8")
    assert found(first, "repeated").verdict == "partly"
    made(folder, "third", seed="9")
    answer = found(first, "repeated")
    assert (answer.verdict, answer.evidence) == ("yes", "searches with seed 7, 8, 9")


def test_a_random_search_of_the_same_budget_is_a_baseline(folder: Path) -> None:
    """A shorter one is half a baseline; one on other images is none; of itself it needs none."""
    run = made(folder, "evolution")
    assert found(run, "random search").verdict == "no"
    made(folder, "elsewhere", sampler="random", data__train="100")
    assert found(run, "random search").verdict == "no"
    made(folder, "short", sampler="random", budget__trials="12")
    assert found(run, "random search").verdict == "partly"
    baseline = made(folder, "random", sampler="random")
    answer = found(run, "random search")
    assert answer.verdict == "yes"
    assert answer.evidence == "random with 30 trials, this run with 30"
    assert found(baseline, "random search").verdict == "does not apply"


def test_a_run_that_differs_in_one_thing_is_an_ablation(folder: Path) -> None:
    """In two it is none, and another seed is a repetition."""
    run = made(folder, "whole")
    made(folder, "seed", seed="8")
    made(folder, "both", sampler="random", training__epochs="3")
    assert found(run, "ablated").verdict == "no"
    made(folder, "part", training__epochs="3")
    answer = found(run, "ablated")
    assert (answer.verdict, answer.evidence) == ("yes", "part differs in training")


def test_baselines_are_published_nets_among_the_trials(run: RunResults, tiny_study: Study) -> None:
    """Trained by the run's own recipe; a net that was stopped is none."""
    from archsearch import published

    net = published.load("edgenext_xx_small")
    trial = replace(made_trial(tiny_study, 20, accuracy=0.5), architecture_id=net.id)
    assert found(run, "baselines").verdict == "no"
    answer = found(replace(run, records=(*run.records, trial)), "baselines")
    assert (answer.verdict, answer.evidence[:17]) == ("yes", "edgenext_xx_small")
    stopped = replace(trial, state="stopped")
    assert found(replace(run, records=(stopped,)), "baselines").verdict == "no"


def test_compared_runs_are_alike_but_in_what_is_compared(run: RunResults) -> None:
    """A difference in machine, code or images is named."""
    assert found(run, "confounders").verdict == "does not apply"
    assert found(run, "confounders", [run, replace(run)]).verdict == "yes"
    slower = replace(run, environment={**run.environment, "cpu": "another"})
    answer = found(run, "confounders", [run, slower])
    assert (answer.verdict, answer.evidence) == ("no", "the runs differ in cpu")


def test_an_audit_answers_for_the_accuracy(
    run: RunResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one stands behind the run."""
    assert found(run, "audited").verdict == "no"
    audit = Audit.model_construct(name="an_audit", nets=(), epochs=0.5, rows=())
    said = str(Standing(audit, epochs=1.0, images=""))
    monkeypatch.setattr("archsearch.results.standing", lambda *_: said)
    answer = found(run, "audited")
    assert (answer.verdict, answer.evidence) == ("yes", said)


def test_accuracy_that_steered_a_search_is_not_of_unseen_images(run: RunResults) -> None:
    """A search by costs alone has no such accuracy."""
    assert found(run, "never saw").verdict == "no"
    study = load_study(DATA / "tiny_study.yaml", ["objectives=[{minimize: macs}]"])
    assert found(replace(run, study=study), "never saw").verdict == "does not apply"


def test_an_unfinished_run_has_not_shown_its_time(run: RunResults) -> None:
    """Nor, without any trial, how it went."""
    assert found(run, "whole method").verdict == "yes"
    half = replace(run, records=run.records[:3])
    assert found(half, "whole method").verdict == "partly"
    assert found(replace(run, records=()), "over time").verdict == "no"


def test_failures_are_counted_by_reason(run: RunResults, tiny_study: Study) -> None:
    """Of all trials."""
    failed = made_trial(tiny_study, 30, state="failed", error="lost")
    answer = found(replace(run, records=(*run.records, failed)), "failures")
    assert answer.evidence == "1 (1 lost) of 9 trials failed"


def test_runs_beside_a_run_are_of_its_task(folder: Path) -> None:
    """Whatever else lies there: another space, a broken file, a study of another kind, itself."""
    run = made(folder, "one")
    made(folder, "two", seed="8")
    made(folder, "classes", classes="10")
    made(folder, "images", data__train="100")
    (folder / "broken").mkdir()
    (folder / "broken" / "run.sqlite").write_bytes(b"no database")
    (folder / "ablation").mkdir()
    other = {"schema": 1, "kind": "ablation", "data": dict(run.study.data["data"])}
    Store.create(folder / "ablation" / "run.sqlite", other, "an ablation's", {}).close()
    (near,) = related_runs(run, [run])
    assert near.run.folder == folder / "two"
    assert near.differs == {"seed"}


def test_the_page_about_the_checklist_has_every_question() -> None:
    """docs/report.md says when the answer to each is a yes."""
    text = (Path(__file__).parents[1] / "docs" / "report.md").read_text(encoding="utf-8")
    for question in QUESTIONS:
        assert f"| {question.text} |" in text, question.text

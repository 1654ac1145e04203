"""The predictor in a run: allowed, judged, used, and told of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_trials import made_trial
from run_contents import contents

from archsearch import predictor
from archsearch.errors import InputError
from archsearch.measures import MEASURES
from archsearch.predicting import Decision, decided, judged, said
from archsearch.ranking import promoted
from archsearch.results import open_run
from archsearch.runs import DATABASE, work_on
from archsearch.store import Store
from archsearch.study import Study, load_study
from archsearch.trial import Measured, Trial

TINY = Path(__file__).parent / "data" / "tiny_study.yaml"
ALLOWED = "cascade.train.predictor=true"


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "TREES", 15)


def study(*overrides: str) -> Study:
    return load_study(TINY, [ALLOWED, *overrides])


def nets(study: Study, count: int, generation: int, known: bool, seed: int = 0) -> list[Trial]:
    """Members whose accuracy is that of their depth and width; proxies are chance."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        one = made_trial(study, number + 100 * generation, state="waiting", generation=generation)
        measures = dict(one.measures)
        for measure in MEASURES.values():
            if measure.stage == "screen":
                measures[measure.name] = Measured(measure.name, 1e4, "screen")
        for name in ("naswot", "synflow"):
            measures[name] = Measured(name, float(rng.normal()), "score")
        accuracy = 0.02 * sum(x for x in one.choices.values() if isinstance(x, int))
        if known:
            measures["val_accuracy"] = Measured("val_accuracy", accuracy, "train", count=100)
        state = "complete" if known else "waiting"
        found.append(replace(one, measures=measures, state=state, stage="score"))  # type: ignore[arg-type]
    return found


def truth(trial: Trial) -> float:
    return sum(x for x in trial.choices.values() if isinstance(x, int))


def test_a_study_that_does_not_ask_gets_none(tiny_study: Study) -> None:
    """Off by default; and nothing is decided where all are trained."""
    past, now = nets(tiny_study, 30, 0, True), nets(tiny_study, 8, 1, False)
    assert decided(tiny_study, past, now) is None
    assert decided(study("cascade.train.promote=1.0"), past, now) is None


def test_what_is_learnt_chooses() -> None:
    """Once it beats the best baseline on the trained nets, the most accurate by it are promoted."""
    asked = study("cascade.train.promote=0.25", "objectives=[{maximize: val_accuracy}]")
    past, now = nets(asked, 60, 0, True), nets(asked, 16, 1, False)
    decision = decided(asked, past, now)
    assert decision is not None
    assert decision.judgement is not None
    assert decision.judgement.beats
    assert decision.accuracy.keys() == {trial.number for trial in now}
    chosen = promoted(asked, now, decision.accuracy)
    by_score = promoted(asked, now)
    mean = {
        name: np.mean([truth(t) for t in now if t.number in some])
        for name, some in (("predictor", chosen), ("score", by_score))
    }
    assert mean["predictor"] > mean["score"]
    best = sorted(decision.accuracy, key=lambda number: -decision.accuracy[number])
    assert chosen == set(best[:4])


def test_it_does_not_choose_while_too_little_was_trained() -> None:
    """Nor from what another generation than an earlier one gave, nor what failed."""
    asked = study()
    past, now = nets(asked, 19, 0, True), nets(asked, 8, 1, False)
    assert decided(asked, past, now) == Decision(19, None, {})
    failed = [replace(trial, state="failed") for trial in nets(asked, 30, 0, True)]
    assert decided(asked, [*past, *failed], now) == Decision(19, None, {})
    assert decided(asked, [*past, *nets(asked, 30, 1, True)], now) == Decision(19, None, {})
    assert decided(asked, [], now) == Decision(0, None, {})


def test_it_does_not_choose_where_a_baseline_is_better() -> None:
    """Proxies and costs are baselines each, and so is the study's score."""
    asked = study()
    past = nets(asked, 40, 0, True)
    for name in ("naswot", "macs"):
        told = [
            replace(t, measures={**t.measures, name: replace(t.measures[name], value=truth(t))})
            for t in past
        ]
        judgement = judged(asked, told)
        assert judgement is not None
        assert judgement.baseline == name
        assert not judgement.beats
        decision = decided(asked, told, nets(asked, 8, 1, False))
        assert decision is not None
        assert not decision.accuracy


def test_the_studys_score_is_a_baseline() -> None:
    """The mean rank of two proxies that know one half each."""
    asked = study()
    rng = np.random.default_rng(1)
    past = []
    for trial in nets(asked, 40, 0, True):
        noise = 2 * rng.normal()
        scores = {"naswot": truth(trial) + noise, "synflow": truth(trial) - noise}
        changed = {n: Measured(n, float(v), "score") for n, v in scores.items()}
        past.append(replace(trial, measures={**trial.measures, **changed}))
    judgement = judged(asked, past)
    assert judgement is not None
    assert judgement.baseline == "the study's score"


def decision(used: bool, least_lead: float | None, trained: int = 24) -> dict[str, Any]:
    judgement = None
    if least_lead is not None:
        judgement = {
            "n": trained, "predictor": 0.81, "baseline": "synflow", "of_baseline": 0.7,
            "lead": 0.11, "least_lead": least_lead,
        }  # fmt: skip
    return {"used": used, "trained": trained, "judgement": judgement}


def test_a_run_says_where_it_was_used_and_against_what() -> None:
    """The generations, the baseline and both correlations; or what is missing."""
    few = {0: decision(False, None, 3)}
    assert said(few) == "not used; last: 3 nets trained, needs 20"
    behind = few | {1: decision(False, -0.05)}
    assert said(behind).startswith("not used; last: Spearman 0.81 against 0.70 of synflow")
    ahead = behind | {2: decision(True, 0.02), 3: decision(True, 0.03)}
    assert said(ahead) == (
        "used in generations 2, 3; last: Spearman 0.81 against 0.70 of synflow "
        "(24 nets, lead at least 0.03)"
    )


def test_a_run_stores_its_decisions_and_resumes_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real run with the predictor: killed and resumed it is the same, decisions and all."""
    monkeypatch.setattr(predictor, "LEAST_NETS", 4)
    monkeypatch.setattr(predictor, "_CONFIDENCE", 0.0)  # any lead will do
    shorter = ("budget.generation=6", "cascade.score.proxies=[naswot]", "training.epochs=0.3")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    work_on(study(*shorter, "budget.trials=18"), whole, lambda _: lambda: None)
    for trials in (6, 12, 18):
        work_on(study(*shorter, f"budget.trials={trials}"), parts, lambda _: lambda: None)
    assert contents(whole) == contents(parts)
    found = [open_run(folder) for folder in (whole, parts)]
    assert found[0].decisions == found[1].decisions
    assert [d["trained"] for d in found[0].decisions.values()] == [0, 3, 6]
    assert found[0].decisions[2]["judgement"] is not None
    assert found[0].trust()["predictor"] == said(found[0].decisions)


def test_the_first_decision_stays(tiny_run: Path, tmp_path: Path) -> None:
    """A run that is resumed in the middle of a generation does not note another one."""
    import shutil

    copied = tmp_path / DATABASE
    shutil.copy(tiny_run / DATABASE, copied)
    with Store.open(copied, write=True) as store:
        assert store.decisions() == {}
        store.decide(1, {"used": True})
        store.decide(1, {"used": False})
        assert store.decisions() == {1: {"used": True}}


def test_the_predictor_is_asked_for_by_yes_or_no() -> None:
    """A strict leaf, as every other."""
    with pytest.raises(InputError, match="predictor"):
        load_study(TINY, ["cascade.train.predictor=sometimes"])

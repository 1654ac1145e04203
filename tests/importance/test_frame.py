"""Importances of a run: what is looked at, what is left out, and how it is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_trials import made_trial
from small_runs import small_study

from archsearch import predictor
from archsearch.errors import InputError
from archsearch.importance import FRONT, METHODS, ensure_method, importances, shown
from archsearch.importance import fanova as fanova_module
from archsearch.importance import frame as module
from archsearch.importance.frame import COLUMNS
from archsearch.study import Study
from archsearch.trial import Trial

DEPTH = "stages.0.blocks.0.repeat"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "TREES", 10)
    monkeypatch.setattr(fanova_module, "TREES", 20)
    monkeypatch.setattr(fanova_module, "SHUFFLED_TREES", 5)


@pytest.fixture(scope="module")
def study() -> Study:
    return small_study()


def nets(study: Study, count: int) -> list[Trial]:
    """Complete trials whose accuracy is their depth at the beginning, and a little noise."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        macs = float(rng.uniform(1e6, 2e6))
        one = made_trial(study, number, 0.5, macs=macs)
        accuracy = 0.1 * int(one.choices[DEPTH]) + 0.01 * rng.normal()
        found.append(made_trial(study, number, accuracy, macs=macs))
    return found


def test_every_leaf_is_judged_by_every_method_for_every_objective(study: Study) -> None:
    """The study's objectives and the front; rows in falling importance, with interval and n."""
    trials = nets(study, 60)
    found = importances(study, trials)
    assert tuple(found.columns) == COLUMNS
    assert list(found["objective"].unique()) == ["val_accuracy", "macs", FRONT]
    assert list(found["method"].unique()) == list(METHODS)
    assert not found.isna().any().any()
    assert not found.duplicated(["objective", "method", "leaf"]).any()
    for _, group in found.groupby(["objective", "method"]):
        assert group["importance"].is_monotonic_decreasing
    having = {path: sum(path in t.choices for t in trials) for path in found["leaf"]}
    assert dict(zip(found["leaf"], found["nets"], strict=True)) == having


def test_the_leaf_that_makes_the_accuracy_is_first(study: Study) -> None:
    """By every method, and beyond chance; a table shows it first, with a star."""
    found = importances(study, nets(study, 80), ["val_accuracy"])
    for _, rows in found.groupby("method"):
        first = rows.iloc[0]
        assert first["leaf"] == DEPTH
        assert first["importance"] > first["chance"]
    ((objective, table),) = shown(found, 3)
    assert objective == "val_accuracy"
    assert list(table.columns) == ["leaf", *METHODS, "nets"]
    assert len(table) == 3
    assert table["leaf"][0] == DEPTH
    assert all(table[name][0].endswith(") *") for name in METHODS)
    assert table["nets"][0] == "80"


def test_the_same_run_gives_the_same_table(study: Study) -> None:
    """Byte for byte."""
    trials = nets(study, 40)
    first, again = (importances(study, trials, ["macs"]).to_csv() for _ in range(2))
    assert first == again


def test_only_what_was_measured_counts(study: Study) -> None:
    """Failed trials never do; stopped ones for what they have; for the front complete ones."""
    trials = nets(study, 50)
    trials[:10] = [replace(t, state="failed", error="train: diverged") for t in trials[:10]]
    for at in range(10, 25):
        measures = {n: m for n, m in trials[at].measures.items() if n != "val_accuracy"}
        trials[at] = replace(trials[at], state="stopped", measures=measures)
    notes = importances(study, trials).attrs["notes"]
    assert notes["macs"].startswith("40 nets, 5 of them the best")
    assert notes["val_accuracy"].startswith("25 nets, 5 of them the best")
    assert notes[FRONT].startswith("25 nets, ")


def test_what_cannot_be_judged_is_said(study: Study) -> None:
    """Too few trained nets: costs are judged all the same, and the note says why not accuracy."""
    trials = nets(study, 14)
    few = [
        t if t.number < 6 else replace(t, state="stopped", measures={"macs": t.measures["macs"]})
        for t in trials
    ]
    found = importances(study, few)
    assert set(found["objective"]) == {"macs"}
    assert "6 nets of this run have it" in found.attrs["notes"]["val_accuracy"]
    assert "6 nets of this run have it" in found.attrs["notes"][FRONT]
    assert "leaves are not judged, as fewer than 10" in found.attrs["notes"]["macs"]


def test_mistakes_are_refused(study: Study) -> None:
    """An unknown objective or method, too few nets, and nothing that differs."""
    trials = nets(study, 20)
    with pytest.raises(InputError, match=r"val_acuracy: was not measured.*'val_accuracy'"):
        importances(study, trials, ["val_acuracy"])
    with pytest.raises(InputError, match=r"val_accuracy: 4 nets of this run have it.*needs 10"):
        importances(study, trials[:4], ["val_accuracy"])
    with pytest.raises(InputError, match="val_accuracy: 4 nets"):
        importances(study, trials[:4])
    equal = [made_trial(study, t.number, 0.5) for t in trials]
    with pytest.raises(InputError, match="macs: all nets have the same"):
        importances(study, equal, ["macs"])
    alike = [replace(t, choices=trials[0].choices) for t in trials]
    with pytest.raises(InputError, match="no leaf was chosen in two ways"):
        importances(study, alike, ["macs"])
    with pytest.raises(InputError, match="unknown method 'fanove'; did you mean 'fanova'"):
        ensure_method("fanove")


def test_of_many_nets_a_random_part_is_looked_at(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table and the note say of how many."""
    monkeypatch.setattr(module, "MOST_NETS", 30)
    found = importances(study, nets(study, 50), ["macs"])
    assert found["nets"].max() == 30
    assert found.attrs["notes"]["macs"].startswith("30 nets, ")

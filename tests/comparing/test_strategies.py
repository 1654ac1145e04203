"""Strategies: how they are given, which do not compare, and in what they differ."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_strategies import changed, made_run, made_strategy

from archsearch.comparing import Strategy, strategy_of
from archsearch.comparing.strategies import differing, directions_of, ensure_distinct
from archsearch.devices.reading import Latency
from archsearch.errors import InputError
from archsearch.measures import latency_measured
from archsearch.study import Study

POINTS = [(0.5, 1e6), (0.6, 2e6)]


@pytest.fixture
def folders(tiny_run: Path, tmp_path: Path) -> Path:
    """A folder with three copies of a run: two in a folder, one beside it."""
    for place in ("many/a", "many/b", "one"):
        shutil.copytree(tiny_run, tmp_path / place)
    return tmp_path


def test_a_strategy_is_a_run_several_or_a_folder(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a name or without; a folder of runs is read in the order of names."""
    monkeypatch.chdir(folders)

    def read(text: str) -> tuple[str, list[str]]:
        found = strategy_of(text)
        return found.name, [str(run.folder) for run in found.runs]

    assert read("one") == ("one", ["one"])
    assert read("one/run.sqlite")[1] == ["one"]
    assert read("many") == ("many", ["many/a", "many/b"])
    assert read("x=many,one") == ("x", ["many/a", "many/b", "one"])
    assert read("many/b,one") == ("b", ["many/b", "one"])
    (folders / "one").rename("p=1")
    assert read("p=1") == ("p=1", ["p=1"])
    with pytest.raises(InputError, match="no such folder"):
        strategy_of("nowhere")
    (folders / "empty").mkdir()
    with pytest.raises(InputError, match="is empty; give the folder of a run"):
        strategy_of("x=empty")


def test_names_and_runs_are_given_once(tiny_study: Study) -> None:
    """And there are two strategies at least."""
    a, b = made_strategy(tiny_study, "a", POINTS), made_strategy(tiny_study, "b", POINTS)
    ensure_distinct([a, b])
    with pytest.raises(InputError, match="two runs or strategies at least; got 1"):
        ensure_distinct([a])
    with pytest.raises(InputError, match="two strategies are called 'a'; name one of them"):
        ensure_distinct([a, replace(b, name="a")])
    with pytest.raises(InputError, match="runs/a0 was given twice"):
        ensure_distinct([a, Strategy("c", a.runs)])


def test_measures_are_the_first_run_s_objectives_or_those_asked_for(tiny_study: Study) -> None:
    """A measure that is an objective of some run has its direction, others their own."""
    fewer = changed(tiny_study, objectives=[{"maximize": "params"}])
    strategies = [made_strategy(tiny_study, "a", POINTS), made_strategy(fewer, "b", POINTS)]
    assert directions_of(strategies, None) == {"val_accuracy": "maximize", "macs": "minimize"}
    assert directions_of(strategies, ["params", "naswot"]) == {
        "params": "maximize",
        "naswot": "maximize",
    }
    for names, message in (
        (["macc"], "unknown measure 'macc'; did you mean 'macs'"),
        (["macs", "macs"], "'macs' was given twice"),
        (["train_s"], r"runs/a0: train_s was measured in none of its 2 complete trials"),
    ):
        with pytest.raises(InputError, match=message):
            directions_of(strategies, names)
    up = made_strategy(changed(tiny_study, objectives=[{"maximize": "macs"}]), "c", POINTS)
    with pytest.raises(InputError, match="macs is maximized in one run and minimized in another"):
        directions_of([*strategies, up], ["macs"])


def test_accuracies_on_different_images_do_not_compare(tiny_study: Study) -> None:
    """What is counted does."""
    strategies = [
        made_strategy(tiny_study, "a", POINTS, images="digits"),
        made_strategy(tiny_study, "b", POINTS, images="mnist"),
    ]
    with pytest.raises(InputError, match=r"different images \(runs/a0: digits; runs/b0: mnist\)"):
        directions_of(strategies, None)
    assert directions_of(strategies, ["macs"]) == {"macs": "minimize"}


def test_latencies_of_different_devices_do_not_compare(tiny_study: Study) -> None:
    """With what came from where."""
    strategies = []
    for device in ("pi", "phone"):
        run = made_run(tiny_study, POINTS, device)
        latency = Latency(1.0, 1.0, 1.0, 1, 1, "measured", device, "MNN", None)
        measured = {"latency_ms": latency_measured(latency, "latency")}
        records = [replace(t, measures={**t.measures, **measured}) for t in run.records]
        strategies.append(Strategy(device, (replace(run, records=tuple(records)),)))
    with pytest.raises(InputError, match=r"latencies of different devices.*pi: Pi.*phone: Phone"):
        directions_of(strategies, ["latency_ms"])


def test_studies_differ_in_their_leaves(tiny_study: Study) -> None:
    """Seeds, names and engines make no other strategy; long values are not written out."""

    def differ(**settings: object) -> list[str]:
        return differing(
            [made_run(tiny_study, POINTS), made_run(changed(tiny_study, **settings), POINTS)]
        )

    assert differ(seed=9, name="other", engine="ray", notes="n") == []
    assert differ(sampler="tpe") == ["sampler (random, tpe)"]
    assert differ(budget={"trials": 16, "generation": 4}) == ["budget.trials (8, 16)"]
    space = {**tiny_study.data["space"], "stem": {"patch": {"size": 2}}}
    assert differ(space=space) == ["space"]
    options = {"pareto_evolution": {"parents": 5}}
    assert differ(sampler=options) == [
        "sampler (random, pareto_evolution)", "sampler.parents (-, 5)",
    ]  # fmt: skip

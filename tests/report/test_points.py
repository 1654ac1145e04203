"""Points: the run's own numbers, and published nets beside them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_trials import made_trial
from small_runs import small_study

from archsearch import published
from archsearch.cost import count
from archsearch.documents import parse
from archsearch.report import points as module
from archsearch.report.columns import columns
from archsearch.report.nets import drawn
from archsearch.report.points import points
from archsearch.report.reported import reported
from archsearch.results import RunResults, open_run
from archsearch.store import Store
from archsearch.study import Study, study_of
from archsearch.trial import Measured

SPACES = Path(__file__).parents[2] / "search_spaces"


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def found(*runs: RunResults) -> list[dict[str, Any]]:
    shown = reported(runs)
    return points(shown, columns(shown))


def test_points_are_the_run_s_own_numbers(run: RunResults) -> None:
    """Every trial with every measure that it has, and null where it has none."""
    shown = columns(reported([run]))
    for point, trial in zip(found(run), run.records, strict=False):
        assert point["number"] == trial.number
        for column, value in zip(shown, point["values"], strict=True):
            known = trial.measures.get(column.measure)
            assert value == (known.value if known else None)


def test_the_front_is_the_run_s_front(run: RunResults) -> None:
    """In the study's objectives."""
    marked = {point["number"] for point in found(run) if point["front"]}
    assert marked == set(run.pareto()["number"])


def test_numbers_that_are_not_finite_are_null_and_a_hyphen(
    run: RunResults, tiny_study: Study
) -> None:
    """A dead net's proxy may be NaN or infinite."""
    trial = made_trial(tiny_study, 20, accuracy=0.5)
    dead = {
        **trial.measures,
        "naswot": Measured("naswot", -math.inf, "score"),
        "synflow": Measured("synflow", math.nan, "score"),
    }
    spoilt = replace(run, records=(*run.records, replace(trial, measures=dead)))
    keys = [column.key for column in columns(reported([spoilt]))]
    (point,) = [one for one in found(spoilt) if one["number"] == 20]
    for name in ("naswot", "synflow"):
        assert point["values"][keys.index(name)] is None
        assert point["texts"][keys.index(name)] == "-"


def test_a_spread_is_shown_with_its_n(run: RunResults, tiny_study: Study) -> None:
    """Mean, standard deviation and repetitions."""
    trial = made_trial(tiny_study, 20, accuracy=0.5, n=3, sd=0.02)
    (point,) = [o for o in found(replace(run, records=(trial,))) if o["number"] == 20]
    assert "0.500 ± 0.020 (n = 3)" in point["texts"]


def test_published_nets_of_the_space_stand_beside_the_trials(tmp_path: Path) -> None:
    """Once for all runs, with what is counted of them and nothing else."""
    data = {**small_study().data, "name": "mobile", "space": str(SPACES / "mobile.yaml")}
    study = study_of(parse(json.dumps(data), "study.json"), tmp_path)
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        Store.create(folder / "run.sqlite", study.data, study.identity, {}).close()
        runs.append(open_run(folder))
    nets = {point["name"]: point for point in found(*runs)}
    assert len(nets) == len(found(*runs))
    assert nets["parcnet_xs"]["state"] == "not tried"
    assert nets["parcnet_xs"]["net"]["params"] == "2.19 M"


def test_of_very_many_nets_complete_ones_are_drawn_first(
    run: RunResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have their numbers alone, so that the page stays small."""
    complete = sum(trial.state == "complete" for trial in run.records)
    monkeypatch.setattr(module, "MOST_DRAWN", complete)
    for point in found(run):
        assert (point["net"] is not None) == (point["state"] in ("complete", "not tried"))


@pytest.mark.parametrize("name", ["edgenext_xx_small", "hornet_tiny_gf", "resnet50", "cmt_ti"])
def test_a_drawn_net_is_the_whole_net(name: str) -> None:
    """Its stages' shares sum to one, and its totals are those that are counted."""
    net = published.load(name)
    data = drawn(net, 1000)
    cost = count(net, 1000)
    for place, total in enumerate((cost.params, cost.macs)):
        shares = [stage["share"][place] for stage in data["stages"]]
        assert sum(shares) == pytest.approx(1)
        assert total > 0
    blocks = sum(times for s in data["stages"] for times, _, _, block in s["layers"] if block)
    assert blocks == sum(len(stage.blocks) for stage in net.stages)
    assert data["stages"][0]["name"] == "Stem"
    assert data["stages"][-1]["size"] == [1000]

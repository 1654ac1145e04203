"""Figures of the page: their numbers, and that plotly knows every word of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from reported_runs import made_run

from archsearch.figures.parallel import said_value
from archsearch.importance import METHODS
from archsearch.pareto import hypervolume
from archsearch.preferences import preferences
from archsearch.report.charts import Chart
from archsearch.report.choosing import choices
from archsearch.report.looks import palette, symbols, tone
from archsearch.report.mattering import MOST_LEAVES, importance_charts, preference_charts
from archsearch.report.progress import compared, growth, learning_curves, side_by_side
from archsearch.report.reported import reported
from archsearch.results import RunResults, open_run


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def painted(value: Any) -> Any:
    """Tokens as some colour."""
    if isinstance(value, str):
        return "#123456" if value.startswith("@") else value
    if isinstance(value, dict):
        return {key: painted(inner) for key, inner in value.items()}
    return [painted(inner) for inner in value] if isinstance(value, list) else value


def ensure_known(charts: list[Chart]) -> None:
    """Plotly refuses an unknown key or value."""
    assert charts
    for chart in charts:
        go.Figure(painted(chart.traces), painted(chart.layout))


def test_growth_ends_with_the_front_s_hypervolume(run: RunResults) -> None:
    """As a share of the box; over trials and over seconds alike."""
    found = compared(reported([run]))
    assert not isinstance(found, ValueError)
    box = found.box
    points = run.pareto()[box.names].to_numpy(float)
    share = hypervolume(points, box.reference, box.maximize) / box.volume
    for chart, end in zip(growth(found), (len(run.records), run.elapsed_s), strict=True):
        (trace,) = chart.traces
        assert trace["y"][0] == 0
        assert trace["y"][-1] == pytest.approx(share)
        assert trace["x"][-1] == pytest.approx(end)
        assert (np.diff(trace["y"]) >= 0).all()
    ensure_known(growth(found))


def test_runs_that_do_not_compare_say_why(run: RunResults, folder: Path) -> None:
    """Instead of a table and of figures."""
    found = compared(reported([run, made_run(folder / "made")]))
    assert growth(found) == []
    table, notes = side_by_side(found)
    assert table.empty
    assert "different images" in notes[0]


def test_learning_curves_are_means_over_repetitions(run: RunResults) -> None:
    """A line a trained net, those of the front drawn last and strong."""
    (opened,) = reported([run])
    better = {
        number: [
            *curve,
            *(
                replace(p, repetition=1, validation_accuracy=p.validation_accuracy / 2)
                for p in curve
            ),
        ]
        for number, curve in opened.curves.items()
    }
    one = replace(opened, curves=better)
    (chart,) = learning_curves([one])
    assert {trace["name"] for trace in chart.traces} == {f"trial {n}" for n in one.curves}
    front = [trace["opacity"] == 1 for trace in chart.traces]
    assert sum(front) == len(run.pareto())
    assert front == sorted(front)
    for trace in chart.traces:
        curve = one.curves[int(trace["name"].removeprefix("trial "))]
        last = [p.validation_accuracy for p in curve if p.epoch == trace["x"][-1]]
        assert trace["y"][-1] == pytest.approx(np.mean(last))
    ensure_known([chart])


def test_importances_are_drawn_with_their_intervals(folder: Path) -> None:
    """A marker a method and leaf; hollow within chance."""
    (one,) = reported([made_run(folder / "made")])
    charts, reasons = importance_charts(0, one)
    assert [chart.title for chart in charts] == ["val_accuracy", "Being on the front"]
    assert reasons == []
    for chart in charts:
        assert len(chart.traces) == len(METHODS)
        for trace in chart.traces:
            assert 0 < len(trace["x"]) <= MOST_LEAVES
            assert len(trace["marker"]["symbol"]) == len(trace["x"])
            assert min(trace["error_x"]["array"]) >= 0
            places = pd.Series(trace["y"]).round()
            assert places.is_unique
    ensure_known(charts)


def test_preferences_stand_beside_the_space_s_shares(folder: Path) -> None:
    """The most surprising first; hollow where the front is not told apart from the space."""
    (one,) = reported([made_run(folder / "made")])
    ((chart,), reasons) = preference_charts(0, one)
    table = preferences(one.run.study, one.run.records)
    shares, priors = chart.traces
    assert shares["x"] == list(table["share"][: len(shares["x"])])
    assert priors["x"] == list(table["prior"][: len(priors["x"])])
    hollow = [symbol.endswith("-open") for symbol in shares["marker"]["symbol"]]
    assert hollow == [p >= 0.05 for p in table["p"][: len(hollow)]]
    assert chart.layout["yaxis"]["ticktext"][0].startswith(str(table["leaf"][0]))
    assert reasons == []
    ensure_known([chart])


def test_a_dark_page_lightens_what_would_not_stand_out() -> None:
    """Black and blue get lighter, yellow stays; the light page keeps the figures' colours."""
    assert tone("#000000").light == "#000000"
    assert tone("#000000").dark > "#7f0000"
    assert tone("#F0E442") == ("#f0e442", "#f0e442")
    red, green, blue = (int(tone("#0072B2").dark[i : i + 2], 16) for i in (1, 3, 5))
    assert blue > green > red


def test_every_family_has_a_colour_and_a_marker_of_its_own() -> None:
    """Also kinds that no figure of the project has met."""
    families = ["pacc", "gnconv", "sdta", "cmt", "mobilevit", "convolutions only", "new", "newer"]
    marks = symbols(families)
    tones = palette(families, [])
    looks = {(marks[name], tones[f"family:{name}"]) for name in families}
    assert len(looks) == len(families)


def test_a_line_goes_through_what_its_net_chose(run: RunResults) -> None:
    """Every net of the front once, the best last and strongest; values as the trials have them."""
    (one,) = reported([run])
    found = choices(0, one)
    assert found is not None
    *lines, words = found.chart.traces
    front = run.pareto()
    assert [line["meta"]["number"] for line in reversed(lines)] == list(front["number"])
    assert [line["opacity"] for line in lines] == sorted(line["opacity"] for line in lines)
    rows = found.chart.layout["yaxis"]["ticktext"]
    assert rows[-1] == "val_accuracy"
    said = list(zip(words["x"], words["y"], words["text"], strict=True))
    chosen = run.choices.set_index("number")
    for line in lines:
        for leaf, text, across in zip(rows, line["text"], line["x"], strict=True):
            assert 0 <= across <= 1
            if leaf not in chosen:
                continue
            value = said_value(chosen.loc[line["meta"]["number"], leaf])
            assert text == f"{leaf}: {value}"
            here = [(abs(at - across), name) for at, row, name in said if rows[int(row)] == leaf]
            assert min(here)[1] == value
    ensure_known([found.chart])


def test_all_leaves_that_differ_are_in_the_table(run: RunResults) -> None:
    """A column a net, the best first, and the objectives at its end; nothing that is the same."""
    (one,) = reported([run])
    found = choices(0, one)
    assert found is not None
    front = run.pareto()
    table = found.table.set_index("leaf")
    assert list(table.columns) == [f"trial {number}" for number in front["number"]]
    chosen = run.choices.set_index("number").loc[front["number"]]
    differ = [leaf for leaf in chosen if chosen[leaf].map(said_value).nunique() > 1]
    assert list(table.index) == [*differ, *(o.measure for o in run.study.settings.objectives)]
    for leaf in differ:
        assert table.loc[leaf].tolist() == chosen[leaf].map(said_value).tolist()
    assert table.loc["val_accuracy"].iloc[0] == f"{front['val_accuracy'][0]:.3f}"


def test_a_front_of_one_net_has_no_lines(run: RunResults) -> None:
    """There is nothing to compare."""
    number = int(run.pareto()["number"][0])
    alone = replace(run, records=tuple(t for t in run.records if t.number == number))
    assert choices(0, reported([alone])[0]) is None

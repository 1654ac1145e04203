"""``archsearch compare`` and ``limits``: what they print, write and refuse."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import printed, refused
from made_strategies import made_strategy
from run_files import contents

from archsearch.comparing import compare, strategy_of
from archsearch.comparing.picture import plot_comparison
from archsearch.figures.style import render
from archsearch.pareto import hypervolume
from archsearch.results import open_run
from archsearch.study import Study

REFERENCE = "val_accuracy=0,macs=1e9"


@pytest.fixture
def runs(tiny_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of a run."""
    return (
        shutil.copytree(tiny_run, tmp_path / "first"),
        shutil.copytree(tiny_run, tmp_path / "second"),
    )


def test_compare_prints_table_and_notes(runs: tuple[Path, Path]) -> None:
    """A row a strategy; equal runs do not differ; the runs are left as they were."""
    before = [contents(run) for run in runs]
    output = printed("compare", *runs)
    rows = [line.split() for line in output.splitlines() if line.strip()]
    assert [row[0] for row in rows[2:4]] == ["first", "second"]
    assert "+0.000 (" in output
    assert "second is ahead of first in 0.0% of the box and behind in 0.0%" in output
    assert "the studies are the same" in output
    assert [contents(run) for run in runs] == before


def test_compare_writes_the_hypervolume_from_the_reference_given(runs: tuple[Path, Path]) -> None:
    """Recomputed from the trials; the stored box can be used again."""
    data = json.loads(
        printed("compare", f"a={runs[0]}", f"b={runs[1]}", "--reference", REFERENCE, "--json", "-")
    )
    assert data["reference"] == {"val_accuracy": 0.0, "macs": 1e9}
    complete = open_run(runs[0]).trials.query("state == 'complete'")
    points = complete[["val_accuracy", "macs"]].to_numpy(float)
    volume = hypervolume(points, (0.0, 1e9), (True, False))
    table = {row["strategy"]: row for row in data["table"]}
    assert table["a"]["hypervolume"] * data["box_volume"] == pytest.approx(volume)
    assert any("p:" not in note for note in data["notes"])
    stored = runs[0].parent / "stored.json"
    ideal = {"val_accuracy": 1.0, "macs": 0.0}
    stored.write_text(json.dumps({"reference": data["reference"], "ideal": ideal}))
    again = json.loads(printed("compare", *runs, "--reference", stored, "--json", "-"))
    assert again["ideal"] == ideal
    assert again["box_volume"] == pytest.approx(1e9)


def test_compare_writes_table_and_figure(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """In the formats that the files' names ask for."""
    table, figure = tmp_path / "t.csv", tmp_path / "f.svg"
    output = printed("compare", *runs, "--objectives", "macs,params", "--csv", table, "--plot",
                     figure, "--over", "seconds")  # fmt: skip
    assert output == f"wrote {table}\nwrote {figure}\n"
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["strategy"] for row in rows] == ["first", "second"]
    assert rows[0]["interval"] == ""
    assert "<svg" in figure.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reference", "val_accuracy=x"], "--reference val_accuracy=x: is no MEASURE=VALUE"),
        (["--reference", "macs=1e9"], "it needs a value of each of val_accuracy, macs"),
        (["--reference", "nothing.json"], "nothing.json: No such file"),
        (["--objectives", "latency_ms"], "latency_ms was measured in none"),
        (["--x", "parms"], "unknown measure 'parms'; did you mean 'params'"),
        (["--plot", "f.xyz"], "no figure has the format 'xyz'"),
    ],
)
def test_compare_refuses_what_it_cannot_do(
    runs: tuple[Path, Path], arguments: list[str], message: str
) -> None:
    """In one line."""
    assert message in refused("compare", *runs, *arguments)


@pytest.mark.parametrize("content", ["[1]", "{", '{"reference": {"macs": "x"}, "ideal": {}}', "{}"])
def test_a_file_that_is_no_comparison_is_refused(
    runs: tuple[Path, Path], tmp_path: Path, content: str
) -> None:
    """With what to give."""
    (tmp_path / "c.json").write_text(content)
    assert "is no comparison; give a file that" in refused(
        "compare", *runs, "--reference", tmp_path / "c.json"
    )


def test_one_run_is_no_comparison(tiny_run: Path) -> None:
    """Nor is the same one twice."""
    assert "needs two runs or strategies at least; got 1" in refused("compare", tiny_run)
    twice = refused("compare", f"a={tiny_run}", f"b={tiny_run}")
    assert "was given twice; give each run once" in twice


def test_a_figure_of_two_strategies_has_three_panels_and_states_its_box(tiny_study: Study) -> None:
    """Attainment and difference share their axes; three strategies have two differences."""
    rng = np.random.default_rng(0)
    strategies = [
        made_strategy(tiny_study, name, *rng.uniform((0.4, 1e6), (0.8, 2e7), (3, 6, 2)).tolist())
        for name in "abc"
    ]
    figure = plot_comparison(compare(strategies[:2]))
    attained, differing, growth = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "attainment", "difference in attainment", "growth",
    ]  # fmt: skip
    assert attained.get_xlim() == differing.get_xlim()
    assert attained.get_ylim() == differing.get_ylim()
    assert growth.get_xlabel() == "trials"
    assert "Hypervolume is a share of the box from val_accuracy 0.3" in figure.get_supxlabel()
    assert render(figure, "png").startswith(b"\x89PNG")
    assert len(plot_comparison(compare(strategies), "params", over="seconds").axes) == 4


def test_limits_say_what_they_cost(tiny_run: Path, tmp_path: Path) -> None:
    """A row a limit, as text, CSV and JSON."""
    output = printed("limits", tiny_run)
    assert "params at most 20.0 k" in output
    assert "nothing outside of it was trained" in output
    records = json.loads(printed("limits", tiny_run, "--json", "-"))
    assert [record["share"] for record in records] == [1.0, 0.9, 0.75, 0.5]
    target = tmp_path / "l.csv"
    assert printed("limits", tiny_run, "--csv", target) == f"wrote {target}\n"
    assert target.read_text().startswith("measure,bound,limit,share,refused,used,trials,best,")


def test_strategies_of_the_command_are_those_of_python(runs: tuple[Path, Path]) -> None:
    """The same table."""
    rows = list(csv.DictReader(io.StringIO(printed("compare", *runs, "--csv", "-"))))
    table = compare([strategy_of(str(run)) for run in runs]).table
    assert [float(row["hypervolume"]) for row in rows] == pytest.approx(table["hypervolume"])

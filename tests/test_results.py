"""Opening a run and looking at it."""

from __future__ import annotations

import math
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_trials import made_trial
from matplotlib.figure import Figure
from run_files import contents

from archsearch import published
from archsearch.errors import InputError
from archsearch.results import RunResults, open_run, runs_in
from archsearch.search import Run
from archsearch.store import Store
from archsearch.study import Study, load_study
from archsearch.trial import Trial

SPACES = Path(__file__).parents[1] / "search_spaces"


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def with_trials(run: RunResults, *trials: Trial) -> RunResults:
    return replace(run, records=trials)


def test_a_finished_run_opens_with_all_it_was_made_of(run: RunResults, tiny_study: Study) -> None:
    """The study comes back whole from the run's own folder, with trials and environment."""
    assert run.study.identity == tiny_study.identity
    assert run.study.space.size == tiny_study.space.size
    assert list(run.trials["number"]) == list(range(8))
    assert run.environment["versions"]["torch"]
    assert run.counts["asked"] >= 30
    assert run.elapsed_s > 0


def test_a_run_opens_by_its_folder_or_its_database(tiny_run: Path, run: RunResults) -> None:
    """As text or as a path."""
    for path in (tiny_run / "run.sqlite", str(tiny_run)):
        pd.testing.assert_frame_equal(open_run(path).trials, run.trials)


def test_looking_changes_nothing(tiny_run: Path) -> None:
    """Every file of the run is what it was, byte for byte, and none was added."""
    before = contents(tiny_run)
    opened = open_run(tiny_run)
    opened.pareto()
    opened.plot_pareto()
    opened.summary()
    assert contents(tiny_run) == before


def test_a_run_opens_while_it_goes_on(tiny_study: Study, tmp_path: Path) -> None:
    """What a writer has stored is seen at once, and the writer is not disturbed."""
    with Store.create(tmp_path / "run.sqlite", tiny_study.data, tiny_study.identity, {}) as store:
        assert open_run(tmp_path).pareto().empty
        writer = Run(tiny_study, store)
        package = writer.next_package()
        assert package is not None
        opened = open_run(tmp_path)
        assert opened.summary().waiting == 4
        assert opened.summary().state == "unfinished"
        writer.lose(package, "the worker died")
        failed = open_run(tmp_path).summary().failed
        assert failed == {"score: the worker died": len(package.jobs)}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (None, "no such folder"),
        ([], "is empty"),
        (["a.txt"], "holds no run.sqlite but a.txt"),
        (list("abcdefg"), "holds no run.sqlite but a, b, c, d, e and 2 more"),
    ],
)
def test_what_is_no_run_is_refused(files: list[str] | None, found: str, tmp_path: Path) -> None:
    """The message says what is there instead, and what to give."""
    path = tmp_path / "place"
    if files is not None:
        path.mkdir()
        for name in files:
            (path / name).touch()
    with pytest.raises(InputError, match=rf"place: {found}; give the folder of a run"):
        open_run(path)


def test_another_database_is_refused(tmp_path: Path) -> None:
    """A file of the right name that SQLite cannot read, and one that is no run."""
    (tmp_path / "run.sqlite").write_text("not a database, but long enough to be one" * 20)
    with pytest.raises(InputError, match="is no run of archsearch"):
        open_run(tmp_path)
    other = tmp_path / "other.sqlite"
    sqlite3.connect(other).execute("create table t (x)").connection.close()
    with pytest.raises(InputError, match="is no run of archsearch"):
        open_run(other)


def test_the_front_is_read_back_as_the_trials_say(run: RunResults) -> None:
    """The study's objectives, complete trials alone, with blocks in short."""
    front = run.pareto()
    trials = run.trials.set_index("number")
    assert len(front) >= 1
    assert (trials.loc[front["number"], "state"] == "complete").all()
    assert list(front["val_accuracy"]) == list(trials.loc[front["number"], "val_accuracy"])
    assert front["val_accuracy"].is_monotonic_decreasing
    assert all("conv_encoder" in blocks for blocks in front["blocks"])
    images = 100
    p = front["val_accuracy"][0]
    assert front["val_accuracy_spread"][0] == pytest.approx(math.sqrt(p * (1 - p) / images))


def test_a_front_of_other_measures_takes_their_own_directions(run: RunResults) -> None:
    """One objective has its best trials as front: fewest params, highest NASWOT."""
    complete = run.trials[run.trials["state"] == "complete"]
    assert run.pareto(["params"])["params"].unique() == [complete["params"].min()]
    assert run.pareto(["naswot"])["naswot"].unique() == [complete["naswot"].max()]


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (["val_acuracy"], r"unknown measure 'val_acuracy'; did you mean 'val_accuracy'\?"),
        (["macs", "macs"], "'macs' was given twice"),
        (
            ["latency_ms"],
            "latency_ms was not measured in this run; measured: activations, macs, naswot",
        ),
        ([], "no objective was given; valid: activations, .*latency_ms, macs"),
    ],
)
def test_a_front_of_what_is_not_there_is_refused(
    run: RunResults, objectives: list[str], message: str
) -> None:
    """With the valid or the nearest name."""
    with pytest.raises(InputError, match=message):
        run.pareto(objectives)


def test_a_trial_gives_its_architecture(run: RunResults) -> None:
    """The very one that was trained; an unknown number is refused."""
    assert run.architecture(3).id == run.trials["architecture_id"][3]
    with pytest.raises(InputError, match="has no trial 99; it has 8, from 0"):
        run.architecture(99)


def test_a_front_without_complete_trials_is_empty(run: RunResults, tiny_study: Study) -> None:
    """And can be drawn and shown all the same."""
    bare = with_trials(run, made_trial(tiny_study, 0, state="waiting"))
    assert bare.pareto().empty
    assert isinstance(bare.plot_pareto(), Figure)
    assert "no complete trial yet" in bare._repr_html_()


def test_the_figure_shows_the_front_of_its_two_measures(run: RunResults, tiny_study: Study) -> None:
    """Failed trials are left out, stopped ones are drawn where both measures are known."""
    trials = (
        made_trial(tiny_study, 0, 0.5, macs=1e6),
        made_trial(tiny_study, 1, 0.6, macs=2e6),
        made_trial(tiny_study, 2, macs=5e5, state="stopped"),
        made_trial(tiny_study, 3, macs=1.0, state="failed"),
    )
    points = with_trials(run, *trials)._points({"macs": "minimize", "params": "minimize"})
    assert list(points["number"]) == [0, 1, 2]
    assert list(points["on_front"]) == [True, False, False]
    drawn = with_trials(run, *trials)._points({"macs": "minimize", "val_accuracy": "maximize"})
    assert list(drawn["number"]) == [0, 1]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (None, None, ("macs", "val_accuracy")),
        ("params", None, ("params", "val_accuracy")),
        ("val_accuracy", None, ("val_accuracy", "macs")),
        (None, "macs", ("val_accuracy", "macs")),
        ("naswot", "synflow", ("naswot", "synflow")),
    ],
)
def test_the_axes_are_the_objectives_unless_asked(
    run: RunResults, x: str | None, y: str | None, expected: tuple[str, str]
) -> None:
    """The first objective upwards, the next one across, never one measure on both."""
    assert run.axes(x, y) == expected


def test_published_members_of_the_space_stand_beside_the_front(
    run: RunResults, tiny_study: Study
) -> None:
    """Counted in any case, with an accuracy where one was trained; others are no members."""
    assert run._published(["macs", "params"]).empty
    study = load_study(
        Path(__file__).parent / "data" / "tiny_study.yaml",
        [f"space={SPACES / 'mobile.yaml'}", "constraints={}"],
    )
    net = published.load("edgenext_xx_small")
    trained = replace(
        made_trial(tiny_study, 0, 0.75), architecture_id=net.id, architecture=net.to_data()
    )
    nets = replace(run, study=study, records=(trained,))._published(["macs", "val_accuracy"])
    nets = nets.set_index("net")
    assert {"edgenext_xx_small", "edgenext_x_small"} <= set(nets.index)
    assert nets.loc["edgenext_xx_small", "val_accuracy"] == 0.75
    assert math.isnan(nets.loc["edgenext_x_small", "val_accuracy"])
    assert nets.loc["edgenext_x_small", "macs"] > 1e8


def test_a_notebook_shows_counts_and_front(run: RunResults, tiny_study: Study) -> None:
    """As HTML in which nothing of the run can become a tag."""
    html = run._repr_html_()
    assert "8 of 8 done" in html
    assert run.pareto()["net"][0] in html
    assert "binomial standard error" in html
    evil = made_trial(tiny_study, 0, state="failed", error="<script>")
    assert "<script>" not in with_trials(run, evil)._repr_html_()
    assert repr(run) == "<run tiny: finished, 8 of 8 trials done>"


def test_saving_writes_the_front_as_table_and_figure(tiny_run: Path, tmp_path: Path) -> None:
    """The table reads back as the front."""
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    opened = open_run(copy)
    table, figure = opened.save()
    assert (table, figure) == (copy / "pareto.csv", copy / "front.png")
    front = opened.pareto().copy()
    pd.testing.assert_frame_equal(pd.read_csv(table), front, check_dtype=False)
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_runs_lists_the_readable_and_the_broken(tiny_run: Path, tmp_path: Path) -> None:
    """A broken run hides no other; what is no run is left out."""
    shutil.copytree(tiny_run, tmp_path / "good")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.sqlite").write_text("?" * 500)
    (tmp_path / "notes").mkdir()
    found = runs_in(tmp_path)
    assert list(found) == ["broken", "good"]
    assert isinstance(found["broken"], InputError)
    assert isinstance(found["good"], RunResults)
    with pytest.raises(InputError, match="no such folder; `archsearch run`"):
        runs_in(tmp_path / "nowhere")


def test_the_last_change_is_when_the_run_was_stored(run: RunResults, tiny_run: Path) -> None:
    """In local time, with its zone."""
    assert run.changed.timestamp() == pytest.approx((tiny_run / "run.sqlite").stat().st_mtime)
    assert run.changed.tzinfo is not None

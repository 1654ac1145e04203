"""Latency in a search: predicted at the screen or measured, limited, resumed, never mixed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_contents import contents
from small_spaces import points
from stand_in_devices import ENDLESS, STAND_INS, Settings, device, latency, milliseconds, notes
from test_screen import SPACE, study_with
from typer.testing import CliRunner

from archsearch.census import take_census
from archsearch.cli import app
from archsearch.codes import codes_of
from archsearch.devices.kinds import KINDS
from archsearch.errors import InputError
from archsearch.evaluate import Outcome
from archsearch.feasible import FeasibleSpace
from archsearch.measures import latency_in, latency_measured
from archsearch.results import RunResults, open_run
from archsearch.runs import work_on
from archsearch.screen import Screen
from archsearch.search import Run
from archsearch.study import Study, load_study
from archsearch.summary import summarize
from archsearch.trial import Trial

pytestmark = pytest.mark.usefixtures("stand_ins")

TINY = Path(__file__).parent / "data" / "tiny_study.yaml"
FORMULA = {"device": device("formula")}
MEDIAN_MS = 0.07
"""About half of the tiny space is faster on the stand-ins."""


def tiny(*overrides: str, **settings: Any) -> Study:
    sets = [f"{path}={json.dumps(value)}" for path, value in settings.items()]
    objectives = "objectives=[{maximize: val_accuracy}, {minimize: latency_ms}]"
    return load_study(TINY, [*sets, objectives, *overrides])


def limited(kind: str, at_most: float = MEDIAN_MS, **settings: Any) -> Study:
    limit = {"latency_ms": {"at_most": at_most}}
    return tiny(device=device(kind, **settings), constraints=limit)


def worked(study: Study, folder: Path, changed: Callable[[], None] = lambda: None) -> RunResults:
    work_on(study, folder, lambda _: changed)
    return open_run(folder)


def ms(trial: Trial) -> float:
    return trial.measures["latency_ms"].value


def test_a_predicted_latency_is_a_counted_measure_at_the_screen() -> None:
    """Every point is judged alike one by one and by the thousand, latency beside the costs."""
    limits = {"latency_ms": {"at_most": 0.25}, "params": {"at_most": 14_000}}
    study = study_with(SPACE, constraints=limits, **FORMULA)
    space, screen = FeasibleSpace.of(study), Screen(study)
    every = list(points(study.space))
    rows = np.array([codes_of(study.space.tree, point) for point in every])
    judged = space.judge(rows)
    assert [screen.judge(point) is not None for point in every] == list(judged.reason == 0)
    refused = space.refusals(judged.reason)
    assert screen.counts == refused + Counter(asked=len(every))
    assert min(refused["over:latency_ms"], refused["over:params"], screen.counts["invalid"]) > 0


def test_what_no_member_reaches_is_told_in_milliseconds() -> None:
    """With the closest latency, not rounded to a whole one."""
    study = study_with(SPACE, constraints={"latency_ms": {"at_most": 0.01}}, **FORMULA)
    message = r"constraints\.latency_ms: no member .* at_most: 0\.01; the closest .* 0\.1\d+ lat"
    with pytest.raises(InputError, match=message):
        FeasibleSpace.of(study).ensure()


def test_a_census_knows_the_limit_on_a_predicted_latency() -> None:
    """As it knows those on costs; one on a measured latency is not known before a net ran."""
    limits = {"latency_ms": {"at_most": 0.25}}
    study = study_with(SPACE, constraints=limits, **FORMULA)
    census = take_census(study.space, 500, 0, study)
    assert census.limits is not None
    (found,) = census.limits
    assert 0 < found.refuses.having < 500
    measured = study_with(SPACE, constraints=limits, device=device("clock"))
    assert take_census(study.space, 500, 0, measured).limits == ()


def test_a_predicted_latency_needs_no_stage(tmp_path: Path) -> None:
    """Every trial has it from the screen, with all that the device says, also on disk."""
    study = limited("formula")
    results = worked(study, tmp_path / "run")
    assert study.stages == ("score", "train")
    for trial in results.records:
        net = results.architecture(trial.number)
        found = latency_in(trial.measures)
        assert found == latency(Settings(kind=""), "predicted", milliseconds(net, 10))
        assert trial.measures["latency_ms"].stage == "screen"
        assert ms(trial) <= MEDIAN_MS
    assert results.counts["over:latency_ms"] > 0


def test_a_measured_latency_over_its_limit_stops_a_trial(tmp_path: Path) -> None:
    """It is not scored, not trained and told to no sampler; the others go on."""
    log = tmp_path / "log"
    results = worked(limited("clock", log=str(log)), tmp_path / "run")
    slow = [trial for trial in results.records if ms(trial) > MEDIAN_MS]
    fast = [trial for trial in results.records if ms(trial) <= MEDIAN_MS]
    assert slow
    assert fast
    for trial in slow:
        assert (trial.state, trial.told) == ("stopped", None)
        assert trial.error == "latency: outside the limit on latency_ms (at_most: 0.07)"
        assert set(trial.measures) == set(slow[0].measures)
        assert "naswot" not in trial.measures
    assert all(trial.error is None and "naswot" in trial.measures for trial in fast)
    assert any(trial.state == "complete" for trial in fast)
    assert notes(log)[0] == "opened"
    assert notes(log)[-1] == "closed"
    assert notes(log).count("opened") == 1


def test_a_device_that_fails_fails_its_trials_alone(tmp_path: Path) -> None:
    """With its own words; the search goes on."""
    study = tiny(device=device("clock", refuses_above=70_000))
    results = worked(study, tmp_path / "run")
    failed = [trial for trial in results.records if trial.state == "failed"]
    assert 0 < len(failed) < 8
    assert {trial.error for trial in failed} == {f"latency: {ENDLESS}"}


class Stop(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("kind", ["formula", "clock"])
@pytest.mark.parametrize("steps", [1, 3, 6])
def test_a_run_stopped_anywhere_ends_as_the_uninterrupted_one(
    tmp_path: Path, kind: str, steps: int
) -> None:
    """Latency stage included, whether or not the cache is there."""
    study = limited(kind)
    worked(study, tmp_path / "whole")
    left = iter(range(steps))

    def stop() -> None:
        if next(left, None) is None:
            raise Stop

    with pytest.raises(Stop):
        worked(study, tmp_path / "stopped", stop)
    worked(study, tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_run_goes_on_with_its_own_device_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another device is another study, another machine behind the same name is told, too."""
    first = limited("clock")
    worked(first, tmp_path)
    worked(limited("clock", cool_s=5.0), tmp_path)
    with pytest.raises(InputError, match=r"holds the run of another study \(different: device\)"):
        worked(limited("clock", ns_per_mac=2.0), tmp_path)
    monkeypatch.setitem(KINDS, "clock", replace(STAND_INS["clock"], here=True))
    with pytest.raises(InputError, match=r"its latencies are of the device mine#.* which is now"):
        worked(limited("clock"), tmp_path)


class MemoryStore:
    """Takes everything."""

    def record(self, *_: Any, **__: Any) -> None:
        """Take it."""


def test_a_latency_of_another_device_never_enters_a_run(tmp_path: Path) -> None:
    """A cluster's worker with another board, or a runtime that was upgraded: the trial fails."""
    results = worked(limited("clock", at_most=9.0), tmp_path)
    run: Any = object.__new__(Run)
    run.study, run.store, run._source, run._in_flight = results.study, MemoryStore(), None, set()
    run.trials = {t.number: replace(t, state="waiting") for t in results.records}
    strange = latency(Settings(kind="", board="other"), "measured", 0.2)
    run.finish([Outcome(0, "latency", (latency_measured(strange, "latency"),))])
    assert run.trials[0].state == "failed"
    assert run.trials[0].error == (
        "latency: came from Other, measured, MNN 3.6.1, 1 thread, "
        "those before it from Board, measured, MNN 3.6.1, 1 thread"
    )


def test_tables_and_figures_say_device_and_way(tmp_path: Path) -> None:
    """At the axis, below the table, and in the columns of what programs read."""
    results = worked(limited("formula", board="raspberry_pi_4"), tmp_path)
    label = "latency on Raspberry Pi 4 (ms, predicted, ±7 %)"
    assert results.plot_pareto().axes[0].get_xlabel() == label
    front = results.pareto()
    assert "latency_ms: one image on Raspberry Pi 4, predicted, ±7 %" in front.attrs["footnote"]
    assert set(front["latency_ms_device"]) == {"raspberry_pi_4"}
    assert set(front["latency_ms_how"]) == {"predicted"}
    assert results.pareto(["val_accuracy", "macs"])["latency_ms"].notna().all()


def test_one_front_never_mixes_devices_or_ways(tmp_path: Path) -> None:
    """However the trials came together: table and figure refuse."""
    results = worked(limited("formula"), tmp_path)
    done = next(t for t in results.records if t.state == "complete")
    other = latency_measured(latency(Settings(kind=""), "measured", 0.001), "latency")
    changed = replace(done, measures={**done.measures, "latency_ms": other})
    records = tuple(changed if t is done else t for t in results.records)
    mixed = replace(results, records=records)
    message = r"do not mix \(trials: Board, .*; trials: Board, .*\)"
    for ask in (mixed.plot_pareto, mixed.pareto):
        with pytest.raises(InputError, match=message):
            ask()


def mobile(kind: str, **settings: Any) -> Study:
    """A study whose space has published nets."""
    return study_with(
        load_study(TINY.parents[2] / "studies" / "mobile_5m.yaml").data["space"],
        objectives=[{"maximize": "naswot"}, {"minimize": "latency_ms"}],
        device=device(kind, **settings),
        classes=1000,
    )


def results_of(study: Study, folder: Path) -> RunResults:
    """Results without trials, made with the study's device as it is."""
    assert study.device is not None
    about = {"device": study.device.identity}
    return RunResults(folder, study, (), about, {}, 0.0, None)  # type: ignore[arg-type]


def test_published_nets_get_their_latency_from_the_studys_device(tmp_path: Path) -> None:
    """Predicted at once; one that must be measured is drawn only if it was measured before."""
    predicted = results_of(mobile("formula"), tmp_path)
    nets = predicted._published(["latency_ms", "params"])
    assert nets["latency_ms"].notna().all()
    measured = results_of(mobile("clock"), tmp_path)
    assert measured._published(["latency_ms", "params"])["latency_ms"].isna().all()
    changed = replace(predicted, environment={"device": "mine#before"})
    assert changed._published(["latency_ms", "params"])["latency_ms"].isna().all()


def call(*args: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result.output


KEYS = ["latency_ms", "p10_ms", "p90_ms", "n", "how", "device", "runtime", "expected_error"]


def test_measure_prints_the_latency_of_a_net() -> None:
    """As rows, and as JSON with the promised keys first."""
    out = call("measure", "edgenext_xx_small", "--device", "rk3288")
    assert "latency     257.9 ms (predicted, ±7 %)\n" in out
    assert "device      rk3288\n" in out
    data = json.loads(call("measure", "edgenext_xx_small", "--device", "emulated:rk3288", "--json"))
    assert list(data)[:8] == KEYS
    assert data["how"] == "emulated"
    assert data["latency_ms"] == pytest.approx(1.1 * 257.905088)
    smaller = ["--resolution", "128", "--classes", "10", "--threads", "4", "--json"]
    data = json.loads(call("measure", "edgenext_xx_small", "--device", "rk3288", *smaller))
    assert (data["resolution"], data["classes"], data["threads"]) == (128, 10, 4)


def test_measure_refuses_what_does_not_go_together() -> None:
    """In one line, with exit code 2."""
    assert "did you mean 'rk3288'" in call("measure", "cmt_ti", "--device", "rk328", code=2)
    assert "give --device NAME" in call("measure", "cmt_ti", "--threads", "2", code=2)
    both = call("measure", "cmt_ti", "--device", "rk3288", "--counters", code=2)
    assert "exclude each other" in both


def test_measure_without_emulation_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 2 and the command."""
    monkeypatch.undo()
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ARCHSEARCH_EMULATOR", str(tmp_path))
    told = call("measure", "edgenext_xx_small", "--device", "emulated:rk3288", code=2)
    assert "run 'archsearch devices setup emulated'" in told


def test_a_front_is_measured_by_another_device(tmp_path: Path) -> None:
    """Both columns, each with its device and way; the run itself stays as it is."""
    results = worked(limited("formula"), tmp_path / "run")
    before = contents(tmp_path / "run")
    out = call("measure", results.folder, "--device", "emulated:rk3288")
    assert "latency_ms (emulated)" in out
    assert "one image on Board, predicted" in out
    assert "one image on RK3288, emulated" in out
    rows = json.loads(call("measure", results.folder, "--device", "emulated:rk3288", "--json"))
    assert [row["number"] for row in rows] == list(results.pareto()["number"])
    for row in rows:
        assert row["remeasured"]["latency_ms"] == pytest.approx(1.1 * row["in_run"]["latency_ms"])
    assert contents(tmp_path / "run") == before


def test_what_another_device_refuses_is_told_below_the_table(tmp_path: Path) -> None:
    """A front of which a net cannot be measured is still shown."""
    results = worked(limited("formula"), tmp_path / "run")
    file = tmp_path / "small.yaml"
    file.write_text("kind: clock\nrefuses_above: 1\n", encoding="utf-8")
    out = call("measure", results.folder, "--device", file)
    number = results.pareto()["number"][0]
    assert f"trial {number}: {ENDLESS}" in out


@pytest.mark.parametrize("there", [True, False])
def test_a_predicted_front_is_remeasured_at_the_end_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """By emulation where that is set up; else the run says how it is done."""
    if not there:
        monkeypatch.setenv("ARCHSEARCH_EMULATOR", str(tmp_path))
        ready = replace(STAND_INS["emulated"], ready=_NOT_READY)
        monkeypatch.setitem(KINDS, "emulated", ready)
    objective = "objectives=[{maximize: val_accuracy}, {minimize: latency_ms}]"
    sets = ["--set", "device=rk3288", "--set", objective]
    out = call("run", TINY, "--out", tmp_path / "run", *sets)
    if there:
        assert "re-measuring the front by emulated:rk3288" in out
        assert "latency_ms (emulated)" in out
    else:
        assert "run 'archsearch devices setup emulated'" in out
        assert f"archsearch measure {tmp_path}/run --device emulated:rk3288" in out


_NOT_READY = KINDS["emulated"].ready


def test_trials_stopped_by_their_latency_are_counted_as_stopped(tmp_path: Path) -> None:
    """Not as failed."""
    results = worked(limited("clock"), tmp_path)
    now = summarize(results.study, results.records, results.counts, 1.0)
    assert now.failed == {}
    assert now.stopped > 0
    assert now.state == "finished"

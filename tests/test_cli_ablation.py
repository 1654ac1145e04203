"""The commands on an ablation: run, go on, status, schema; and those that are for searches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_ablations import ABLATION, CLAIM
from typer.testing import CliRunner

from archsearch.cli import app


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ablation") / "small.yaml"
    path.write_text(ABLATION.replace("CLAIM", CLAIM).replace("seeds: 3", "seeds: 2"))
    return path


@pytest.fixture(scope="module")
def run(file: Path) -> Path:
    """Folder of a finished run. Tests only read it."""
    folder = file.parent / "runs" / "small"
    called = CliRunner().invoke(app, ["run", str(file), "--out", str(folder)])
    assert called.exit_code == 0, called.output
    return folder


def said(*arguments: object, code: int = 0) -> str:
    called = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert called.exit_code == code, called.output
    return called.output


def test_a_run_says_what_it_compares_and_what_that_can_show(file: Path, run: Path) -> None:
    """Before it begins; and at its end where the table is to be had."""
    text = said("run", file, "--out", run)
    assert "small: 5 arms x 2 seeds\n  base\n  convolution: sdta replaced by conv_enc" in text
    assert "with 2 seeds the smallest two-sided p is 0.5, 1 after Holm over 4 comparisons" in text
    assert "no difference can be significant at 0.05, however large; 8 seeds are the few" in text
    assert "was already complete: 10 of 10 trainings are done; --set seeds=N with more" in text
    assert f"archsearch table {run} makes its table" in text


def test_enough_seeds_are_not_complained_of(file: Path, tmp_path: Path) -> None:
    """Nor is there an end where time ran out, but how to go on."""
    text = said("run", file, "--out", tmp_path / "r", "--set", "seeds=8", "--minutes", "0.00001")
    assert "smallest two-sided p is 0.0078, 0.031 after Holm over 4 comparisons\n" in text
    assert "no difference can be" not in text
    assert "small is out of time: 0 of 40 trainings are done; a larger --minutes goes on" in text


def test_what_only_the_correction_takes_away_is_complained_of(file: Path, tmp_path: Path) -> None:
    """Seven seeds could show one difference, but not one of four."""
    flags = ["--set", "seeds=7", "--minutes", "0.00001"]
    text = said("run", file, "--out", tmp_path / "r", *flags)
    assert "smallest two-sided p is 0.016, 0.062 after Holm over 4 comparisons: no diff" in text


def test_a_fraction_says_what_it_cannot_tell_apart(file: Path, tmp_path: Path) -> None:
    """Aliases and defining relation, before anything runs."""
    factors = "{a: {remove: sdta}, b: {set: {stages.1.width: 32}}, c: {set: {head.norm: none}}}"
    changes = [f"factors={factors}", "design={fractional_factorial: {resolution: 3}}"]
    flags = [x for change in changes for x in ("--set", change)]
    text = said("run", file, "--out", tmp_path / "r", *flags, "--minutes", "0.00001")
    assert "4 arms x 2 seeds" in text
    assert "cannot be told apart: a and -b x c; b and -a x c; c and -a x b" in text
    assert "defining relation: I = -a x b x c" in text


def test_status_shows_arms_and_seeds(run: Path) -> None:
    """How often each was trained."""
    text = said("status", run)
    assert "10 of 10 done: 10 complete, 0 failed; 0 waiting" in text
    assert "base 2 of 2, convolution 2 of 2, large_kernels 2 of 2" in text


def test_a_run_of_an_ablation_is_listed_with_the_others(run: Path) -> None:
    """By how many trainings are done."""
    assert "10/10" in said("list", run.parent)


@pytest.mark.parametrize(
    "command", [["pareto"], ["limits"], ["importance"], ["check"], ["compare"]]
)
def test_what_is_for_searches_says_so(run: Path, command: list[str]) -> None:
    """And what to use instead."""
    more = [run] if command == ["compare"] else []
    text = said(*command, run, *more, code=2)
    assert "small: is an ablation, which searches no space; archsearch run, status, table a" in text


def test_a_report_is_written_into_the_run_s_folder(run: Path, tmp_path: Path) -> None:
    """Or where it is told; without importances it is the same, as an ablation has none."""
    assert f"wrote {run / 'report.html'}" in said("report", run)
    whole = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert b"What earns its keep?" in whole
    said("report", run, run, "--quick", "-o", tmp_path / "quick.html")
    assert (tmp_path / "quick.html").read_bytes() == whole


def test_a_report_mixes_no_ablation_with_other_runs(run: Path, tiny_run: Path) -> None:
    """Nothing is written."""
    text = said("report", tiny_run, run, "-o", run.parent / "no.html", code=2)
    assert f"{run}: is an ablation, and a report shows one ablation alone" in text
    assert not (run.parent / "no.html").exists()


@pytest.mark.parametrize("command", [["audit"], ["check"]])
def test_files_of_ablations_are_no_searches_either(file: Path, command: list[str]) -> None:
    """Of a study file just as of a run."""
    assert "is an ablation" in said(*command, file, code=2)


def test_what_is_wrong_with_a_file_ends_with_code_2_and_writes_nothing(
    file: Path, tmp_path: Path
) -> None:
    """Invalid arms are said before anything runs."""
    factors = "factors={a: {set: {sdta.heads: 3}}, b: {set: {sdta.heads: 5}}}"
    text = said("run", file, "--out", tmp_path / "r", "--set", factors, code=2)
    assert "2 of 3 arms are no valid nets: a: stages.1.blocks.1: sdta: heads: 3 cannot sha" in text
    assert not (tmp_path / "r").exists()


def test_another_ablation_is_refused_in_the_folder(file: Path, run: Path) -> None:
    """What differs is named."""
    text = said("run", file, "--out", run, "--set", "training.epochs=2", code=2)
    assert "holds the run of another study (different: training)" in text


def test_a_budget_of_trials_is_refused(file: Path) -> None:
    """With what says the same of an ablation."""
    text = said("run", file, "--trials", "8", code=2)
    assert "--trials 8: an ablation trains arms x seeds; --set seeds=6" in text


def test_the_schema_is_printed() -> None:
    """For editors."""
    assert json.loads(said("schema", "--kind", "ablation"))["title"] == "archsearch ablation"


def test_trials_are_exported_with_arm_and_seed(run: Path) -> None:
    """A row a training."""
    rows = said("export", run, "-", "--to", "csv", "--table", "trials").splitlines()
    assert len(rows) == 11
    assert rows[0].endswith("arm,seed")
    assert rows[1].endswith("base,0")
    assert "is an ablation" in said("export", run, "-", "--to", "csv", code=2)


def test_a_tracker_has_every_training_with_its_arm_and_seed(file: Path, tmp_path: Path) -> None:
    """TensorBoard's own reader finds them, told while the ablation goes on."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    said("run", file, "--out", tmp_path / "r", "--log", f"tensorboard:{tmp_path / 'board'}")
    found = set()
    for folder in (tmp_path / "board").glob("small-*/trial_*"):
        events = reader.EventAccumulator(str(folder)).Reload()
        raw = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        leaves = HParamsPluginData.FromString(raw).session_start_info.hparams
        found.add((leaves["arm"].string_value, leaves["seed"].number_value))
        assert "val_accuracy" in events.Tags()["scalars"]
    arms = ("base", "convolution", "large_kernels", "expand_1", "expand_2")
    assert found == {(arm, seed) for arm in arms for seed in (0, 1)}

"""The run's database: what goes in comes out."""

from __future__ import annotations

import json
import math
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from a_run import ENVIRONMENT, STUDY, a_trial
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from archsearch.store import Store, choices_frame, curves_frame, trials_frame
from archsearch.trial import CurvePoint, Measured, Trial

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LABELS = st.one_of(
    TEXTS, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
NUMBERS = st.one_of(st.floats(allow_nan=False), st.integers(-(2**53), 2**53))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        yield store


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    measures = {
        name: Measured(
            name,
            draw(NUMBERS),
            draw(st.sampled_from(["screen", "latency", "score", "train"])),
            n=draw(st.integers(1, 9)),
            sd=draw(st.none() | st.floats(0, 1e9)),
            count=draw(st.integers(0, 10**6)),
            seconds=draw(st.floats(0, 1e9)),
        )
        for name in draw(st.sets(TEXTS, max_size=4))
    }
    return Trial(
        number=0,
        generation=0,
        origin=draw(TEXTS),
        choices=draw(st.dictionaries(TEXTS, LABELS, max_size=5)),
        architecture_id=draw(TEXTS),
        architecture=draw(st.dictionaries(TEXTS, st.lists(LABELS, max_size=3), max_size=3)),
        seed=draw(st.integers(0, 2**32 - 1)),
        note=draw(st.dictionaries(TEXTS, st.dictionaries(TEXTS, LABELS, max_size=3), max_size=3)),
        state=draw(st.sampled_from(["waiting", "stopped", "failed"])),
        measures=measures,
        told=draw(st.none() | st.lists(NUMBERS.filter(math.isfinite), max_size=3).map(tuple)),
        error=draw(st.none() | TEXTS),
    )


@settings(max_examples=40, deadline=None)
@given(trials())
def test_a_trial_comes_back_as_it_went_in(trial: Trial) -> None:
    """Labels keep value and type, measures keep their order, through a file that is reopened."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.sqlite"
        with Store.create(file, STUDY, "abc", ENVIRONMENT) as store:
            store.add_generation(0, {}, [trial], 0.0)
        with Store.open(file) as reader:
            (found,) = reader.trials()
    assert found == trial
    assert list(found.measures) == list(trial.measures)
    types = {path: type(label) for path, label in trial.choices.items()}
    assert {path: type(label) for path, label in found.choices.items()} == types


def test_what_the_run_is_comes_back(store: Store, path: Path) -> None:
    """Study, identity, environment and date are readable from the file alone."""
    with Store.open(path) as reader:
        assert reader.study == STUDY
        assert reader.identity == "abc"
        assert reader.environment == ENVIRONMENT
        assert reader.created == store.created
        assert reader.created.endswith("+00:00")


def test_a_run_is_remembered_step_by_step(store: Store) -> None:
    """Generation, stages and end of a generation are found again, each in its place."""
    counts = {"asked": 5, "duplicate": 2, "over:params": 1, "accepted": 2}
    store.add_generation(0, counts, [a_trial(0), a_trial(1)], 0.25)
    store.record(0, "score", [Measured("az_nas", 0.5, "score", n=3, sd=0.1)])
    store.record(1, "score", [], state="failed", error="score: out of memory")
    waiting, failed = store.trials()
    assert (waiting.state, waiting.stage, waiting.finished_s) == ("waiting", "score", None)
    assert (failed.state, failed.error) == ("failed", "score: out of memory")
    curve = (CurvePoint(0, 0.5, 2.3, 0.1, 1.0), CurvePoint(0, 1.0, 1.9, 0.2, 2.0))
    accuracy = Measured("val_accuracy", 0.2, "train", n=1, count=500, seconds=2.0)
    store.record(0, "train", [accuracy], curve, state="complete")
    store.settle(0, {0: ("complete", (0.2, 5e6)), 1: ("failed", None)})
    complete, failed = store.trials()
    assert complete.measures["val_accuracy"] == accuracy
    assert (complete.stage, complete.state, complete.told) == ("train", "complete", (0.2, 5e6))
    assert (failed.state, failed.told) == ("failed", None)
    assert complete.finished_s is not None
    assert failed.finished_s is not None
    assert complete.finished_s >= failed.finished_s
    assert store.curves() == {0: curve}
    assert store.known_ids() == {"id0", "id1"}
    (generation,) = store.generations()
    assert (generation.number, generation.counts, generation.settled) == (0, counts, True)
    assert generation.sampler_s == 0.25


def test_numbers_that_are_none_come_back_as_nan(store: Store) -> None:
    """A measure or a loss that is NaN stays NaN, an infinite one infinite."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    measures = [Measured("a", math.nan, "train"), Measured("b", -math.inf, "train")]
    store.record(0, "train", measures, [CurvePoint(0, 1.0, math.nan, math.inf, 1.0)])
    (trial,) = store.trials()
    assert math.isnan(trial.measures["a"].value)
    assert trial.measures["b"].value == -math.inf
    (point,) = store.curves()[0]
    assert math.isnan(point.train_loss)
    assert point.validation_accuracy == math.inf


def test_numbers_of_numpy_and_any_message_are_taken(store: Store) -> None:
    """numpy's floats are numbers, and a broken message of a failed trial is stored escaped."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    single: Any = np.float32(0.25)
    measures = [Measured("a", single, "train")]
    store.record(0, "train", measures, error="bad \ud800 \x00", state="failed")
    store.settle(0, {0: ("stopped", (np.float64(0.5), 3))})
    (trial,) = store.trials()
    assert trial.measures["a"].value == 0.25
    assert trial.told == (0.5, 3.0)
    assert trial.error == "bad \\ud800 \x00"


def test_free_form_content_is_json_text(store: Store, path: Path) -> None:
    """Nothing in the file needs Python to be read, or could run when read."""
    store.add_generation(0, {"asked": 1}, [a_trial(0)], 0.0)
    connection = sqlite3.connect(path)
    columns = "choices, architecture, note"
    (row,) = connection.execute(f"SELECT {columns} FROM trials").fetchall()  # noqa: S608
    kinds = connection.execute("SELECT DISTINCT typeof(value) FROM meta").fetchall()
    connection.close()
    expected = a_trial(0)
    assert list(map(json.loads, row)) == [expected.choices, expected.architecture, expected.note]
    assert ("blob",) not in kinds


@pytest.mark.parametrize("stage", ["screen", "score"])
def test_a_stage_is_recorded_once(store: Store, stage: str) -> None:
    """A stage that is recorded, or that lies before it, cannot come again."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    store.record(0, "score", [Measured("a", 1.0, "score")])
    with pytest.raises(ValueError, match=f"trial 0: '{stage}' cannot follow the stage 'score'"):
        store.record(0, stage, [Measured("b", 2.0, "score")])  # type: ignore[arg-type]
    assert set(store.trials()[0].measures) == {"params", "a"}


def test_nothing_follows_the_end_of_a_trial(store: Store) -> None:
    """A failed trial stays as it failed, and an unknown one is refused."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    store.record(0, "score", [], state="failed", error="score: broke")
    with pytest.raises(ValueError, match="trial 0: is failed; 'train' cannot follow"):
        store.record(0, "train", [Measured("a", 1.0, "train")])
    with pytest.raises(ValueError, match="trial 7: is not in"):
        store.record(7, "train", [])
    assert store.trials()[0].error == "score: broke"


def test_a_generation_is_settled_once_and_whole(store: Store) -> None:
    """An end that leaves out a trial, names another's, or comes twice is refused unstored."""
    store.add_generation(0, {}, [a_trial(0), a_trial(1)], 0.0)
    with pytest.raises(ValueError, match=r"generation 0: has the trials \[0, 1\]; got \[0\]"):
        store.settle(0, {0: ("stopped", None)})
    with pytest.raises(ValueError, match="generation 1: is unknown or settled already"):
        store.settle(1, {})
    assert [trial.state for trial in store.trials()] == ["waiting", "waiting"]
    store.settle(0, {0: ("stopped", None), 1: ("stopped", None)})
    with pytest.raises(ValueError, match="generation 0: is unknown or settled already"):
        store.settle(0, {0: ("stopped", None), 1: ("stopped", None)})


def test_a_generation_without_trials_is_a_generation(store: Store) -> None:
    """What the screen counted is kept even if it accepted nothing."""
    store.add_generation(0, {"asked": 2000, "duplicate": 2000}, [], 3.0)
    store.settle(0, {})
    assert [(g.counts["duplicate"], g.settled) for g in store.generations()] == [(2000, True)]
    assert store.trials() == []


def test_a_generation_is_stored_whole_or_not_at_all(store: Store) -> None:
    """One architecture that is known already keeps the whole generation out."""
    store.add_generation(0, {}, [a_trial(0)], 0.0)
    again = Trial(**{**vars(a_trial(2, 1)), "architecture_id": "id0"})
    with pytest.raises(IntegrityError, match="architecture_id"):
        store.add_generation(1, {"accepted": 2}, [a_trial(1, 1), again], 0.0)
    assert [trial.number for trial in store.trials()] == [0]
    assert [generation.number for generation in store.generations()] == [0]


def test_active_time_is_summed_over_starts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time between a stop and the next start does not count, nor does a clock that is set."""
    clock = SimpleNamespace(steady=100.0, wall=1e9)
    fake = SimpleNamespace(monotonic=lambda: clock.steady, time=lambda: clock.wall)
    monkeypatch.setattr("archsearch.store.store.time", fake)
    with Store.create(path, STUDY, "abc", ENVIRONMENT) as store:
        clock.steady, clock.wall = 160.0, 5e8
        assert store.active_seconds() == pytest.approx(60)
    clock.steady, clock.wall = 10_000.0, 2e9
    with Store.open(path, write=True) as store:
        clock.steady += 5
        store.touch()
        clock.steady += 2
        with Store.open(path) as reader:
            assert reader.active_seconds() == pytest.approx(65)
        assert store.active_seconds() == pytest.approx(67)
    with Store.open(path) as reader:
        assert reader.active_seconds() == pytest.approx(67)


def test_a_frame_has_a_row_a_trial(store: Store) -> None:
    """Values, spreads and numbers of repetitions stand beside each other, NaN where unknown."""
    store.add_generation(0, {}, [a_trial(0), a_trial(1)], 0.0)
    store.record(0, "score", [Measured("az_nas", 0.5, "score", n=3, sd=0.1, seconds=2.0)])
    store.record(1, "score", [], state="failed", error="score: broke")
    frame = trials_frame(store.trials())
    assert list(frame["number"]) == [0, 1]
    assert list(frame["state"]) == ["waiting", "failed"]
    assert list(frame["params"]) == [5e6, 5e6]
    scored, failed = frame[["az_nas", "az_nas_sd", "az_nas_n"]].to_numpy()
    assert scored.tolist() == [0.5, 0.1, 3]
    assert np.isnan(failed).all()
    assert list(frame["seconds"]) == [2.0, 0.0]
    assert list(frame["error"].isna()) == [True, False]
    assert list(trials_frame([]).columns[:3]) == ["number", "state", "stage"]


def test_a_frame_of_choices_has_a_column_a_leaf() -> None:
    """Of the leaves that are asked for, in their order; None where a trial does not have one."""
    frame = choices_frame([a_trial(3)], ["head.norm", "head.project", "stages.0.width"])
    assert frame.to_dict("records") == [
        {"number": 3, "head.norm": "layer", "head.project": None, "stages.0.width": 32}
    ]
    assert list(choices_frame([], ["head.norm"]).columns) == ["number", "head.norm"]


def test_a_frame_of_curves_has_a_row_an_epoch() -> None:
    """In the order of the curves; without any it still has its columns."""
    points = [CurvePoint(0, 1.0, 2.0, 0.1, 5.0), CurvePoint(1, 1.0, 1.5, 0.2, 6.0)]
    frame = curves_frame({4: points[:1], 7: points[1:]})
    assert list(frame["number"]) == [4, 7]
    assert list(frame["validation_accuracy"]) == [0.1, 0.2]
    assert list(curves_frame({}).columns) == list(frame.columns)


READING = {"latency_ms": 2.5, "how": "predicted", "device": "rk3288", "expected_error": None}


def test_a_reading_is_kept_with_its_measure(path: Path) -> None:
    """All that a device said, of what the screen knew and of what a stage found."""
    predicted = Measured("latency_ms", 2.5, "screen", reading=READING)
    begun = replace(a_trial(0), measures={"latency_ms": predicted})
    found = Measured("latency_ms", 2.5, "latency", n=60, reading={**READING, "how": "measured"})
    with Store.create(path, STUDY, "id", ENVIRONMENT) as store:
        store.add_generation(0, {}, [begun, a_trial(1)], 0.1)
        store.record(1, "latency", [found])
    with Store.open(path) as store:
        first, second = store.trials()
    assert first.measures["latency_ms"] == predicted
    assert second.measures["latency_ms"] == found
    assert second.measures["params"].reading is None


def test_a_database_of_before_there_were_latencies_still_opens(path: Path) -> None:
    """For reading as it is; whoever writes it adds what it lacks."""
    with Store.create(path, STUDY, "id", ENVIRONMENT) as store:
        store.add_generation(0, {}, [a_trial(0)], 0.1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE readings")
    with Store.open(path) as store:
        assert [trial.number for trial in store.trials()] == [0]
    with Store.open(path, write=True) as store:
        store.record(0, "latency", [Measured("latency_ms", 2.5, "latency", reading=READING)])
    with Store.open(path) as store:
        assert store.trials()[0].measures["latency_ms"].reading == READING

"""Trackers: every trial that is over once, whole, whatever is killed when."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from small_runs import Killed, by_number, fake_outcomes, finish, new_run, opened, small_study

from archsearch import trackers
from archsearch.errors import InputError
from archsearch.evaluate import Outcome
from archsearch.search import Run
from archsearch.trackers import TRACKERS, add_trials, ensure_trackers, tracked
from archsearch.trackers import opened as opened_tracker
from archsearch.trackers.entry import Entry
from archsearch.trial import CurvePoint, Measured, Trial

KINDS = sorted(TRACKERS)

Found = Mapping[str, Any]
"""Of one trial: state or None, leaves, numbers, learning curve."""


def _tensorboard(place: Path) -> dict[int, Found]:
    """What TensorBoard's own reader finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    found = {}
    for folder in place.glob("small-*/trial_*"):
        events = EventAccumulator(str(folder)).Reload()
        raw = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        leaves = HParamsPluginData.FromString(raw).session_start_info.hparams
        scalars = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
        found[int(folder.name.removeprefix("trial_"))] = {
            "leaves": {n: v.string_value or f"{v.number_value:g}" for n, v in leaves.items()},
            "numbers": {tag: points[0].value for tag, points in scalars.items()},
            "curve": [
                (point.step, point.value)
                for point in scalars.get("validation_accuracy/repetition_0", [])
            ],
            "points": {tag: len(points) for tag, points in scalars.items()},
        }
    return found


def leaves_of(trial: Trial) -> dict[str, str]:
    """Labels as text; 1 and 1.0 are one number to TensorBoard."""
    numbers = {p: x for p, x in trial.choices.items() if not isinstance(x, str)}
    return {**trial.choices, **{path: f"{number:g}" for path, number in numbers.items()}}


def _mlflow(place: Path) -> dict[int, Found]:
    """What MLflow's own client finds; a trial that is there twice fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{place}")
        experiment = client.get_experiment_by_name("small")
        assert experiment is not None
        found = {}
        for run in client.search_runs([experiment.experiment_id], max_results=1000):
            number = int(run.data.tags["archsearch.trial"])
            assert number not in found
            history = client.get_metric_history(run.info.run_id, "validation_accuracy/repetition_0")
            found[number] = {
                "leaves": {n: text.removesuffix(".0") for n, text in run.data.params.items()},
                "numbers": dict(run.data.metrics),
                "curve": [(point.step, point.value) for point in history],
                "points": {"state": run.data.tags["state"], "status": run.info.status},
            }
        client._tracking_client.store.engine.dispose()
    return found


READ: Mapping[str, Callable[[Path], dict[int, Found]]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(name, reason=f"{name} (an extra) is absent")
    return name


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def text(kind: str, place: Path) -> str:
    return f"{kind}:sqlite:///{place}" if kind == "mlflow" else f"{kind}:{place}"


def curve_of(outcome: Outcome) -> Outcome:
    """A made-up outcome with a learning curve of two epochs, twice repeated."""
    if outcome.stage != "train" or outcome.error:
        return outcome
    points = [CurvePoint(r, e, 1 / e, e / 10 + r, 1.0) for r in (0, 1) for e in (0.5, 1.0)]
    return Outcome(outcome.number, outcome.stage, outcome.measures, tuple(points))


def work(run: Run, changed: Callable[[], None], packages: int = 10_000) -> None:
    """Go on with a run, as the local engine does."""
    for _ in range(packages):
        if (package := run.next_package()) is None:
            return
        run.finish([curve_of(outcome) for outcome in fake_outcomes(package, range(6, 12))])
        changed()


def quiet(run: Run) -> Callable[[], None]:
    del run
    return lambda: None


def ours(run: Run) -> dict[int, Trial]:
    return {trial.number: trial for trial in by_number(run) if trial.state != "waiting"}


@pytest.fixture
def run(folder: Path) -> Run:
    return new_run(small_study(budget__trials="12"), folder / "small" / "run.sqlite")


@pytest.mark.filterwarnings("ignore")
def test_a_tracker_has_what_the_run_has(kind: str, run: Run, place: Path) -> None:
    """Every kind: leaves, numbers and curves of every trial, as its own reader finds them."""
    with tracked([text(kind, place)], quiet, pytest.fail) as watch:
        work(run, watch(run))
    found = READ[kind](place)
    trials = ours(run)
    assert found.keys() == trials.keys() == set(range(12))
    for number, trial in trials.items():
        assert found[number]["leaves"] == leaves_of(trial)
        numbers = found[number]["numbers"]
        for name, measured in trial.measures.items():
            assert numbers[name] == pytest.approx(measured.value, rel=1e-6)
        expected = [(500, 0.05), (1000, 0.1)] if "val_accuracy" in trial.measures else []
        assert [(s, pytest.approx(v)) for s, v in expected] == found[number]["curve"]
    assert {trial.state for trial in trials.values()} == {"complete", "stopped", "failed"}


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_goes_on_adds_no_second_entry(kind: str, folder: Path, place: Path) -> None:
    """Stopped after every few packages and begun again with the same tracker."""
    study = small_study(budget__trials="12")
    path = folder / "small" / "run.sqlite"
    run = new_run(study, path)
    counts = []
    for _ in range(4):
        with tracked([text(kind, place)], quiet, pytest.fail) as watch:
            work(run, watch(run), packages=2)
        counts.append(len(READ[kind](place)))
        run.store.close()
        run = Run(study, opened(path))
    with tracked([text(kind, place)], quiet, pytest.fail) as watch:
        work(run, watch(run))
    assert counts == sorted(counts)
    assert 0 < counts[-1] < 12
    assert READ[kind](place).keys() == set(range(12))


@pytest.mark.filterwarnings("ignore")
def test_an_entry_that_was_cut_off_is_written_anew(
    kind: str, run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in the middle of an entry leaves no half of it and no second one."""
    finish(run)
    _cut_off(kind, monkeypatch)
    tracker = opened_tracker(text(kind, place), "small", run.study.identity)
    with pytest.raises(Killed):
        add_trials(run.store, by_number(run), tracker)
    monkeypatch.undo()
    tracker.close()
    tracker = opened_tracker(text(kind, place), "small", run.study.identity)
    assert tracker.known == {0, 1}
    assert add_trials(run.store, by_number(run), tracker) == 10
    assert add_trials(run.store, by_number(run), tracker) == 0
    tracker.close()
    found = READ[kind](place)
    assert found.keys() == set(range(12))
    assert found[2]["leaves"] == leaves_of(run.trials[2])


def _cut_off(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the process's part in the third entry, when it has begun."""
    if kind == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter as Writer

        name = "add_hparams"
    else:
        from mlflow.tracking import MlflowClient as Writer

        name = "set_terminated"
    real, calls = getattr(Writer, name), iter(range(100))

    def dying(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 2:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(Writer, name, dying)


@pytest.mark.filterwarnings("ignore")
def test_another_study_has_its_own_entries(kind: str, folder: Path, place: Path) -> None:
    """Two runs of one name in one place are not taken for each other."""
    for seed, count in (("7", 6), ("8", 3)):
        study = small_study(seed=seed, budget__trials=str(count))
        run = finish(new_run(study, folder / f"small{seed}" / "run.sqlite"))
        tracker = opened_tracker(text(kind, place), "small", study.identity)
        assert add_trials(run.store, by_number(run), tracker) == count
        assert tracker.known == set(range(count))
        tracker.close()


class _Failing:
    """A tracker that fails at its second trial."""

    def __init__(self, *_: str) -> None:
        self.known: set[int] = set()

    def write(self, entry: Entry) -> None:
        if self.known:
            raise RuntimeError("the server is gone\nwith a traceback")
        self.known.add(entry.trial.number)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = TRACKERS["mlflow"]
    failing = type(kind)(kind.place, _Failing, "fails")
    monkeypatch.setattr(trackers, "TRACKERS", {**TRACKERS, "failing": failing})


@pytest.mark.usefixtures("failing")
def test_a_tracker_that_fails_ends_no_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on, and the user is told once what to do later."""
    monkeypatch.setattr(trackers, "EVERY_S", 0.0)
    told: list[str] = []
    with tracked(["failing:http://x"], quiet, told.append) as watch:
        work(run, watch(run))
    assert len(ours(run)) == 12
    assert told == [
        "failing:http://x: the server is gone; the run goes on without it, and 'archsearch "
        f"export {run.store.path.parent} --to failing' adds the rest later"
    ]


def test_nothing_is_stored_in_the_run(run: Run, folder: Path, place: Path, kind: str) -> None:
    """The same run without a tracker holds the same trials."""
    other = new_run(run.study, folder / "without" / "run.sqlite")
    work(other, lambda: None)
    with tracked([text(kind, place)], quiet, pytest.fail) as watch:
        work(run, watch(run))
    assert [t.measures for t in by_number(run)] == [t.measures for t in by_number(other)]
    assert {f.name for f in run.store.path.parent.iterdir()} == {
        f.name for f in other.store.path.parent.iterdir()
    }


def test_what_else_watches_is_called_as_before(run: Run) -> None:
    """After every change, whatever is tracked."""
    calls: list[int] = []

    def watching(_: Run) -> Callable[[], None]:
        return lambda: calls.append(1)

    with tracked([], watching, pytest.fail) as watch:
        work(run, watch(run), packages=3)
    assert len(calls) == 3


def test_trials_that_are_over_are_told_while_the_run_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not more often than every few seconds, and the rest at the end."""
    seen: list[list[int]] = []

    class Noting(_Failing):
        def write(self, entry: Entry) -> None:
            self.known.add(entry.trial.number)
            seen[-1].append(entry.trial.number)

    kind = TRACKERS["mlflow"]
    monkeypatch.setattr(trackers, "TRACKERS", {"noting": type(kind)("", Noting, "notes")})
    monkeypatch.setattr(trackers, "EVERY_S", 0.0)
    with tracked(["noting:x"], quiet, pytest.fail) as watch:
        changed = watch(run)

        def step() -> None:
            seen.append([])
            changed()

        work(run, step)
        seen.append([])
    assert sorted(number for told in seen for number in told) == list(range(12))
    assert any(seen[: len(seen) // 2])


def test_an_unknown_tracker_is_refused() -> None:
    """Before anything begins, with the nearest name."""
    with pytest.raises(InputError, match=r"--log tensorbord:x: .* did you mean 'tensorboard'"):
        ensure_trackers(["mlflow", "tensorbord:x"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_library_that_is_absent_is_named(
    kind: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the extra that brings it."""
    for name in (kind, "torch.utils.tensorboard", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"{kind} is not installed.*archsearch\[{kind}\]"):
        opened_tracker(text(kind, place), "small", "0" * 16)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_says_what_cannot_be_opened() -> None:
    """A folder of files, which MLflow has given up, or nonsense."""
    pytest.importorskip("mlflow", reason="mlflow (an extra) is absent")
    with pytest.raises(InputError, match=r"mlflow:nonsense://x: cannot be opened .* sqlite:///"):
        opened_tracker("mlflow:nonsense://x", "small", "0" * 16)


def test_an_entry_says_everything_of_a_trial() -> None:
    """Numbers with their spreads, and what is no number."""
    measures = {"val_accuracy": Measured("val_accuracy", 0.5, "train", n=2, sd=0.1)}
    trial = Trial(7, 1, "sampler", {}, "abc", {}, 0, state="failed", error="x", measures=measures)
    entry = Entry(trial, ())
    assert entry.name == "trial_00007"
    assert entry.measures == {"val_accuracy": 0.5, "val_accuracy_sd": 0.1}
    assert entry.tags == {
        **{"net": "abc", "state": "failed", "origin": "sampler", "generation": "1"},
        "error": "x",
    }


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow makes folders where it stands."""
    monkeypatch.chdir(tmp_path)

"""A run as a study of Optuna's: the same trials, limits and front, opened by its dashboard."""

from __future__ import annotations

import json
import threading
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from small_runs import finish, new_run, small_study

from archsearch.errors import InputError
from archsearch.exports.runs.optuna import add, distribution
from archsearch.grammar import Domain
from archsearch.results import RunResults, open_run

STATES = {"complete": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}


@pytest.fixture
def results(folder: Path) -> RunResults:
    """A run with complete, stopped and failed trials, and an unmet limit."""
    run = new_run(small_study(), folder / "small" / "run.sqlite")
    finish(run, fail=(0, 1, 2))
    return open_run(folder / "small")


@contextmanager
def read(path: Path) -> Iterator[optuna.Study]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        try:
            yield optuna.load_study(study_name=None, storage=storage)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def test_every_trial_is_there_as_it_is_here(results: RunResults, tmp_path: Path) -> None:
    """Number, leaves, objectives, state, measures, error."""
    said = add(results, str(tmp_path / "s.db"))
    assert f"{len(results.records)} trials added to 0" in said
    with read(tmp_path / "s.db") as study:
        assert study.study_name == results.study.settings.name
        assert study.metric_names == ["val_accuracy", "macs"]
        assert [d.name.lower() for d in study.directions] == ["maximize", "minimize"]
        found = study.get_trials()
    assert {trial.state for trial in results.records} == {"complete", "stopped", "failed"}
    for ours, theirs in zip(results.records, found, strict=True):
        assert theirs.number == ours.number
        assert theirs.params == dict(ours.choices)
        assert theirs.state == STATES[ours.state]
        if ours.state == "complete":
            assert theirs.values == [ours.measures[n].value for n in ("val_accuracy", "macs")]
        else:
            assert theirs.values is None
        assert theirs.user_attrs["net"] == ours.architecture_id
        assert theirs.user_attrs["params"] == ours.measures["params"].value
        assert theirs.user_attrs.get("error") == ours.error
        assert theirs.datetime_start <= theirs.datetime_complete
        assert theirs.datetime_complete.timestamp() <= results.changed.timestamp()


def test_optunas_front_is_ours(results: RunResults, tmp_path: Path) -> None:
    """Computed by Optuna from the database, by us from the store."""
    add(results, str(tmp_path / "s.db"))
    with read(tmp_path / "s.db") as study:
        assert {trial.number for trial in study.best_trials} == set(results.pareto()["number"])


def test_limits_are_constraints(results: RunResults, tmp_path: Path) -> None:
    """0 or less is inside; a trial outside is not feasible to Optuna either."""
    outside = results.records[5]
    heavy = replace(outside.measures["params"], value=140_000.0)
    records = list(results.records)
    records[5] = replace(outside, measures={**outside.measures, "params": heavy})
    add(replace(results, records=tuple(records)), str(tmp_path / "s.db"))
    with read(tmp_path / "s.db") as study:
        found = [trial.constraints["params"] for trial in study.get_trials()]
    assert found[5] == pytest.approx(1.0)  # twice the limit of 70,000
    assert all(excess <= 0 for number, excess in enumerate(found) if number != 5)


def test_given_again_it_adds_what_is_new(results: RunResults, tmp_path: Path) -> None:
    """A run that went on: nothing twice, numbers as here; behind a waiting trial nothing."""
    records = [
        replace(trial, state="waiting") if trial.number == 7 else trial for trial in results.records
    ]
    said = add(replace(results, records=tuple(records)), str(tmp_path / "s.db"))
    left = len(records) - 7
    assert f"7 trials added to 0; {left} are left, as one still waits" in said
    assert f"{left} trials added to 7" in add(results, str(tmp_path / "s.db"))
    assert "0 trials added to" in add(results, str(tmp_path / "s.db"))
    with read(tmp_path / "s.db") as study:
        numbers = [trial.number for trial in study.get_trials()]
        nets = [trial.user_attrs["net"] for trial in study.get_trials()]
    assert numbers == [trial.number for trial in results.records]
    assert nets == [trial.architecture_id for trial in results.records]


def test_another_run_of_the_same_name_is_refused(
    results: RunResults, folder: Path, tmp_path: Path
) -> None:
    """It would be mixed up with the one that is there."""
    add(results, str(tmp_path / "s.db"))
    finish(new_run(small_study(seed="8"), folder / "other" / "run.sqlite"))
    with pytest.raises(InputError, match=r"s\.db: holds another study called 'small'"):
        add(open_run(folder / "other"), str(tmp_path / "s.db"))


@pytest.mark.parametrize("url", ["nonsense://x", "sqlite:////no/such/folder/s.db"])
def test_what_cannot_be_opened_is_refused(results: RunResults, url: str) -> None:
    """In one line, with what can be given."""
    with pytest.raises(InputError, match="cannot be opened as a database of Optuna's"):
        add(results, url)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (Domain((1, 2, 3), ordered=True), IntDistribution(1, 3)),
        (Domain((8, 16, 24), ordered=True), IntDistribution(8, 24, step=8)),
        (Domain((5,), ordered=True), IntDistribution(5, 5)),
        (Domain((0.1, 0.2, 0.3), ordered=True), None),
        (Domain((0.5, 1.0, 1.5), ordered=True), FloatDistribution(0.5, 1.5, step=0.5)),
        (Domain((7, "global", True)), CategoricalDistribution((7, "global", True))),
        (Domain((3, 5)), CategoricalDistribution((3, 5))),
    ],
)
def test_a_leaf_is_a_range_or_a_choice(domain: Domain, expected: Any) -> None:
    """Every label is a member, and there are no others."""
    found = distribution(domain)
    assert expected is None or found == expected
    for label in domain.labels:
        assert found._contains(found.to_internal_repr(label))
    if not isinstance(found, CategoricalDistribution):
        assert round((found.high - found.low) / found.step) + 1 == len(domain.labels)


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def dashboard(results: RunResults, tmp_path: Path) -> Iterator[str]:
    """Address of the real server of optuna-dashboard over an exported run."""
    module = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is absent")
    add(results, str(tmp_path / "s.db"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 's.db'}")
        server = make_server("127.0.0.1", 0, module.wsgi(storage), handler_class=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    storage.remove_session()
    storage.engine.dispose()


@pytest.mark.filterwarnings("ignore")
def test_the_dashboard_opens_it(dashboard: str, results: RunResults) -> None:
    """Its own server gives study, trials, objectives' names and front."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(dashboard + path, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    (study,) = get("/api/studies")["study_summaries"]
    assert study["study_name"] == "small"
    detail = get(f"/api/studies/{study['study_id']}")
    assert [trial["number"] for trial in detail["trials"]] == list(range(len(results.records)))
    assert detail["objective_names"] == ["val_accuracy", "macs"]
    best = {trial["number"] for trial in detail["best_trials"]}
    assert best == set(results.pareto()["number"])
    with urllib.request.urlopen(f"{dashboard}/dashboard", timeout=60) as page:  # noqa: S310
        assert b"<html" in page.read()

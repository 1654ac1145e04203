"""MLflow: an experiment a run, a run of MLflow's a trial."""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from archsearch.errors import InputError
from archsearch.trackers.entry import Entry
from archsearch.trackers.tracker import TrackerKind
from archsearch.trial import State

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

T = TypeVar("T")

_STUDY, _NUMBER = "archsearch.study", "archsearch.trial"
_ENDS: Mapping[State, str] = {"complete": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_AT_ONCE = 100
"""Params, and a tenth of the metrics, that a server takes in one request."""
_LONGEST = 500


class Mlflow:
    """Writes to a tracking server, or to a database of MLflow's.

    A run of MLflow's ends when all of it is written; one that has not ended is of a process that
    was killed, and is deleted.
    """

    def __init__(self, place: str, name: str, identity: str) -> None:
        """Connect to ``place``, a tracking URI.

        Raises:
            InputError: mlflow is not installed, or there is nothing to connect to.
        """
        self._identity = identity
        with _silence():
            client = _client_class()
            try:
                self._client = client(tracking_uri=place)
                self._experiment = self._found_or_made(name)
                self._known = self._swept()
            except Exception as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise InputError(
                    f"mlflow:{place}: cannot be opened ({reason}); give a "
                    "tracking URI, such as sqlite:///mlflow.db or http://127.0.0.1:5000"
                ) from error

    @property
    def known(self) -> Set[int]:
        """Numbers of the trials that it has."""
        return self._known

    def write(self, entry: Entry) -> None:
        """Write a trial's run, and end it."""
        tags = entry.tags | {_STUDY: self._identity, _NUMBER: str(entry.trial.number)}
        tags = {_key(name): text[:_LONGEST] for name, text in tags.items()}
        with _silence():
            made = self._client.create_run(self._experiment, run_name=entry.name, tags=tags)
            key = made.info.run_id
            for metrics in _pieces(_metrics(entry), 10 * _AT_ONCE):
                self._client.log_batch(key, metrics=metrics)
            for params in _pieces(_params(entry), _AT_ONCE):
                self._client.log_batch(key, params=params)
            self._client.set_terminated(key, status=_ENDS[entry.state])
        self._known.add(entry.trial.number)

    def close(self) -> None:
        """Leave no connection of a database open."""
        engine = getattr(self._client._tracking_client.store, "engine", None)
        if engine is not None:
            engine.dispose()

    def _found_or_made(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found else str(self._client.create_experiment(name))

    def _swept(self) -> set[int]:
        """Numbers of the trials that are there; what was cut off is deleted."""
        known = set()
        for run in self._runs():
            if run.info.status in _ENDS.values():
                known.add(int(run.data.tags[_NUMBER]))
            else:
                self._client.delete_run(run.info.run_id)
        return known

    def _runs(self) -> Iterator[Any]:
        token = None
        mine = f"tags.`{_STUDY}` = '{self._identity}'"
        while True:
            page = self._client.search_runs([self._experiment], mine, page_token=token)
            yield from page
            if not (token := page.token):
                return


def _metrics(entry: Entry) -> list[Any]:
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    found = [Metric(_key(name), value, now, 0) for name, value in entry.measures.items()]
    for point in entry.curve:
        step = round(1000 * point.epoch)  # steps are integers, epochs may be parts
        of = f"repetition_{point.repetition}"
        accuracy = point.validation_accuracy
        found.append(Metric(f"validation_accuracy/{of}", accuracy, now, step))
        found.append(Metric(f"train_loss/{of}", point.train_loss, now, step))
    return found


def _params(entry: Entry) -> list[Any]:
    from mlflow.entities import Param

    return [Param(_key(path), str(label)) for path, label in entry.trial.choices.items()]


def _key(name: str) -> str:
    """A name as MLflow takes it: ``val_accuracy@3`` as ``val_accuracy_at_3``."""
    return re.sub(r"[^\w\-. /]", "_", name.replace("@", "_at_"))


def _pieces(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


def _client_class() -> type[MlflowClient]:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise InputError("mlflow is not installed; run 'pip install archsearch[mlflow]'") from error
    return MlflowClient


@contextmanager
def _silence() -> Iterator[None]:
    """Keep MLflow from announcing its tables, and libraries from warning about each other."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


MLFLOW = TrackerKind("sqlite:///mlflow.db", Mlflow, "an experiment a run, for mlflow ui")

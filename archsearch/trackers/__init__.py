"""Trials told to other people's trackers, while a run goes on or after it: one kind a file.

A tracker is no part of a run: what it has is read from its own place, and nothing of it is stored
in the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from archsearch.errors import InputError, nearest
from archsearch.search import Run
from archsearch.store import Store
from archsearch.trackers.entry import Entry
from archsearch.trackers.mlflow import MLFLOW
from archsearch.trackers.tensorboard import TENSORBOARD
from archsearch.trackers.tracker import Tracker, TrackerKind
from archsearch.trial import Trial

TRACKERS: Mapping[str, TrackerKind] = MappingProxyType(
    {"tensorboard": TENSORBOARD, "mlflow": MLFLOW}
)

EVERY_S = 10.0
"""Seconds between two looks for trials that are over: reading the curves takes a moment."""

Watch = Callable[[Run], Callable[[], None]]
Warn = Callable[[str], None]


def ensure_trackers(texts: Iterable[str]) -> None:
    """Refuse what names no tracker, before a run begins.

    Raises:
        InputError: with the nearest kind.
    """
    for text in texts:
        _named(text)


def add_trials(store: Store, trials: Iterable[Trial], tracker: Tracker) -> int:
    """Tell a tracker every trial that is over and that it does not have; return their number."""
    known = tracker.known
    new = [trial for trial in trials if trial.state != "waiting" and trial.number not in known]
    curves = store.curves() if new else {}
    for trial in sorted(new, key=lambda trial: trial.number):
        tracker.write(Entry(trial, curves.get(trial.number, ())))
    return len(new)


@contextmanager
def tracked(texts: Sequence[str], watch: Watch, warn: Warn) -> Iterator[Watch]:
    """Watch a run as ``watch`` does, and tell its trials to trackers as well.

    What was not told when the context ends, however it ends, is told then. A tracker that fails
    ends no run: ``warn`` is told, and nothing more is sent to it.

    Args:
        texts: trackers, each ``KIND`` or ``KIND:PLACE``.
        watch: what else watches the run.
        warn: shows a line to the user.

    Raises:
        InputError: there is no such kind, or its place cannot be opened.
    """
    ensure_trackers(texts)
    with ExitStack() as told:

        def watching(run: Run) -> Callable[[], None]:
            found = [_Told(run, text, warn) for text in texts]
            for one in found:
                told.callback(one.end)
            changed = watch(run)

            def also_told() -> None:
                changed()
                for one in found:
                    one.changed()

            return also_told

        yield watching


def opened(text: str, name: str, identity: str) -> Tracker:
    """Open a tracker, ``KIND`` or ``KIND:PLACE``, for the run ``name`` of the study ``identity``.

    Raises:
        InputError: there is no such kind, or its place cannot be opened.
    """
    kind, place = _named(text)
    return kind.open(place, name, identity)


class _Told:
    """One tracker of one run that goes on."""

    def __init__(self, run: Run, text: str, warn: Warn) -> None:
        self._run, self._text, self._warn = run, text, warn
        settings = run.study.settings
        self._tracker: Tracker | None = opened(text, settings.name, run.study.identity)
        self._looked_s = float("-inf")

    def changed(self) -> None:
        """Tell what is over, unless that was done a moment ago."""
        if time.monotonic() - self._looked_s >= EVERY_S:
            self._tell(list(self._run.trials.values()))
            self._looked_s = time.monotonic()

    def end(self) -> None:
        """Tell the rest, which the run may have settled without another change."""
        self._tell(list(self._run.trials.values()))
        if self._tracker is not None:
            self._tracker.close()

    def _tell(self, trials: Sequence[Trial]) -> None:
        if self._tracker is None:
            return
        try:
            with Store.open(self._run.store.path) as store:
                add_trials(store, trials, self._tracker)
        except Exception as error:  # whatever a library raises must not end a search
            self._tracker = None
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            self._warn(
                f"{self._text}: {reason}; the run goes on without it, and 'archsearch export "
                f"{_folder(self._run.store.path)} --to {self._text.partition(':')[0]}' adds the "
                "rest later"
            )


def _named(text: str) -> tuple[TrackerKind, str]:
    name, _, place = text.partition(":")
    kind = TRACKERS.get(name)
    if kind is None:
        raise InputError(f"--log {text}: there is no tracker {name!r}; {nearest(name, TRACKERS)}")
    return kind, place or kind.place


def _folder(database: Path) -> Path:
    return database.parent

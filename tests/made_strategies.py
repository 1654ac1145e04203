"""Runs and strategies with numbers that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from made_trials import made_trial

from archsearch.comparing import Strategy
from archsearch.documents import Document
from archsearch.results import RunResults
from archsearch.study import Study, study_of
from archsearch.trial import State

Point = tuple[float, float]
"""Accuracy and MACs."""


def made_run(
    study: Study,
    points: Sequence[Point],
    folder: str = "r",
    state: State = "complete",
    n: int = 1,
    sd: float | None = None,
    images: str = "digits",
) -> RunResults:
    """A run of one trial a point, each of which took a second."""
    trials = [
        replace(made_trial(study, number, accuracy, macs, state, n, sd), finished_s=number + 1.0)
        for number, (accuracy, macs) in enumerate(points)
    ]
    return RunResults(
        folder=Path("runs") / folder,
        study=study,
        records=tuple(trials),
        environment={"images": images, "commit": "abc"},
        counts={"over:params": 7},
        elapsed_s=float(len(points)),
        changed=datetime(2026, 1, 1).astimezone(),
    )


def made_strategy(study: Study, name: str, *runs: Sequence[Point], **changes: Any) -> Strategy:
    """A strategy of runs in folders of their own."""
    made = [made_run(study, run, f"{name}{i}", **changes) for i, run in enumerate(runs)]
    return Strategy(name, tuple(made))


def changed(study: Study, **settings: Any) -> Study:
    """A study with other values of top-level keys."""
    return study_of(Document("study", {**study.data, **settings}), Path())

"""What of a run must be equal however often it was killed and whoever ran it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsearch.runs import DATABASE
from archsearch.store import Store
from archsearch.trial import Trial


def contents(folder: Path) -> dict[str, Any]:
    """Every proposal, decision, measure and curve of a run; times left out."""
    store = Store.open(folder / DATABASE)
    try:
        trials = [_trial(trial) for trial in store.trials()]
        curves = {
            number: [(p.repetition, p.epoch, p.train_loss, p.validation_accuracy) for p in curve]
            for number, curve in store.curves().items()
        }
        counts = [(g.number, dict(g.counts)) for g in store.generations()]
    finally:
        store.close()
    return {"trials": trials, "curves": curves, "counts": counts}


def _trial(trial: Trial) -> dict[str, Any]:
    values = {
        name: (m.value, m.sd, m.n, m.reading)
        for name, m in trial.measures.items()
        if name != "train_s"
    }
    return {**asdict(trial), "measures": values, "finished_s": None}

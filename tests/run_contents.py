"""What of a run must be equal however often it was killed and whoever ran it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsearch.runs import DATABASE
from archsearch.store import Store


def contents(folder: Path) -> dict[str, Any]:
    """Every proposal, decision, measure and curve of a run; times left out."""
    store = Store.open(folder / DATABASE)
    try:
        trials = [
            (t.number, t.generation, t.origin, t.choices, t.architecture_id, t.seed, t.state)
            + (t.stage, t.told, dict(t.note), t.error)
            + ({n: (m.value, m.sd, m.n) for n, m in t.measures.items() if n != "train_s"},)
            for t in store.trials()
        ]
        curves = {
            number: [(p.repetition, p.epoch, p.train_loss, p.validation_accuracy) for p in curve]
            for number, curve in store.curves().items()
        }
        counts = [(g.number, dict(g.counts)) for g in store.generations()]
    finally:
        store.close()
    return {"trials": trials, "curves": curves, "counts": counts}

"""Runs of ablations whose accuracies are made up, in real stores, for reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from small_ablations import TWO_LEVELS, small_ablation
from small_runs import new_run

from archsearch.evaluate import Outcome
from archsearch.measures import ACCURACY
from archsearch.results import RunResults, open_run
from archsearch.trial import CurvePoint, Measured, Trial

EFFECTS: Mapping[str, float] = {"convolution": -0.05, "large_kernels": 0.04, "narrow": -0.03}
FACTORIAL: Mapping[str, str] = {"factors": TWO_LEVELS, "design": "full_factorial"}
ERROR = "train: the loss is nan"


def made_ablation(
    folder: Path,
    fail: Mapping[str, int] | None = None,
    *,
    error: str = ERROR,
    rounds: int | None = None,
    epochs: int = 3,
    **changes: str,
) -> RunResults:
    """The small ablation with eight seeds and a margin of two points.

    Args:
        folder: of the run.
        fail: so many of the first seeds of these arms fail.
        error: why.
        rounds: seeds after which the run stands still; None for all.
        epochs: points of every learning curve.
        **changes: keys of the file.
    """
    study = small_ablation(**{"seeds": "8", "margin": "0.02", **changes})
    run = new_run(study, folder / "run.sqlite")
    while (package := run.next_package()) is not None:
        trials = [run.trials[job.number] for job in package.jobs]
        if rounds is not None and trials[0].choices["seed"] == rounds:
            break
        run.finish([_outcome(trial, fail or {}, error, epochs) for trial in trials])
    return open_run(folder)


def _outcome(trial: Trial, fail: Mapping[str, int], error: str, epochs: int) -> Outcome:
    arm, seed = str(trial.choices["arm"]), int(trial.choices["seed"])
    if seed < fail.get(arm, 0):
        return Outcome(trial.number, "train", error=error)
    rng = np.random.default_rng([trial.seed, int(trial.architecture_id, 16) % 2**32])
    effect = sum(EFFECTS.get(part, 0.0) for part in arm.split("+"))
    value = 0.5 + 0.01 * seed + effect + float(rng.normal(0, 0.004))
    points = [
        CurvePoint(0, epoch, 1 / epoch, value * epoch / epochs, 2.0)
        for epoch in range(1, epochs + 1)
    ]
    measures = (
        Measured(ACCURACY, value, "train", count=50, seconds=2.0),
        Measured("train_s", 2.0 * epochs, "train"),
    )
    return Outcome(trial.number, "train", measures, tuple(points))

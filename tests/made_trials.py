"""Trials with numbers that a test chooses, over real members of the tiny study's space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from archsearch.architecture import Architecture
from archsearch.space import SearchSpace
from archsearch.study import Study
from archsearch.trial import Measured, State, Trial


@cache
def members(space: SearchSpace) -> Sequence[Architecture]:
    rng = np.random.default_rng(0)
    found = {(net := space.sample(rng)).id: net for _ in range(300)}
    return list(found.values())


def made_trial(
    study: Study,
    number: int,
    accuracy: float | None = None,
    macs: float = 1e6,
    state: State = "complete",
    n: int = 1,
    sd: float | None = None,
    error: str | None = None,
    generation: int = 0,
) -> Trial:
    """A trial with macs, params, a score, and an accuracy on 100 images where one is given."""
    net = members(study.space)[number]
    measures = {
        "macs": Measured("macs", macs, "screen"),
        "params": Measured("params", 1000.0 + number, "screen"),
        "naswot": Measured("naswot", float(number), "score"),
    }
    if accuracy is not None:
        made = Measured("val_accuracy", accuracy, "train", n=n, sd=sd, count=100)
        measures["val_accuracy"] = made
    return Trial(
        number=number,
        generation=generation,
        origin="sampler",
        choices=study.space.encode(net),
        architecture_id=net.id,
        architecture=net.to_data(),
        seed=number,
        state=state,
        stage="score" if accuracy is None else "train",
        measures=measures,
        error=error,
    )


def made_run(study: Study, trials: Sequence[Trial], asked: int = 100) -> Any:
    """What a display looks at of a run: study, trials, counts, elapsed time."""
    return SimpleNamespace(
        study=study,
        trials={trial.number: trial for trial in trials},
        counts={"asked": asked, "invalid": 3, "over:params": 4},
        elapsed_s=30.0,
    )

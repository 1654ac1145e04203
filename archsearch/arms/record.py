"""What was measured of an ablation's arms, as a table of seeds and arms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from typing import TYPE_CHECKING

from archsearch.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

Cell = tuple[int, str, float]
"""Seed, arm and accuracy; NaN where the training failed or is not over."""


def cells_of(trials: Iterable[Trial]) -> tuple[Cell, ...]:
    """The trainings of an ablation, in the order of seeds and names."""
    found = []
    for trial in trials:
        accuracy = trial.measures.get("val_accuracy")
        value = nan if accuracy is None else accuracy.value
        found.append((int(trial.choices["seed"]), str(trial.choices["arm"]), value))
    return tuple(sorted(found))


def accuracies(cells: Iterable[Cell], arms: Sequence[str]) -> pd.DataFrame:
    """Validation accuracy as a fraction: index ``seed``, a column an arm.

    NaN stands where a training failed, is not over, or was not asked for.
    """
    import pandas as pd  # half a second that a run does not need

    known = {(seed, arm): accuracy for seed, arm, accuracy in cells}
    seeds = pd.Index(sorted({seed for seed, _ in known}), name="seed", dtype="int64")
    rows = [[known.get((seed, arm), nan) for arm in arms] for seed in seeds]
    return pd.DataFrame(rows, index=seeds, columns=list(arms), dtype="float64")

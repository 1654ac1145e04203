"""The trials of a run as a data frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from archsearch.trial import CurvePoint, Trial

if TYPE_CHECKING:
    import pandas as pd


def trials_frame(trials: Iterable[Trial]) -> pd.DataFrame:
    """One row a trial, for analysis.

    Returns:
        Columns ``number``, ``state``, ``stage``, ``origin``, ``architecture_id``, ``generation``;
        for every measure that some trial has, its value, ``MEASURE_sd`` and ``MEASURE_n`` (NaN
        where a trial has none); ``error``, and ``seconds``, the sum over the measures.
    """
    import pandas as pd  # half a second that a run does not need

    trials = list(trials)
    names = ("number", "state", "stage", "origin", "architecture_id", "generation")
    columns: dict[str, list[Any]] = {name: [getattr(t, name) for t in trials] for name in names}
    for measure in dict.fromkeys(name for trial in trials for name in trial.measures):
        found = [trial.measures.get(measure) for trial in trials]
        columns[measure] = [m.value if m else math.nan for m in found]
        columns[f"{measure}_sd"] = [m.sd if m and m.sd is not None else math.nan for m in found]
        columns[f"{measure}_n"] = [m.n if m else math.nan for m in found]
    columns["error"] = [trial.error for trial in trials]
    columns["seconds"] = [sum(m.seconds for m in t.measures.values()) for t in trials]
    return pd.DataFrame(columns)


def choices_frame(trials: Iterable[Trial], leaves: Sequence[str]) -> pd.DataFrame:
    """One row a trial: ``number``, and for each leaf the value chosen, None where it has none."""
    import pandas as pd

    trials = list(trials)
    columns = {leaf: [trial.choices.get(leaf) for trial in trials] for leaf in leaves}
    numbers = [trial.number for trial in trials]
    return pd.DataFrame({"number": numbers, **columns}).astype(dict.fromkeys(leaves, object))


def curves_frame(curves: Mapping[int, Sequence[CurvePoint]]) -> pd.DataFrame:
    """One row an epoch of a training: ``number`` of its trial and the fields of ``CurvePoint``."""
    import pandas as pd

    rows = [
        {"number": number, **asdict(point)} for number, curve in curves.items() for point in curve
    ]
    return pd.DataFrame(rows, columns=["number", *(field.name for field in fields(CurvePoint))])

"""Tables of a run: its front or its trials, as data for programs and as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import pandas as pd

from archsearch.errors import InputError, nearest
from archsearch.measures import MEASURES
from archsearch.results import RunResults
from archsearch.tables import ALWAYS_SHOWN, measured, readable

_KINDS: Mapping[type, str] = MappingProxyType({int: "Int64", float: "Float64", bool: "boolean"})

Table = Literal["front", "trials"]
TABLES: tuple[Table, ...] = get_args(Table)


class Titled(NamedTuple):
    """A table as text.

    Attributes:
        frame: columns of texts.
        title: what it shows.
        footnote: what its numbers are.
        label: a short name for references to it.
    """

    frame: pd.DataFrame
    title: str
    footnote: str
    label: str


def ensure_table(name: str) -> Table:
    """Check the name of a table.

    Raises:
        InputError: there is no such table.
    """
    for table in TABLES:
        if table == name:
            return table
    raise InputError(f"--table {name}: there is no such table; {nearest(name, TABLES)}")


def raw(results: RunResults, table: Table) -> pd.DataFrame:
    """A table as data.

    Returns:
        The front as ``RunResults.pareto`` gives it; or one row a trial: what
        ``RunResults.trials`` has, and a column for every leaf of the space, by its path, with the
        label that was chosen (missing where the leaf is not active).
    """
    if table == "front":
        return results.pareto()
    frame = results.trials
    counted = {name: "Int64" for name in map(str, frame.columns) if _is_count(name)}
    return pd.concat([frame.astype(counted), _leaves(results)], axis=1)


def _is_count(name: str) -> bool:
    measure = MEASURES.get(name)
    return name.endswith("_n") or (measure is not None and measure.stage == "screen")


def _leaves(results: RunResults) -> pd.DataFrame:
    """A column for every leaf that some trial has, whole numbers staying whole where some lack."""
    columns = {}
    for path in results.study.paths:
        labels = [trial.choices.get(path) for trial in results.records]
        kinds = {type(label) for label in labels if label is not None}
        if kinds:
            kind = _KINDS.get(kinds.pop(), "object") if len(kinds) == 1 else "object"
            columns[path] = pd.Series(labels, dtype=kind)
    return pd.DataFrame(columns, index=range(len(results.records)))


def as_text(results: RunResults, table: Table) -> Titled:
    """A table for people: numbers as 1.33 M, spreads behind their values as ±."""
    front = results.pareto()
    name = results.study.settings.name
    if table == "front":
        title = f"Pareto front of {name}"
        return Titled(readable(front), title, front.attrs["footnote"], f"front-{name}")
    objectives = [objective.measure for objective in results.study.settings.objectives]
    names = list(dict.fromkeys((*objectives, *ALWAYS_SHOWN)))
    frame = measured([trial.measures for trial in results.records], names)
    for place, (column, values) in enumerate(_about(results).items()):
        frame.insert(place, column, values)
    return Titled(readable(frame), f"Trials of {name}", "", f"trials-{name}")


def _about(results: RunResults) -> Mapping[str, list[object]]:
    records = results.records
    return {
        "number": [trial.number for trial in records],
        "net": [trial.architecture_id for trial in records],
        "state": [trial.state for trial in records],
        "origin": [trial.origin for trial in records],
    }

"""Data frames of trials, and the same as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from archsearch.architecture import Architecture
from archsearch.certainty import FOOTNOTE as PROBABILITY
from archsearch.certainty import front_probabilities, values
from archsearch.devices.reading import Latency
from archsearch.devices.source import footnote, one_source
from archsearch.families import family_of
from archsearch.knees import KNEE, knees
from archsearch.measures import LATENCY, MEASURES, Direction, latency_in
from archsearch.notation import UNKNOWN, quantity
from archsearch.pareto import non_dominated
from archsearch.spread import FOOTNOTE, spread
from archsearch.trial import Measured, Trial

ALWAYS_SHOWN = ("val_accuracy", "params", "macs", LATENCY)
"""Measures that a front's table shows beside its objectives, where they are known."""

_WHERE = ("device", "how")

_KNEE = (
    f"knee: whichever other net of the front is taken instead, at least {KNEE:g} times as much is "
    "lost as gained, in shares of the front's range."
)


def front_of(
    trials: Sequence[Trial], directions: Mapping[str, Direction], nets: Mapping[str, str]
) -> pd.DataFrame:
    """Table of the non-dominated complete trials.

    Trials that were stopped have estimates where others have measurements, so they never enter.

    Args:
        trials: the trials of a run.
        directions: the objectives.
        nets: names of architectures by id; the others are called by their id.

    Returns:
        Columns ``number``, ``net``, each objective, what else of ``ALWAYS_SHOWN`` is known, and
        ``MEASURE_spread`` with ``MEASURE_n`` behind what varies; ``front_probability``, unless
        every objective is exact, and ``knee``. Best in the first objective first.
        ``attrs["footnote"]`` says what the spread, the probability and a knee are.
    """
    complete = [
        t for t in trials if t.state == "complete" and directions.keys() <= t.measures.keys()
    ]
    marks = np.array(on_front(complete, directions), dtype=bool)
    front = [trial for trial, mark in zip(complete, marks, strict=True) if mark]
    names = [*directions, *(name for name in ALWAYS_SHOWN if name not in directions)]
    frame = measured([trial.measures for trial in front], names)
    frame.insert(0, "number", [trial.number for trial in front])
    frame.insert(1, "net", [nets.get(t.architecture_id, t.architecture_id) for t in front])
    probability = front_probabilities(complete, directions, seed=0)
    if probability is not None:
        frame["front_probability"] = probability[marks]
    frame["knee"] = knees(values(front, list(directions)), _maximize(directions))
    first, direction = next(iter(directions.items()))
    frame = frame.sort_values(
        [first, "number"], ascending=[direction == "minimize", True], ignore_index=True
    )
    frame.attrs["footnote"] = " ".join(_notes(frame, front))
    return frame


def _notes(frame: pd.DataFrame, front: Sequence[Trial]) -> list[str]:
    """What the footnote of a front's table says."""
    notes = [FOOTNOTE, *_about([trial.measures for trial in front])]
    if "front_probability" in frame:
        notes.append(PROBABILITY)
    return [*notes, _KNEE] if frame["knee"].any() else notes


def latencies_of(found: Iterable[Mapping[str, Measured]]) -> list[Latency]:
    """The latencies among trials' measures, with what their devices said of them."""
    return [latency for measures in found if (latency := latency_in(measures)) is not None]


def _about(found: Sequence[Mapping[str, Measured]]) -> list[str]:
    """Where the latencies of a table came from, which must be one device and way.

    Raises:
        InputError: they came from several.
    """
    latencies = latencies_of(found)
    source = one_source({"trials": latencies})
    return [] if source is None else [footnote(source, latencies)]


def on_front(trials: Sequence[Trial], directions: Mapping[str, Direction]) -> list[bool]:
    """Mark the trials that no other of them dominates; all must have the measures."""
    points = values(trials, list(directions))
    return [bool(mark) for mark in non_dominated(points, _maximize(directions))]


def _maximize(directions: Mapping[str, Direction]) -> list[bool]:
    return [direction == "maximize" for direction in directions.values()]


def measured(found: Sequence[Mapping[str, Measured]], names: Sequence[str]) -> pd.DataFrame:
    """Table of the measures called ``names``, one row for each of ``found``.

    Returns:
        For each name its value, and ``NAME_spread`` with ``NAME_n`` behind it where some row has a
        spread; NaN (and n 0) where a row lacks it. A name that no row has is left out.
    """
    frame = pd.DataFrame(index=range(len(found)))
    for name in names:
        column = [measures.get(name) for measures in found]
        if found and not any(column):
            continue
        frame[name] = np.array([m.value if m else np.nan for m in column], dtype=float)
        spreads = [spread(m) if m else None for m in column]
        if any(s is not None for s in spreads):
            frame[f"{name}_spread"] = [np.nan if s is None else s for s in spreads]
            frame[f"{name}_n"] = [m.n if m else 0 for m in column]
        if name == LATENCY:
            _say_where(frame, found)
    return frame


def _say_where(frame: pd.DataFrame, found: Sequence[Mapping[str, Measured]]) -> None:
    """Add device and way of each latency, for whoever reads the table without its footnote."""
    latencies = [latency_in(measures) for measures in found]
    for field in _WHERE:
        column = [getattr(one, field) if one else None for one in latencies]
        if any(column):
            frame[f"{LATENCY}_{field}"] = column


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of measures as text: 1.33 M, and spreads behind their values as ±."""
    columns: dict[str, list[str]] = {}
    for name in frame.columns:
        if name.endswith(("_spread", "_n", *(f"{LATENCY}_{field}" for field in _WHERE))):
            continue
        if name not in MEASURES:
            columns[name] = [_said(value) for value in frame[name]]
            continue
        spreads = frame.get(f"{name}_spread", pd.Series(np.nan, frame.index))
        columns[name] = [
            quantity(value, MEASURES[name].unit, s)
            for value, s in zip(frame[name], spreads, strict=True)
        ]
    return pd.DataFrame(columns, dtype=str)


def _said(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.2f}" if np.isfinite(value) else ""
    return UNKNOWN if value is pd.NA else str(value)


def family(architecture: Architecture) -> str:
    """The kind of block that stands for a net in figures; see ``families.family_of``."""
    return family_of(block for stage in architecture.stages for block in stage.blocks)

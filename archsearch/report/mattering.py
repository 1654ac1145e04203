"""What matters: importances of leaves, what the front prefers, and what each limit costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from archsearch.errors import InputError
from archsearch.importance import FRONT, METHODS, importances
from archsearch.preferences import preferences
from archsearch.report.charts import Chart, layout, rows_of, series
from archsearch.report.provenance import origin
from archsearch.report.reported import Reported
from archsearch.shadow_prices import footnote, readable_prices, shadow_prices

MOST_LEAVES, MOST_PREFERENCES = 10, 12

_ROW_PIXELS = 30
_TOLD_APART = 0.05
_SPREAD = 0.5
"""Part of a row over which the methods' points are spread."""

_METHODS = {"fanova": "fANOVA", "ped_anova": "PED-ANOVA"}


def matter(place: int, one: Reported) -> tuple[list[Chart], list[str]]:
    """Importances and preferences of a run, and why some of them are not known."""
    (charts, reasons), (more, others) = importance_charts(place, one), preference_charts(place, one)
    return [*charts, *more], [*reasons, *others]


def importance_charts(place: int, one: Reported) -> tuple[list[Chart], list[str]]:
    """A figure for each objective that was measured by training or timing, and for the front.

    What is counted or predicted is a known function of the leaves: no run is needed to study it.

    Returns:
        The figures, and why there is none for an objective.
    """
    own = [o.measure for o in one.run.study.settings.objectives]
    asked = [name for name in own if origin(one, name).how in ("trained", "measured")]
    charts, reasons = [], []
    for name in [*asked, *([FRONT] if len(own) > 1 else [])]:
        try:
            table = importances(one.run.study, one.run.records, [name])
        except InputError as reason:
            reasons.append(f"{reason}.")
            continue
        charts.append(_chart(f"importance-{place}-{name}", name, table))
    return charts, reasons


def preference_charts(place: int, one: Reported) -> tuple[list[Chart], list[str]]:
    """What the front prefers, beside what the space offers; or why that is not known."""
    try:
        table = preferences(one.run.study, one.run.records)
    except InputError as reason:
        return [], [f"Preferences: {reason}."]
    rows = table.head(MOST_PREFERENCES)
    look = layout("share of the nets", "", height=110 + _ROW_PIXELS * (len(rows) + 1))
    names = [f"{leaf}: {value}" for leaf, value in zip(rows["leaf"], rows["value"], strict=True)]
    look["yaxis"] |= rows_of(names)
    look["xaxis"] |= {"range": [-0.02, 1.02]}
    note = f"Most surprising first; a hollow marker is not told apart. {table.attrs['footnote']}"
    traces = [trace | {"customdata": names} for trace in (_shares(rows), _priors(rows))]
    return [Chart(f"preferences-{place}", "What the front prefers", note, traces, look)], []


def _shares(rows: pd.DataFrame) -> dict[str, Any]:
    told = rows["p"] < _TOLD_APART
    look = series(0)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "on the front",
        "x": list(rows["share"]),
        "y": list(range(len(rows))),
        "marker": {
            "size": 8,
            "color": look["color"],
            "symbol": [look["symbol"] if t else f"{look['symbol']}-open" for t in told],
        },
        "error_x": _interval(rows["share"], rows, look["color"]),
        "text": [
            f"p = {p:.2g}, {nets} nets" for p, nets in zip(rows["p"], rows["nets"], strict=True)
        ],
        "hovertemplate": "%{customdata}<br>%{x:.2f} on the front, %{text}<extra></extra>",
    }


def _priors(rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "in the space",
        "x": list(rows["prior"]),
        "y": list(range(len(rows))),
        "marker": {"symbol": "line-ns", "size": 12, "line": {"color": "@ink", "width": 2}},
        "hovertemplate": "%{customdata}<br>%{x:.2f} in the space<extra></extra>",
    }


def _interval(value: pd.Series[float], rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    """Error bars from ``low`` to ``high``."""
    return {
        "type": "data",
        "symmetric": False,
        "array": list((rows["high"] - value).clip(lower=0)),
        "arrayminus": list((value - rows["low"]).clip(lower=0)),
        "color": colour,
        "thickness": 1.2,
        "width": 0,
    }


def _chart(key: str, name: str, table: pd.DataFrame) -> Chart:
    ranks = table.groupby("method")["importance"].rank(ascending=False)
    order = ranks.groupby(table["leaf"], sort=False).mean().sort_values(kind="stable")
    leaves = [str(leaf) for leaf in order.index[:MOST_LEAVES]]
    traces = [_dots(place, method, table, leaves) for place, method in enumerate(METHODS)]
    look = layout("importance (share)", "", height=130 + _ROW_PIXELS * (len(leaves) + 1))
    look["xaxis"]["rangemode"] = "tozero"
    look["yaxis"] |= rows_of(leaves)
    title = "Being on the front" if name == FRONT else name
    return Chart(key, title, f"{table.attrs['notes'][name]}.", traces, look)


def _dots(place: int, method: str, table: pd.DataFrame, leaves: Sequence[str]) -> dict[str, Any]:
    rows = table[(table["method"] == method) & table["leaf"].isin(leaves)]
    shift = _SPREAD * ((place + 0.5) / len(METHODS) - 0.5)
    look = series(place)
    hollow = [f"{look['symbol']}-open" for _ in range(len(rows))]
    beyond = rows["importance"] > rows["chance"]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _METHODS.get(method, method),
        "x": list(rows["importance"]),
        "y": [leaves.index(leaf) + shift for leaf in rows["leaf"]],
        "marker": {
            "size": 8,
            "color": look["color"],
            "symbol": [look["symbol"] if b else h for b, h in zip(beyond, hollow, strict=True)],
        },
        "error_x": _interval(rows["importance"], rows, look["color"]),
        "text": list(rows["leaf"]),
        "hovertemplate": f"%{{text}}<br>{method} %{{x:.2f}}<extra></extra>",
    }


def prices(one: Reported) -> tuple[pd.DataFrame, str]:
    """What each limit of a run costs, as text with its footnote; empty without limits."""
    settings = one.run.study.settings
    directions = {o.measure: o.direction for o in settings.objectives}
    found = shadow_prices(one.run.records, directions, settings.constraints, one.run.counts)
    return (readable_prices(found), footnote(found)) if len(found) else (pd.DataFrame(), "")

"""What an arm costs against what it brings, in any of its costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, nan
from typing import Any, NamedTuple

from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import Table
from archsearch.report.ablated.shown import MARKS, bars, hover_texts, legend_of
from archsearch.report.charts import layout

COSTS = {"params": "params", "macs": "MACs", "latency_ms": "latency"}
VIEWS = {"difference": "difference", "accuracy": "accuracy"}

_HEIGHT = 440
_BASE = "base"


class Spot(NamedTuple):
    """An arm between two axes: its mark, or that it is the base, and the ends of its interval."""

    arm: str
    mark: str
    across: float
    upwards: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether it has a place."""
        return isfinite(self.across) and isfinite(self.upwards)


def worth(ablation: Ablation, table: Table) -> dict[str, Any]:
    """Figures of every cost that is known, against the difference and against the accuracy.

    Against the difference a cost is what is more or less, in percent, than in the arm compared
    with; against the accuracy it is itself.

    Returns:
        ``costs`` and ``views`` with their titles, and ``figures`` by ``COST/VIEW``, each with
        ``traces`` and ``layout``.
    """
    known = [
        name for name in COSTS if name in ablation.costs and ablation.costs[name].notna().any()
    ]
    figures = {}
    for name in known:
        spots = list(_of_differences(ablation, table, name))
        figures[f"{name}/difference"] = {
            "traces": _traces(ablation, table, spots),
            "layout": _about_zero(COSTS[name]),
        }
        spots = list(_of_accuracies(table, name))
        label = ablation.latency if name == "latency_ms" else None
        look = layout(label or COSTS[name], "accuracy (%), ± standard deviation", _HEIGHT)
        look["xaxis"]["tickformat"] = "~s"
        figures[f"{name}/accuracy"] = {"traces": _traces(ablation, table, spots), "layout": look}
    return {"costs": {name: COSTS[name] for name in known}, "views": VIEWS, "figures": figures}


def _of_differences(ablation: Ablation, table: Table, cost: str) -> Iterator[Spot]:
    """Every arm beside what it is compared with, which is at zero."""
    costs = ablation.costs[cost]
    if set(ablation.references.values()) == {ablation.base}:
        yield Spot(ablation.base, _BASE, 0.0, 0.0, nan, nan)
    for row in table.verdicts:
        own, other = float(costs[row.arm]), float(costs[row.reference])
        more = 100 * (own / other - 1) if other else nan
        ends = (100 * row.low, 100 * row.high)
        yield Spot(row.arm, row.mark, more, 100 * row.difference, *ends)


def _of_accuracies(table: Table, cost: str) -> Iterator[Spot]:
    """Every arm by itself."""
    marks = {row.arm: row.mark for row in table.verdicts}
    for row in table.numbers["arms"].to_dict("records"):
        mean, sd = 100 * float(row["mean"]), 100 * float(row["sd"])
        mark = marks.get(row["arm"], _BASE)
        yield Spot(row["arm"], mark, float(row[cost]), mean, mean - sd, mean + sd)


def _traces(ablation: Ablation, table: Table, spots: Sequence[Spot]) -> list[dict[str, Any]]:
    """The arms by their marks, and the base."""
    texts = hover_texts(table)
    groups = {m: [s for s in spots if s.mark == m and s.known] for m in (*MARKS, _BASE)}
    traces = legend_of([mark for mark, group in groups.items() if group], ablation.settings.margin)
    return traces + [_group(mark, group, texts) for mark, group in groups.items() if group]


def _group(mark: str, spots: Sequence[Spot], texts: dict[str, str]) -> dict[str, Any]:
    if mark == _BASE:
        line = {"width": 1, "color": "@ink"}
        marker = {"symbol": "star", "size": 15, "color": "@star", "line": line}
        own: dict[str, Any] = {"marker": marker, "mode": "markers", "name": spots[0].arm}
        colour = "@faint"
    else:
        own, colour = {**MARKS[mark].trace(len(spots)), "showlegend": False}, MARKS[mark].colour
    return {
        "type": "scatter",
        "x": [spot.across for spot in spots],
        "y": [spot.upwards for spot in spots],
        "customdata": [spot.arm for spot in spots],
        "error_y": bars([(s.low, s.upwards, s.high) for s in spots], colour),
        "hovertext": [texts[spot.arm] for spot in spots],
        "hovertemplate": "%{hovertext}<extra></extra>",
        **own,
    }


def _about_zero(cost: str) -> dict[str, Any]:
    """Axes of what is more or less, with the lines of no difference."""
    look = layout(f"{cost}, % more or less", "difference in accuracy (points)", _HEIGHT)
    line = {"type": "line", "layer": "below", "line": {"color": "@faint", "width": 1}}
    look["shapes"] = [
        {**line, "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1},
        {**line, "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0},
    ]
    return look

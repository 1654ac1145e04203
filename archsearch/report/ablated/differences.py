"""Differences with their intervals, a row an arm: the table as a figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from archsearch.ablation.cells import paper_points, points
from archsearch.ablation.picture import seed_differences
from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import Table
from archsearch.notation import UNKNOWN
from archsearch.report.ablated.shown import (
    MARKS,
    bars,
    hover_texts,
    in_points,
    legend_of,
    told_first,
)
from archsearch.report.charts import Chart, layout, rows_of
from archsearch.significance.verdicts import Verdict

MOST_ROWS = 60
"""Arms in the figure; the table has all."""

KEY = "differences"

_ROW_PIXELS = 50
_BELOW = 0.3
"""How far below an arm's interval its seeds stand, in rows."""


def differences(ablation: Ablation, table: Table) -> Chart:
    """The arms' differences with intervals and marks, those of the seeds and the papers' own."""
    rows = told_first(table.verdicts.rows, MOST_ROWS)
    names = [row.arm for row in rows]
    margin = ablation.settings.margin
    texts = hover_texts(table)
    seeds, papers = _seeds(ablation, names), _papers(ablation, names)
    marked = [_marked(mark, rows, texts) for mark in MARKS if any(r.mark == mark for r in rows)]
    known = [trace for trace in (seeds, *marked, papers) if trace["x"]]
    legend = legend_of([row.mark for row in rows if isfinite(row.difference)], margin)
    look = layout(
        "difference in accuracy (percentage points)", "", 110 + _ROW_PIXELS * (len(rows) + 1)
    )
    look["yaxis"] |= rows_of(names)
    look["xaxis"]["range"] = _range(rows, known, margin)
    look["shapes"] = list(_shapes(margin))
    left = len(table.verdicts.rows) - len(rows)
    traces = [*legend, *known, *_unknown(rows, table)]
    return Chart(KEY, "Differences", _note(margin, bool(papers["x"]), left), traces, look)


def _note(margin: float | None, papers: bool, left: int) -> str:
    band = f" The band is what counts as none, ±{in_points(margin)}." if margin else ""
    paper = " A hollow diamond is a paper's difference, of other nets, images and budgets." * papers
    rest = f" {left} more arms, which say less, are in the table." if left else ""
    return (
        "Each arm less what it is compared with, with its interval; a mark stands where the "
        "corrected test says so. Small dots are the seeds, pair by pair, on which the tests rest."
        f"{band}{paper}{rest} Hover for the numbers; click an arm to see its net."
    )


def _marked(mark: str, rows: Sequence[Verdict], texts: Mapping[str, str]) -> dict[str, Any]:
    """The arms with a mark, each with its interval."""
    look = MARKS[mark]
    at = [(y, r) for y, r in enumerate(rows) if r.mark == mark and isfinite(r.difference)]
    return {
        "type": "scatter",
        "x": [100 * row.difference for _, row in at],
        "y": [y for y, _ in at],
        "customdata": [row.arm for _, row in at],
        "error_x": bars([_ends(row) for _, row in at], look.colour),
        "hovertext": [texts[row.arm] for _, row in at],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
        **look.trace(len(at)),
    }


def _ends(row: Verdict) -> tuple[float, float, float]:
    """Low end, difference and high end in points."""
    return 100 * row.low, 100 * row.difference, 100 * row.high


def _seeds(ablation: Ablation, names: Sequence[str]) -> dict[str, Any]:
    frame = seed_differences(ablation).dropna()
    found = [row for row in frame.to_dict("records") if row["arm"] in names]
    place = {name: y for y, name in enumerate(names)}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "one seed",
        "x": [100 * row["difference"] for row in found],
        "y": [place[row["arm"]] + _BELOW for row in found],
        "customdata": [row["arm"] for row in found],
        "marker": {"size": 6, "color": "@ink", "opacity": 0.45},
        "text": [f"seed {row['seed']}: {points(row['difference'])} points" for row in found],
        "hovertemplate": "%{customdata}, %{text}<extra></extra>",
    }


def _papers(ablation: Ablation, names: Sequence[str]) -> dict[str, Any]:
    stated = {arm.name: paper_points(arm.claim) for arm in ablation.arms}
    found = [(y, name, stated[name]) for y, name in enumerate(names) if stated[name] is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "a paper's",
        "x": [value for _, _, value in found],
        "y": [y for y, _, _ in found],
        "customdata": [name for _, name, _ in found],
        "marker": {"symbol": "diamond-open", "size": 12, "color": "@warn", "line": {"width": 2}},
        "text": [points((value or 0.0) / 100) for _, _, value in found],
        "hovertemplate": "%{customdata}<br>the paper: %{text} points<extra></extra>",
    }


def _unknown(rows: Sequence[Verdict], table: Table) -> Iterator[dict[str, Any]]:
    """Words in the rows of arms that have no pair."""
    at = [(y, row.arm) for y, row in enumerate(rows) if not isfinite(row.difference)]
    said = table.arms.set_index("arm")["accuracy (%)"]
    if at:
        yield {
            "type": "scatter",
            "mode": "text",
            "x": [0.0 for _ in at],
            "y": [y for y, _ in at],
            "customdata": [name for _, name in at],
            "text": [
                " no pair yet" if said[n] == UNKNOWN else f" no pair: {said[n]}" for _, n in at
            ],
            "textposition": "middle right",
            "textfont": {"color": "@bad", "size": 12},
            "hoverinfo": "skip",
            "showlegend": False,
        }


def _range(
    rows: Sequence[Verdict], traces: Sequence[Mapping[str, Any]], margin: float | None
) -> list[float]:
    """All that is drawn with a little room, zero and the margin's band included."""
    ends = [100 * end for row in rows for end in (row.low, row.high) if isfinite(end)]
    ends += [x for trace in traces for x in trace["x"]]
    widest = 100 * (margin or 0.0)
    low, high = min([*ends, -widest, 0.0]), max([*ends, widest, 0.0])
    room = 0.06 * (high - low or 1.0)
    return [low - room, high + room]


def _shapes(margin: float | None) -> Iterator[dict[str, Any]]:
    """The margin's band, and the line of no difference."""
    tall = {"yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    if margin:
        wide = 100 * margin
        band = {"type": "rect", "x0": -wide, "x1": wide, "fillcolor": "@band"}
        yield {**tall, **band, "line": {"width": 0}}
    yield {**tall, "type": "line", "x0": 0, "x1": 0, "line": {"color": "@faint", "width": 1}}

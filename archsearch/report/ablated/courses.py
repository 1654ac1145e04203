"""How the arms learned, and what the factors of a factorial design decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archsearch.ablation.table import Table
from archsearch.report.ablated.shown import told_first
from archsearch.report.charts import Chart, layout, rows_of, series
from archsearch.report.looks import SERIES_SYMBOLS
from archsearch.report.progress import mean_curve
from archsearch.trial import CurvePoint

MOST_CURVES = 14
"""Learning curves in one figure, the base's among them."""

MOST_TERMS = 30
"""Terms of a factorial design in one figure, the largest shares."""

_ROW_PIXELS = 34
_DASHES = ("solid", "dash")


def arm_curves(table: Table, curves: Mapping[str, Sequence[CurvePoint]]) -> Chart | None:
    """Validation accuracy over the epochs, a line an arm; None where no curve has two epochs."""
    verdicts = table.verdicts
    names = [verdicts.base, *(row.arm for row in told_first(verdicts.rows, MOST_CURVES - 1))]
    drawn = {arm for arm, curve in curves.items() if len({point.epoch for point in curve}) > 1}
    kept = [name for name in names if name in drawn]
    if not kept:
        return None
    left = len(drawn) - len(kept)
    note = "Mean over the seeds that reached the epoch." + (
        f" {left} more arms, which say less, are left out." if left else ""
    )
    look = layout("epoch", "validation accuracy (fraction)", 420)
    look["xaxis"]["rangemode"] = "tozero"
    traces = [_curve(name, place, curves[name]) for place, name in enumerate(kept)]
    return Chart("arm-curves", "Learning curves", note, traces, look)


def _curve(name: str, place: int, curve: Sequence[CurvePoint]) -> dict[str, Any]:
    epochs, accuracies = mean_curve(curve)
    look = series(place)
    dash = _DASHES[place // len(SERIES_SYMBOLS) % len(_DASHES)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": epochs,
        "y": accuracies,
        "customdata": [name for _ in epochs],
        "line": {"color": look["color"], "width": 2.6 if place == 0 else 1.6, "dash": dash},
        "marker": {"size": 6, **look},
        "hovertemplate": f"{name}<br>epoch %{{x:g}}: %{{y:.3f}}<extra></extra>",
    }


def shares(table: Table) -> Chart | None:
    """Shares of the variance by term of a factorial design; None for other designs."""
    if table.effects is None:
        return None
    frame = table.numbers["effects"].sort_values("share", ascending=False, kind="stable")
    rows = frame[frame["share"].notna()].head(MOST_TERMS).to_dict("records")
    if not rows:
        return None
    said: dict[Any, Any] = table.effects.set_index("term").to_dict("index")
    names = [str(row["term"]) for row in rows]
    look = layout("share of the variance inside the seeds (%)", "", 100 + _ROW_PIXELS * len(rows))
    look["yaxis"] |= rows_of(names)
    look["xaxis"]["rangemode"] = "tozero"
    look["barmode"] = "overlay"
    traces = [_bars(rows, said, shown=True), _bars(rows, said, shown=False), _noise(rows)]
    left = len(frame) - len(rows)
    note = (
        "A bar is the share of a factor or an interaction, full where the corrected test says that "
        "there is an effect; a tick is what noise alone would give it."
        + f" {left} smaller ones are in the table."
        * bool(left)
    )
    return Chart("shares", "What decides", note, [t for t in traces if t["x"]], look)


def _bars(
    rows: Sequence[Mapping[Any, Any]], said: Mapping[Any, Mapping[str, str]], *, shown: bool
) -> dict[str, Any]:
    at = [(y, row) for y, row in enumerate(rows) if bool(row["significant"]) == shown]
    line = {"color": "@accent", "width": 1.5}
    return {
        "type": "bar",
        "orientation": "h",
        "name": "◆ an effect" if shown else "nothing shown",
        "x": [100 * float(row["share"]) for _, row in at],
        "y": [y for y, _ in at],
        "width": 0.55,
        "marker": {"color": "@accent" if shown else "@card", "line": line},
        "text": [f"{row['term']}<br>{_told(said[row['term']])}" for _, row in at],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }


def _told(cells: Mapping[str, str]) -> str:
    """The term's numbers in the table's own words."""
    names = ("variance (%)", "by noise (%)", "effect (points)", "95 % interval", "p")
    return "<br>".join(f"{name} {cells[name]}" for name in names if cells.get(name))


def _noise(rows: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "by noise alone",
        "x": [100 * float(row["expected"]) for row in rows],
        "y": list(range(len(rows))),
        "marker": {"symbol": "line-ns", "size": 16, "line": {"color": "@ink", "width": 2}},
        "hovertemplate": "by noise alone: %{x:.1f} %<extra></extra>",
    }

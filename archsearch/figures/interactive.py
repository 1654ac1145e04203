"""The front of two measures for a notebook: pointing at a net says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from archsearch.colours import GRID, INK, look
from archsearch.figures.quantity import Quantity, is_wide
from archsearch.notation import quantity

if TYPE_CHECKING:
    from pandas import DataFrame

OFFLINE: Mapping[str, str] = MappingProxyType({"plotlyServerURL": ""})
"""For ``figure.show(config=OFFLINE)``: no button that sends the figure to a server."""

SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "o": "circle",
        "s": "square",
        "^": "triangle-up",
        "v": "triangle-down",
        "D": "diamond",
        "X": "x",
        "p": "pentagon",
        "h": "hexagon",
        "P": "cross",
        ">": "triangle-right",
    }
)
"""Plotly's markers by matplotlib's."""


def interactive_front(
    points: DataFrame, x: Quantity, y: Quantity, *, title: str | None = None
) -> go.Figure:
    """Draw trials and their front as a plotly figure, which shows a net where one points.

    Args:
        points: as ``plot_front`` takes them; a text in a column ``blocks``, if there is one, is
            shown with the net. Rows that lack a measure are not drawn.
        x: measure across.
        y: measure upwards.
        title: stands above the axes.

    Returns:
        A figure that needs no network. Families are traces, so that a click in the legend hides
        one.
    """
    points = points.dropna(subset=[x.name, y.name])
    front = points[points["on_front"].astype(bool)].sort_values([x.name, y.name])
    figure = go.Figure(_line(front, x, y))
    families = sorted(set(points["family"]))
    for family in families:
        rows = points[points["family"] == family]
        figure.add_trace(_trials(rows, family, look(family, families), x, y))
    axes = {"xaxis": _axis(x, points), "yaxis": _axis(y, points)}
    return figure.update_layout(**_LAYOUT, **axes, title=title)


def _line(front: DataFrame, x: Quantity, y: Quantity) -> go.Scatter:
    """The border of what the front dominates."""
    return go.Scatter(
        x=front[x.name],
        y=front[y.name],
        mode="lines",
        line={"color": INK, "width": 1.5, "shape": "vh" if x.maximize else "hv"},
        name="front",
        hoverinfo="skip",
    )


def _trials(
    rows: DataFrame, family: str, looks: tuple[str, str], x: Quantity, y: Quantity
) -> go.Scatter:
    """Trials of a family: those behind the front small and pale, stopped ones hollow."""
    colour, marker = looks
    symbol = SYMBOLS[marker]
    front, complete = rows["on_front"].astype(bool), rows["complete"].astype(bool)
    return go.Scatter(
        x=rows[x.name],
        y=rows[y.name],
        mode="markers",
        name=family,
        marker={
            "color": colour,
            "symbol": [symbol if whole else f"{symbol}-open" for whole in complete],
            "size": [13 if best else 8 for best in front],
            "opacity": [1.0 if best else 0.55 for best in front],
        },
        text=[_words(row, x, y) for row in rows.to_dict("records")],
        hovertemplate="%{text}<extra></extra>",
    )


def _words(row: Mapping[Any, Any], x: Quantity, y: Quantity) -> str:
    """What is shown of a net: its number, both measures, and its blocks, a line a stage."""
    stopped = "" if row["complete"] else ", stopped early"
    lines = [f"<b>trial {row['number']}</b>{stopped}"]
    for measure in (y, x):
        value = quantity(row[measure.name], measure.unit, row.get(f"{measure.name}_spread"))
        lines.append(f"{measure.name} {value}")
    stages = escape(row["blocks"]).split(" | ") if "blocks" in row else []
    return "<br>".join([*lines, *stages])


def _axis(measure: Quantity, points: DataFrame) -> dict[str, Any]:
    wide = is_wide(measure, points[measure.name].to_numpy(float))
    return {"title": measure.text, "type": "log" if wide else "linear", "gridcolor": GRID}


_LAYOUT: Mapping[str, Any] = MappingProxyType(
    {
        "template": "none",
        "width": 860,
        "height": 520,
        "hovermode": "closest",
        "font": {"color": INK},
        "hoverlabel": {"align": "left", "bgcolor": "white"},
        "legend": {"orientation": "h", "y": 1.08},
    }
)

"""The front of two measures for a notebook: pointing at a net says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from archsearch.figures.quantity import Quantity, is_wide
from archsearch.figures.style import GRID, INK, YELLOW, look
from archsearch.notation import UNKNOWN, quantity

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
    points: DataFrame,
    x: Quantity,
    y: Quantity,
    *,
    published: DataFrame | None = None,
    title: str | None = None,
) -> go.Figure:
    """Draw what ``plot_front`` draws as a plotly figure, which shows a net where one points.

    Args:
        points: as ``plot_front`` takes them; a column ``blocks`` (text), if there is one, stands
            in what is shown. Rows that lack a measure are not drawn.
        x: measure across.
        y: measure upwards.
        published: one row a net with columns ``net`` and both measures.
        title: stands above the axes.

    Returns:
        A figure that needs no network. Families are traces, so that a click in the legend hides
        one.
    """
    points = points.dropna(subset=[x.name, y.name])
    stars = points.iloc[:0] if published is None else published.dropna(subset=[x.name, y.name])
    front = points[points["on_front"].astype(bool)].sort_values([x.name, y.name])
    figure = go.Figure()
    figure.add_trace(_line(front, x, y))
    families = sorted(set(points["family"]))
    for family in families:
        rows = points[points["family"] == family]
        figure.add_trace(_trials(rows, family, look(family, families), x, y))
    if len(stars):
        figure.add_trace(_stars(stars, x, y))
    figure.update_layout(**_layout(title))
    for axis, measure in (("xaxis", x), ("yaxis", y)):
        seen = [*points[measure.name], *stars[measure.name]]
        kind = "log" if is_wide(measure, points[measure.name].to_numpy(float)) else "linear"
        figure.update_layout({axis: {"title": measure.text, "type": kind, "gridcolor": GRID}})
        assert seen or not len(points)
    return figure


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


def _stars(stars: DataFrame, x: Quantity, y: Quantity) -> go.Scatter:
    return go.Scatter(
        x=stars[x.name],
        y=stars[y.name],
        mode="markers",
        name="published net",
        marker={
            "color": YELLOW,
            "symbol": "star",
            "size": 16,
            "line": {"color": INK, "width": 1},
        },
        text=[_words(row, x, y) for row in stars.to_dict("records")],
        hovertemplate="%{text}<extra></extra>",
    )


def _words(row: Mapping[Any, Any], x: Quantity, y: Quantity) -> str:
    """What is shown of a net: its name, both measures, and its blocks, a line a stage."""
    name = row["net"] if "net" in row else f"trial {row['number']}"
    lines = [f"<b>{escape(str(name))}</b>" + (", stopped" if row.get("complete") is False else "")]
    for measure in (y, x):
        value = quantity(row[measure.name], measure.unit, row.get(f"{measure.name}_spread"))
        unit = "" if measure.unit == "fraction" else f" {measure.unit}"
        lines.append(f"{measure.name} {value}{unit if value != UNKNOWN else ''}")
    if blocks := row.get("blocks"):
        lines += [escape(stage) for stage in str(blocks).split(" | ")]
    return "<br>".join(lines)


def _layout(title: str | None) -> dict[str, Any]:
    return {
        "title": title,
        "template": "none",
        "width": 860,
        "height": 520,
        "hovermode": "closest",
        "font": {"color": INK},
        "hoverlabel": {"align": "left", "bgcolor": "white"},
        "legend": {"orientation": "h", "y": 1.08},
    }

"""A figure of the page that offers no choice: traces and a layout as plotly reads them.

Colours are tokens of ``looks.palette`` behind an ``@``, so that the page paints them light or dark;
``@ink``, ``@faint`` and ``@card`` are the page's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from archsearch.report.looks import SERIES_SYMBOLS

_HEIGHT = 340


class Chart(NamedTuple):
    """A figure: its place in the page, what it shows in words, traces and layout."""

    key: str
    title: str
    note: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]

    def to_data(self) -> dict[str, Any]:
        """What the page's scripts read."""
        return {"key": self.key, "traces": self.traces, "layout": self.layout}


def layout(across: str, upwards: str, height: int = _HEIGHT) -> dict[str, Any]:
    """Titles of the axes and the height in pixels."""
    return {
        "height": height,
        "xaxis": {"title": {"text": across}},
        "yaxis": {"title": {"text": upwards}},
        "hovermode": "closest",
    }


def rows_of(names: Sequence[str]) -> dict[str, Any]:
    """An axis upwards with a name a row, from above."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - 0.5, -0.5],
        "tickfont": {"size": 11},
    }


def series(place: int) -> dict[str, Any]:
    """Colour and marker of the group with this place, the same in every figure."""
    place %= len(SERIES_SYMBOLS)
    return {"color": f"@series:{place}", "symbol": SERIES_SYMBOLS[place]}

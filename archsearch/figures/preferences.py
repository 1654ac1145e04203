"""Which choices a front prefers: how often it takes each, beside how often the space offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.colours import BLUE, FAINT, GREY, INK, VERMILION
from archsearch.figures.style import NOTE_PT, dress, figure_of, head, new_axes

if TYPE_CHECKING:
    from pandas import DataFrame

_ROW_INCHES = 0.21
_GAP = 0.7
_LEVEL = 0.05
_LOOKS = (
    ("more often than the space", VERMILION, "^"),
    ("less often", BLUE, "v"),
    ("not told apart", GREY, "o"),
)


def plot_preferences(
    frame: DataFrame, *, most: int = 8, title: str | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the share of a front's nets that chose a value, beside the share of the space.

    A share that is told apart from the space's is drawn in colour: its interval does not hold the
    other, and ``p``, where it is known, is at most 5 %.

    Args:
        frame: one row a leaf and value with columns ``leaf``, ``value``, ``share`` (on the front,
            from 0 to 1) with its interval ``low`` and ``high``, and ``prior``, the space's share;
            as ``preferences`` gives it, the most surprising first.
        most: leaves to draw, in the order in which the frame meets them.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    rows = _ordered(frame, most)
    height = float(rows["place"].max()) + 1 if len(rows) else 3.0
    ax = ax or new_axes((7.0, 1.3 + _ROW_INCHES * height))
    sure = rows["p"] <= _LEVEL if "p" in rows else np.ones(len(rows), dtype=bool)
    above, below = rows["low"] > rows["prior"], rows["high"] < rows["prior"]
    differs = np.select([above & sure, below & sure], [0, 1], 2)
    for index, (label, colour, marker) in enumerate(_LOOKS):
        _dots(ax, rows[differs == index], label, colour, marker)
    prior: dict[str, Any] = {"marker": "|", "s": 90, "c": INK, "lw": 1.4, "zorder": 4}
    ax.scatter(rows["prior"], rows["place"], label="the space", **prior)
    _frame(ax, rows, height)
    head(ax, title)
    return figure_of(ax)


def _ordered(frame: DataFrame, most: int) -> DataFrame:
    """The rows that are drawn, by leaf and value, with their places from the top."""
    leaves = list(dict.fromkeys(frame["leaf"]))[:most]
    shown = frame[frame["leaf"].isin(leaves)]
    keys = [
        (leaves.index(leaf), *_key(value))
        for leaf, value in zip(shown["leaf"], shown["value"], strict=True)
    ]
    order = sorted(range(len(shown)), key=keys.__getitem__)
    rows = shown.iloc[order].reset_index(drop=True)
    ranks = np.array([leaves.index(leaf) for leaf in rows["leaf"]], dtype=float)
    return rows.assign(place=rows.index + _GAP * (2 * ranks + 1))


def _key(value: object) -> tuple[int, float, str]:
    """Numbers, also those that are written as text, by their size before words."""
    try:
        return 0, float(str(value)), ""
    except ValueError:
        return 1, 0.0, str(value)


def _dots(ax: Axes, rows: DataFrame, label: str, colour: str, marker: str) -> None:
    line: dict[str, Any] = {"color": colour, "lw": 1.4, "alpha": 0.75, "zorder": 2}
    ax.hlines(rows["place"], rows["low"], rows["high"], **line)
    dot: dict[str, Any] = {"c": colour, "marker": marker, "s": 34, "ec": "white", "lw": 0.6}
    if len(rows):
        ax.scatter(rows["share"], rows["place"], label=label, zorder=3, **dot)


def _frame(ax: Axes, rows: DataFrame, height: float) -> None:
    """Values at the axis, the names of their leaves above them."""
    dress(ax, grid="x", tick_pt=8)
    ax.set_yticks(rows["place"], [str(value) for value in rows["value"]])
    ax.set(xlim=(-0.02, 1.02), ylim=(height - 0.3, -0.5), xlabel="share of the nets")
    for leaf, group in rows.groupby("leaf"):
        top = float(group["place"].min())
        ax.text(0, top - 0.95, str(leaf), va="center", fontsize=NOTE_PT, color=INK, weight="bold")
        ax.axhline(top - 1.25, color=FAINT, lw=0.4, alpha=0.5)

"""How much each leaf matters for each objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.colours import FAINT, INK
from archsearch.figures.style import dress, figure_of, head, new_axes, series

if TYPE_CHECKING:
    from pandas import DataFrame

_ROW_INCHES = 0.30
_ROOM = 0.62
"""Part of a row over which its objectives are spread."""


def plot_importance(
    frame: DataFrame,
    *,
    most: int = 15,
    label: str = "importance",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw importances with their intervals, a row a leaf, the most important first.

    Args:
        frame: one row a leaf and objective with columns ``leaf``, ``objective``, ``importance``,
            ``low`` and ``high``, by one method; where it has a column ``chance``, what a leaf that
            matters nothing would reach, that is marked.
        most: leaves to draw, by the largest importance for any objective.
        label: what stands at the axis, such as "share of the variance (fANOVA)".
        title: stands above the axes.
        ax: where to draw; None makes a figure.

    Raises:
        ValueError: a leaf stands twice for one objective, as with several methods.
    """
    if frame.duplicated(["leaf", "objective"]).any():
        raise ValueError("a leaf stands twice for one objective; give the rows of one method")
    order = frame.groupby("leaf", sort=False)["importance"].max()
    leaves = list(order.sort_values(ascending=False, kind="stable").index[:most])
    ax = ax or new_axes((7.0, 1.3 + _ROW_INCHES * max(len(leaves), 3)))
    objectives = list(dict.fromkeys(frame["objective"]))
    shown = frame[frame["leaf"].isin(leaves)]
    for index, objective in enumerate(objectives):
        colour, marker, _ = series(index)
        rows = shown[shown["objective"] == objective]
        shift = _ROOM * ((index + 0.5) / len(objectives) - 0.5)
        places = np.array([leaves.index(leaf) + shift for leaf in rows["leaf"]])
        ax.hlines(places, rows["low"], rows["high"], color=colour, lw=1.4, alpha=0.75, zorder=2)
        dot: dict[str, Any] = {
            "c": colour,
            "marker": marker,
            "s": 30,
            "ec": "white",
            "lw": 0.6,
            "zorder": 3,
        }
        ax.scatter(rows["importance"], places, label=objective, **dot)
        if "chance" in rows:
            ax.scatter(rows["chance"], places, marker="|", s=50, c=INK, lw=0.9, zorder=2.5)
    if "chance" in shown and len(shown):
        ax.scatter([], [], marker="|", s=50, c=INK, lw=0.9, label="by chance")
    ax.axvline(0, color=FAINT, lw=0.8, zorder=1)
    ax.set_yticks(np.arange(len(leaves)), leaves)
    ax.set(ylim=(max(len(leaves), 1) - 0.5, -0.5), xlabel=label)
    dress(ax, grid="x", tick_pt=8)
    head(ax, title)
    return figure_of(ax)

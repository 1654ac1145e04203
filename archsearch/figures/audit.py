"""The figure of an audit: what orders nets how well, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, StrMethodFormatter

from archsearch.colours import BLACK, BLUE, FAINT, GREEN, INK, ORANGE, PURPLE
from archsearch.figures.style import dress, figure_of, head, new_axes

if TYPE_CHECKING:
    from pandas import DataFrame

_LOOKS: dict[str, tuple[str, str, str]] = {
    "cost": (BLACK, "s", "cost, the baseline"),
    "proxy": (BLUE, "o", "proxy"),
    "ensemble": (PURPLE, "D", "several proxies"),
    "budget": (ORANGE, "^", "short training"),
    "predictor": (GREEN, "P", "predictor"),
}
_ROW_INCHES = 0.21


def plot_audit(
    rows: DataFrame,
    *,
    ceiling: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw Spearman's correlation with its interval, a row for each that was judged.

    Args:
        rows: best first, with columns ``name``, ``kind`` (cost, proxy, ensemble, budget or
            predictor), ``spearman``, ``low``, ``high`` and ``partial``, the correlation at fixed
            params and MACs; NaN or None where undefined. Rows without a correlation are left out.
        ceiling: highest correlation that noise lets one expect, a line.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    rows = rows.astype(dict.fromkeys(("spearman", "low", "high", "partial"), float))
    rows = rows.dropna(subset=["spearman"]).reset_index(drop=True)
    size = (7.6, 1.3 + _ROW_INCHES * max(len(rows), 4))
    ax = ax or new_axes(size)
    for kind, (colour, marker, label) in _LOOKS.items():
        _dots(ax, rows[rows["kind"] == kind], colour, marker, label)
    hollow: dict[str, Any] = {"fc": "white", "ec": FAINT, "lw": 0.9, "marker": "o", "s": 16}
    fixed = rows.dropna(subset=["partial"])
    ax.scatter(fixed["partial"], fixed.index, label="at fixed costs", zorder=2, **hollow)
    if ceiling is not None:
        ax.axvline(ceiling, color=INK, lw=0.9, ls=(0, (4, 3)), label="noise ceiling", zorder=1)
    _frame(ax, rows, title)
    return figure_of(ax)


def _dots(ax: Axes, rows: DataFrame, colour: str, marker: str, label: str) -> None:
    if rows.empty:
        return
    places = rows.index.to_numpy()
    ax.hlines(places, rows["low"], rows["high"], color=colour, lw=1.4, alpha=0.75, zorder=3)
    dot: dict[str, Any] = {"c": colour, "marker": marker, "s": 36, "ec": "white", "lw": 0.6}
    ax.scatter(rows["spearman"], places, label=label, zorder=4, **dot)


def _frame(ax: Axes, rows: DataFrame, title: str | None) -> None:
    ax.set_yticks(np.arange(len(rows)), list(rows["name"]), fontsize=8)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ends = rows[["low", "high", "partial"]].to_numpy(dtype=float)
    low = min(0.0, float(np.nanmin(ends))) if len(rows) else 0.0
    ax.set_xlim(low - 0.03, 1.02)
    ax.xaxis.set_major_locator(MultipleLocator(0.2))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.1f}"))
    ax.axvline(0, color=FAINT, lw=0.8, zorder=0)
    ax.set_xlabel(
        "Spearman's correlation with the accuracy of the long training", fontsize=9, color=INK
    )
    dress(ax, tick_pt=8)
    ax.spines["left"].set_visible(False)
    ax.tick_params(left=False)
    head(ax, title, columns=4)

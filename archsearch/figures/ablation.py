"""What each arm of an ablation changes, and how surely that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.colours import BLUE, FAINT, SHADE, VERMILION
from archsearch.figures.style import dress, figure_of, head, new_axes

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_ROW_INCHES = 0.42
_BELOW = 0.24
"""How far below an arm's interval its seeds stand, in rows."""


def plot_ablation(
    frame: DataFrame,
    *,
    seeds: DataFrame | None = None,
    margin: float | None = None,
    label: str = "difference in accuracy (percentage points)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the arms' differences with their intervals, a row an arm, in the order of the frame.

    Args:
        frame: one row an arm with columns ``arm``, ``difference``, ``low``, ``high`` (fractions;
            rows without a difference, as the base's, are left out) and ``significant``: full
            symbols are what the corrected test shows, hollow ones what it does not.
        seeds: the difference of every seed, with columns ``arm`` and ``difference``, as small dots.
        margin: differences smaller than this (a fraction) count as none; drawn as a band.
        label: what stands at the axis.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    arms = frame[frame["difference"].notna()].reset_index(drop=True)
    ax = ax or new_axes((7.0, 1.5 + _ROW_INCHES * max(len(arms), 2)))
    if margin is not None:
        ax.axvspan(-100 * margin, 100 * margin, color=SHADE, zorder=0, label="counts as none")
    ax.axvline(0, color=FAINT, lw=0.8, zorder=1)
    shown = arms["significant"].astype(bool)
    _draw(ax, arms[shown], BLUE, "shown by the corrected test")
    _draw(ax, arms[~shown], "white", "not shown")
    if seeds is not None:
        _draw_seeds(ax, list(arms["arm"]), seeds)
    ax.set_yticks(np.arange(len(arms)), list(arms["arm"]))
    ax.set(ylim=(max(len(arms), 1) - 0.5, -0.5), xlabel=label)
    dress(ax, grid="x")
    head(ax, title)
    return figure_of(ax)


def _draw(ax: Axes, arms: DataFrame, fill: str, label: str) -> None:
    if arms.empty:
        return
    places = np.asarray(arms.index, dtype=float)
    ax.hlines(places, _points(arms["low"]), _points(arms["high"]), color=BLUE, lw=1.6, zorder=2)
    dot: dict[str, Any] = {"s": 42, "ec": BLUE, "lw": 1.4, "zorder": 3, "label": label}
    ax.scatter(_points(arms["difference"]), places, c=fill, marker="o", **dot)


def _draw_seeds(ax: Axes, arms: list[str], seeds: DataFrame) -> None:
    known = seeds[seeds["difference"].notna() & seeds["arm"].isin(arms)]
    places = [arms.index(arm) + _BELOW for arm in known["arm"]]
    dot: dict[str, Any] = {"s": 11, "lw": 0, "alpha": 0.65, "zorder": 2, "label": "one seed"}
    ax.scatter(_points(known["difference"]), places, c=VERMILION, marker="o", **dot)


def _points(fractions: Series[float]) -> Series[float]:
    return 100 * fractions

"""Figures of data frames. They use no pyplot, so they need no display and leave no state behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from archsearch.measures import MEASURES, Direction
from archsearch.notation import tick

if TYPE_CHECKING:
    from pandas import DataFrame

_INK = "#333333"
_HALO = [withStroke(linewidth=2.0, foreground="white")]

# Okabe and Ito's colours, which readers with any colour vision tell apart; the markers differ too.
_LOOKS: dict[str, tuple[str, str]] = {
    "pacc": ("#D55E00", "o"),
    "gnconv": ("#0072B2", "s"),
    "sdta": ("#009E73", "^"),
    "cmt": ("#CC79A7", "D"),
    "mobilevit": ("#56B4E9", "v"),
    "convolutions only": ("#7F7F7F", "X"),
}
_OTHER_LOOKS = (("#E69F00", "p"), ("#000000", "h"), ("#F0E442", "P"), ("#56B4E9", ">"))

_LABELS = {
    "params": "parameters",
    "macs": "MACs of one image (multiply-accumulates)",
    "val_accuracy": "validation accuracy after short training (fraction)",
    "latency_ms": "latency of one image (ms)",
    "train_s": "training time (s)",
}
_WIDE = 5
"""A count or a time whose largest value is more than this many times the smallest: log axis."""

_MOST_NUMBERS = 16
"""Longer fronts are drawn without the trials' numbers, which would hide the points."""


def plot_front(
    points: DataFrame,
    x: str,
    y: str,
    *,
    better: Mapping[str, Direction] | None = None,
    published: DataFrame | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw two measures of all trials, their front, and the published nets beside it.

    Args:
        points: one row a trial with columns ``number``, ``family``, ``on_front`` (bool), both
            measures, and ``MEASURE_spread`` where there is one. Rows that lack a measure are not
            drawn.
        x: name of the measure across.
        y: name of the measure upwards.
        better: the direction of a measure where it is not that of ``MEASURES``.
        published: one row a net with columns ``net``, both measures and their spreads.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or Figure(figsize=(8.0, 5.2), dpi=150, layout="constrained").add_subplot()
    directions = {name: (better or {}).get(name, MEASURES[name].direction) for name in (x, y)}
    points = points.dropna(subset=[x, y])
    stars = points.iloc[:0] if published is None else published.dropna(subset=[x, y])
    _trials(ax, points, x, y)
    _front(ax, points[points["on_front"].astype(bool)], x, y, directions)
    _scale(ax, "x", x, np.concatenate([points[x], stars[x]]))
    _scale(ax, "y", y, np.concatenate([points[y], stars[y]]))
    _stars(ax, stars, x, y)
    _dress(ax, title)
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 (axes to draw in are always in a figure)
    return figure


def look(family: str, families: Sequence[str]) -> tuple[str, str]:
    """Colour and marker of a block family; ``families`` are all that the figure shows."""
    if family in _LOOKS:
        return _LOOKS[family]
    new = sorted(name for name in set(families) if name not in _LOOKS)
    return _OTHER_LOOKS[new.index(family) % len(_OTHER_LOOKS)]


def _trials(ax: Axes, points: DataFrame, x: str, y: str) -> None:
    """Every trial in the look of its family, those behind the front small and pale."""
    families = sorted(set(points["family"]))
    for family in families:
        colour, marker = look(family, families)
        rows = points[points["family"] == family]
        on_front = rows["on_front"].astype(bool)
        behind, front = rows[~on_front], rows[on_front]
        _bars(ax, behind, x, y, colour=colour, alpha=0.3)
        ax.scatter(behind[x], behind[y], s=28, c=colour, marker=marker, alpha=0.55, lw=0, zorder=2)
        _bars(ax, front, x, y, colour=colour, alpha=1.0)
        big: dict[str, Any] = {
            "s": 72,
            "c": colour,
            "marker": marker,
            "ec": "white",
            "lw": 0.9,
            "zorder": 5,
        }
        ax.scatter(front[x], front[y], **big)
        ax.scatter([], [], label=family, **big)


def _front(ax: Axes, front: DataFrame, x: str, y: str, directions: Mapping[str, Direction]) -> None:
    """Join the front by the border of what it dominates, and number its trials outside of it."""
    if front.empty:
        return
    front = front.sort_values([x, y])
    left, up = directions[x] == "minimize", directions[y] == "maximize"
    where: Literal["pre", "post"] = "post" if left else "pre"
    ax.step(front[x], front[y], where=where, color=_INK, lw=1.3, alpha=0.8, zorder=4, label="front")
    if len(front) > _MOST_NUMBERS:
        return
    for number, across, upward in zip(front["number"], front[x], front[y], strict=True):
        ax.annotate(
            f"{number}",
            (across, upward),
            xytext=(-6 if left else 6, 6 if up else -6),
            textcoords="offset points",
            ha="right" if left else "left",
            va="bottom" if up else "top",
            fontsize=7.5,
            color=_INK,
            path_effects=_HALO,
            zorder=7,
        )


def _stars(ax: Axes, stars: DataFrame, x: str, y: str) -> None:
    """Published nets, each with its name on the side where there is room."""
    if stars.empty:
        return
    _bars(ax, stars, x, y, colour=_INK, alpha=1.0)
    star: dict[str, Any] = {
        "s": 190,
        "c": "#F0E442",
        "marker": "*",
        "ec": _INK,
        "lw": 0.9,
        "zorder": 6,
    }
    ax.scatter(stars[x], stars[y], label="published net", **star)
    ax.autoscale_view()
    to_axes = ax.transData + ax.transAxes.inverted()
    for net, across, upward in zip(stars["net"], stars[x], stars[y], strict=True):
        left = to_axes.transform((across, upward))[0] > 0.6
        ax.annotate(
            net,
            (across, upward),
            xytext=(-9 if left else 9, -5),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=8.5,
            fontweight="bold",
            color=_INK,
            path_effects=_HALO,
            zorder=7,
        )


def _bars(ax: Axes, rows: DataFrame, x: str, y: str, *, colour: str, alpha: float) -> None:
    """Error bars of whatever has a known spread."""
    spreads: dict[str, Any] = {
        f"{way}err": rows[f"{name}_spread"]
        for way, name in (("x", x), ("y", y))
        if f"{name}_spread" in rows and rows[f"{name}_spread"].notna().any()
    }
    if spreads:
        line: dict[str, Any] = {
            "ecolor": colour,
            "alpha": alpha,
            "elinewidth": 0.9,
            "capsize": 2,
            "zorder": 1.5,
        }
        ax.errorbar(rows[x], rows[y], fmt="none", **spreads, **line)


def _scale(ax: Axes, way: Literal["x", "y"], measure: str, values: Any) -> None:
    """Label, ticks, and a log axis for counts and times that span enough."""
    label = _LABELS.get(measure, f"{measure} ({MEASURES[measure].unit})")
    ax.set(**{f"{way}label": label})
    axis = ax.xaxis if way == "x" else ax.yaxis
    counted = MEASURES[measure].stage in ("screen", "latency")
    if counted and len(values) and 0 < _WIDE * min(values) < max(values):
        ax.set(**{f"{way}scale": "log"})
        axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(nbins=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _dress(ax: Axes, title: str | None) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#8A8A8A")
    ax.tick_params(colors=_INK, labelsize=9)
    ax.grid(color="#E9E9E9", lw=0.8)
    ax.set_axisbelow(True)
    handles, labels = ax.get_legend_handles_labels()
    if title is not None:
        ax.set_title(title, loc="left", fontsize=11, color=_INK, pad=24 if handles else 6)
    if handles:  # above the axes, where it hides no point
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (-0.01, 1.0),
            "ncols": len(handles),
        }
        text: dict[str, Any] = {"fontsize": 8.5, "labelcolor": _INK, "frameon": False}
        ax.legend(handles, labels, handletextpad=0.3, columnspacing=1.2, **place, **text)

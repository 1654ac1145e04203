"""Figures of data frames. They use no pyplot, so they need no display and leave no state behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from archsearch.notation import tick

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]

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
_NAME_SIZE = 8.5
_CORNERS = ((1, -1), (-1, -1), (1, 1), (-1, 1))

_COUNTED = ("parameters", "multiply-accumulates", "ms")
_WIDE = 5
"""A count or a time whose largest value is more than this many times the smallest: log axis."""

_MOST_NUMBERS = 16
"""Longer fronts are drawn without the trials' numbers, which would hide the points."""


@dataclass(frozen=True)
class Quantity:
    """A measure as a figure shows it: its column, its unit, and which way is better.

    ``label`` stands at its axis; None takes the measure's own.
    """

    name: str
    unit: str
    maximize: bool
    label: str | None = None


def plot_front(
    points: DataFrame,
    x: Quantity,
    y: Quantity,
    *,
    published: DataFrame | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw two measures of all trials, their front, and the published nets beside it.

    Args:
        points: one row a trial with columns ``number``, ``family``, ``complete`` (bool; the others
            are drawn hollow), ``on_front`` (bool), both measures, and ``MEASURE_spread`` where
            there is one. Rows that lack a measure are not drawn.
        x: measure across.
        y: measure upwards.
        published: one row a net with columns ``net``, both measures and their spreads.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or Figure(figsize=(8.0, 5.2), dpi=150, layout="constrained").add_subplot()
    points = points.dropna(subset=[x.name, y.name])
    stars = points.iloc[:0] if published is None else published.dropna(subset=[x.name, y.name])
    _trials(ax, points, x.name, y.name)
    front = points[points["on_front"].astype(bool)].sort_values([x.name, y.name])
    _front(ax, front, stars, x, y)
    for way, measure in (("x", x), ("y", y)):
        _scale(ax, way, measure, np.concatenate([points[measure.name], stars[measure.name]]))
    _stars(ax, stars, x.name, y.name)
    ax.autoscale_view()
    seen = np.vstack([points[[x.name, y.name]], stars[[x.name, y.name]]])
    _name(ax, stars, np.vstack([_in_points(ax, seen), _border(ax, front, x, y)]), x.name, y.name)
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
        complete, on_front = rows["complete"].astype(bool), rows["on_front"].astype(bool)
        stopped, behind, front = rows[~complete], rows[complete & ~on_front], rows[on_front]
        pale: dict[str, Any] = {"s": 28, "marker": marker, "alpha": 0.55, "zorder": 2}
        ax.scatter(stopped[x], stopped[y], fc="none", ec=colour, lw=0.9, **pale)
        ax.scatter(behind[x], behind[y], c=colour, lw=0, **pale)
        big: dict[str, Any] = {"s": 72, "c": colour, "marker": marker, "ec": "white", "zorder": 5}
        ax.scatter(front[x], front[y], **big)
        ax.scatter([], [], label=family, **big)
        _bars(ax, behind, x, y, colour=colour, alpha=0.3)
        _bars(ax, front, x, y, colour=colour, alpha=1.0)
    if not points["complete"].all():
        ax.scatter([], [], s=28, fc="none", ec=_INK, lw=0.9, label="stopped early")


def _front(ax: Axes, front: DataFrame, stars: DataFrame, x: Quantity, y: Quantity) -> None:
    """Join the front by the border of what it dominates, and number its trials outside of it.

    Published nets get their names instead.
    """
    if front.empty:
        return
    where: Literal["pre", "post"] = "pre" if x.maximize else "post"
    line: dict[str, Any] = {"color": _INK, "lw": 1.3, "alpha": 0.8, "zorder": 4}
    ax.step(front[x.name], front[y.name], where=where, label="front", **line)
    if len(front) > _MOST_NUMBERS:
        return
    named = set(zip(stars[x.name], stars[y.name], strict=True))
    for number, across, upward in zip(front["number"], front[x.name], front[y.name], strict=True):
        if (across, upward) in named:
            continue
        ax.annotate(
            f"{number}",
            (across, upward),
            xytext=(6 if x.maximize else -6, 6 if y.maximize else -6),
            textcoords="offset points",
            ha="left" if x.maximize else "right",
            va="bottom" if y.maximize else "top",
            fontsize=7.5,
            color=_INK,
            path_effects=_HALO,
            zorder=7,
        )


def _border(ax: Axes, front: DataFrame, x: Quantity, y: Quantity) -> Floats:
    """Places along the line that joins the front, in typographic points."""
    at = _in_points(ax, front[[x.name, y.name]].to_numpy(float))
    before, behind = at[:-1], at[1:]
    across, upward = (before, behind) if x.maximize else (behind, before)
    corners = np.column_stack([across[:, 0], upward[:, 1]])
    path = np.insert(at, np.arange(1, len(at)), corners, axis=0)
    steps = [np.linspace(begin, end, 64) for begin, end in pairwise(path)]
    return np.vstack([at, *steps])


def _stars(ax: Axes, stars: DataFrame, x: str, y: str) -> None:
    """Published nets."""
    if stars.empty:
        return
    _bars(ax, stars, x, y, colour=_INK, alpha=1.0)
    star: dict[str, Any] = {"s": 190, "c": "#F0E442", "marker": "*", "ec": _INK, "zorder": 6}
    ax.scatter(stars[x], stars[y], label="published net", lw=0.9, **star)


def _name(ax: Axes, stars: DataFrame, taken: Floats, x: str, y: str) -> None:
    """Name each published net at the corner where most room is left by what is ``taken``."""
    places = _in_points(ax, stars[[x, y]].to_numpy(float))
    rows = zip(stars["net"], stars[x], stars[y], places, strict=True)
    for net, across, upward, place in rows:
        right, up, label = _roomiest(place, str(net), taken, _in_points(ax, None))
        taken = np.vstack([taken, label])
        ax.annotate(
            net,
            (across, upward),
            xytext=(9 * right, 5 * up),
            textcoords="offset points",
            ha="left" if right > 0 else "right",
            va="bottom" if up > 0 else "top",
            fontsize=_NAME_SIZE,
            fontweight="bold",
            color=_INK,
            path_effects=_HALO,
            zorder=1.8,  # under the trials, which a name must not hide
        )


def _roomiest(place: Floats, name: str, taken: Floats, frame: Floats) -> tuple[int, int, Floats]:
    """Corner of a star at which a name hides least, and cells that the name then takes.

    All in typographic points; ``frame`` holds the lower left and upper right of the axes.
    """

    def cells(right: int, up: int) -> Floats:
        along = np.linspace(9, 9 + 0.65 * _NAME_SIZE * len(name), 2 * len(name))
        return np.array([(right * a, up * b) for a in along for b in (5, 10, 15)]) + place

    def hidden(right: int, up: int) -> int:
        covered = cells(right, up)
        gaps = np.abs(covered[:, None] - taken[None]).max(axis=2).min(axis=0)
        outside = (covered < frame[0]).any() or (covered > frame[1]).any()
        return int((gaps < 5).sum()) + 1000 * bool(outside)

    best = min(_CORNERS, key=lambda corner: hidden(*corner))
    return *best, cells(*best)


def _in_points(ax: Axes, data: Floats | None) -> Floats:
    """Places of data in typographic points; without data the corners of the axes."""
    root = ax.get_figure(root=True)
    dpi = root.dpi if root is not None else 72.0
    pixels = (
        ax.transAxes.transform([(0, 0), (1, 1)]) if data is None else ax.transData.transform(data)
    )
    return np.asarray(pixels, dtype=float) * 72 / dpi


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


def _scale(ax: Axes, way: str, measure: Quantity, values: Floats) -> None:
    """Label, ticks, and a log axis for counts and times that span enough."""
    usual = _LABELS.get(measure.name, f"{measure.name} ({measure.unit})")
    ax.set(**{f"{way}label": measure.label or usual})
    axis = ax.xaxis if way == "x" else ax.yaxis
    if measure.unit in _COUNTED and len(values) and 0 < _WIDE * min(values) < max(values):
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

"""The front of two measures, with all trials behind it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archsearch.colours import INK, SHADE, YELLOW, look
from archsearch.figures.labels import in_points, name_points
from archsearch.figures.quantity import Quantity, scale
from archsearch.figures.staircase import dominated, staircase
from archsearch.figures.style import HALO, dress, figure_of, head, new_axes
from archsearch.notation import tick

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]


_MOST_NUMBERS = 16
"""Longer fronts are drawn without the trials' numbers, which would hide the points."""


def plot_front(
    points: DataFrame,
    x: Quantity,
    y: Quantity,
    *,
    published: DataFrame | None = None,
    reference: tuple[float, float] | None = None,
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
        reference: point of both measures up to which the area that the front dominates is shaded,
            as hypervolumes are counted.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes()
    points = points.dropna(subset=[x.name, y.name])
    stars = points.iloc[:0] if published is None else published.dropna(subset=[x.name, y.name])
    _trials(ax, points, x.name, y.name)
    front = points[points["on_front"].astype(bool)].sort_values([x.name, y.name])
    _front(ax, front, stars, x, y)
    _shade(ax, front, reference, x, y)
    scale(ax, "x", x, np.concatenate([points[x.name], stars[x.name]]))
    scale(ax, "y", y, np.concatenate([points[y.name], stars[y.name]]))
    _stars(ax, stars, x.name, y.name)
    ax.autoscale_view()
    seen = np.vstack([points[[x.name, y.name]], stars[[x.name, y.name]]])
    _names(ax, stars, np.vstack([in_points(ax, seen), _border(ax, front, x, y)]), x.name, y.name)
    dress(ax)
    head(ax, title)
    return figure_of(ax)


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
        ax.scatter([], [], s=28, fc="none", ec=INK, lw=0.9, label="stopped early")


def _front(ax: Axes, front: DataFrame, stars: DataFrame, x: Quantity, y: Quantity) -> None:
    """Join the front by the border of what it dominates, and number its trials outside of it.

    Published nets get their names instead.
    """
    if front.empty:
        return
    where: Literal["pre", "post"] = "pre" if x.maximize else "post"
    line: dict[str, Any] = {"color": INK, "lw": 1.3, "alpha": 0.8, "zorder": 4}
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
            color=INK,
            path_effects=HALO,
            zorder=7,
        )


def _shade(
    ax: Axes, front: DataFrame, reference: tuple[float, float] | None, x: Quantity, y: Quantity
) -> None:
    """The area that counts in the hypervolume."""
    if reference is None:
        return
    points = front[[x.name, y.name]].to_numpy(float)
    outline = dominated(points, reference, (x.maximize, y.maximize))
    corner = f"{tick(reference[0])}, {tick(reference[1])}"
    ax.fill(*outline.T, fc=SHADE, lw=0, zorder=0.5, label=f"dominated, up to {corner}")


def _border(ax: Axes, front: DataFrame, x: Quantity, y: Quantity) -> Floats:
    """Places along the line that joins the front, in typographic points."""
    at = in_points(ax, front[[x.name, y.name]].to_numpy(float))
    path = staircase(at, maximize_x=x.maximize)
    steps = [np.linspace(begin, end, 64) for begin, end in pairwise(path)]
    return np.vstack([at, *steps])


def _stars(ax: Axes, stars: DataFrame, x: str, y: str) -> None:
    """Published nets."""
    if stars.empty:
        return
    _bars(ax, stars, x, y, colour=INK, alpha=1.0)
    star: dict[str, Any] = {"s": 190, "c": YELLOW, "marker": "*", "ec": INK, "zorder": 6}
    ax.scatter(stars[x], stars[y], label="published net", lw=0.9, **star)


def _names(ax: Axes, stars: DataFrame, taken: Floats, x: str, y: str) -> None:
    """Name the published nets, under the trials, which a name must not hide."""
    if stars.empty:
        return
    names, places = [str(net) for net in stars["net"]], stars[[x, y]].to_numpy(float)
    text: dict[str, Any] = {"size": 8.5, "away": (9, 5), "fontweight": "bold", "zorder": 1.8}
    name_points(ax, names, places, taken, **text)


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

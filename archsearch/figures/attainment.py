"""Attainment of repeated runs: surfaces of several strategies, and where two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from archsearch.figures.quantity import Quantity, scale
from archsearch.figures.staircase import dominated
from archsearch.figures.style import Series, dress, figure_of, head, new_axes, series
from archsearch.pareto import reference_point

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]

_PALEST, _FULL = 0.12, 0.8
"""How opaque a difference is that is nearly none, and one of all runs."""

_HATCH = "////"


def plot_attainment(
    surfaces: DataFrame,
    x: Quantity,
    y: Quantity,
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw what strategies attain: a line for the median run, a band from the best to the worst.

    Args:
        surfaces: as ``Comparison.surfaces`` gives them: one row a corner, with columns
            ``strategy``, ``runs``, ``surface`` (best, median, worst) and both measures.
        x: measure across.
        y: measure upwards.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes()
    corners = surfaces[[x.name, y.name]].to_numpy(float)
    maximize = (x.maximize, y.maximize)
    far = reference_point(corners, maximize) if len(corners) else (0.0, 0.0)
    for index, name in enumerate(dict.fromkeys(surfaces["strategy"])):
        rows = surfaces[surfaces["strategy"] == name]
        paths = {
            surface: _path(rows[rows["surface"] == surface], x, y, far)
            for surface in ("best", "median", "worst")
        }
        _strategy(ax, paths, str(name), int(rows["runs"].iloc[0]), series(index))
    scale(ax, "x", x, corners[:, 0])
    scale(ax, "y", y, corners[:, 1])
    _frame(ax, corners, far)
    dress(ax)
    head(ax, title, columns=1 if (surfaces["runs"] > 1).any() else 3)
    return figure_of(ax)


def plot_differences(
    rectangles: DataFrame,
    x: Quantity,
    y: Quantity,
    names: tuple[str, str],
    *,
    looks: Sequence[Series] = (series(0), series(1)),
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw where one of two strategies attains more often, the darker the more of the runs.

    Args:
        rectangles: as ``Comparison.rectangles`` gives them: columns ``X_low``, ``X_high``,
            ``Y_low``, ``Y_high`` and ``difference``, over 0 where the first attains more often.
        x: measure across.
        y: measure upwards.
        names: of the first and the second strategy, whose areas are hatched.
        looks: of both.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes()
    sides = rectangles[[f"{q.name}_{end}" for q in (x, y) for end in ("low", "high")]]
    places, difference = sides.to_numpy(float), rectangles["difference"].to_numpy(float)
    for name, look, sign, hatch in zip(names, looks, (1, -1), ("", _HATCH), strict=False):
        mine = sign * difference > 0
        _rectangles(ax, places[mine], np.abs(difference[mine]), look, hatch)
        shown: dict[str, Any] = {"fc": to_rgba(look.colour, 0.6), "ec": "white", "lw": 0}
        ax.fill_between([], [], [], hatch=hatch, label=f"{name} ahead", **shown)
    ax.autoscale_view()
    scale(ax, "x", x, places[:, :2].ravel())
    scale(ax, "y", y, places[:, 2:].ravel())
    dress(ax)
    head(ax, title)
    return figure_of(ax)


def _strategy(ax: Axes, paths: dict[str, Floats], name: str, runs: int, look: Series) -> None:
    """One strategy. Fewer runs than two have no band."""
    line: dict[str, Any] = {"color": look.colour, "ls": look.dashes, "zorder": 4}
    about = f"{name}: median, best to worst of {runs}" if runs > 1 else name
    median = paths["median"][:-1]
    ax.plot(median[:, 0], median[:, 1], lw=1.8, label=about, **line)
    if runs < 2:
        return
    best, worst = paths["best"], paths["worst"]
    band = np.vstack([best[:-1], worst[:-1][::-1]]) if len(worst) else best
    if len(band):
        ax.add_patch(Polygon(band, fc=look.colour, alpha=0.16, lw=0, zorder=2))
    for edge in (best[:-1], worst[:-1]):
        ax.plot(edge[:, 0], edge[:, 1], lw=0.7, alpha=0.7, **line)


def _path(rows: DataFrame, x: Quantity, y: Quantity, far: Sequence[float]) -> Floats:
    """Outline of what a surface dominates, its last corner being ``far``."""
    points = rows[[x.name, y.name]].to_numpy(float)
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    return dominated(points, (far[0], far[1]), (x.maximize, y.maximize))


def _frame(ax: Axes, corners: Floats, far: Sequence[float]) -> None:
    """Limits at which the surfaces run out of the axes on their worse sides."""
    if not len(corners):
        return
    for way, place in (("x", 0), ("y", 1)):
        low, high = corners[:, place].min(), corners[:, place].max()
        margin = 0.05 * (high - low) if high > low else 0.05 * abs(high) or 0.05
        worse_is_high = far[place] > high
        is_log = (ax.get_xscale() if way == "x" else ax.get_yscale()) == "log"
        better = (low / 1.15 if is_log else low - margin) if worse_is_high else high + margin
        ends = (better, far[place]) if worse_is_high else (far[place], better)
        ax.set(**{f"{way}lim": ends})


def _rectangles(ax: Axes, places: Floats, difference: Floats, look: Series, hatch: str) -> None:
    if not len(places):
        return
    corners = places[:, [[0, 2], [1, 2], [1, 3], [0, 3]]]
    colours = [to_rgba(look.colour, _PALEST + (_FULL - _PALEST) * share) for share in difference]
    drawn = PolyCollection(list(corners), facecolors=colours, lw=0, zorder=2)
    drawn.set(hatch=hatch or None, edgecolor="white")
    ax.add_collection(drawn)

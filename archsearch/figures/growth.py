"""The front of two measures at several times of a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archsearch.colours import FAINT
from archsearch.figures.quantity import Quantity, scale
from archsearch.figures.staircase import staircase
from archsearch.figures.style import dress, figure_of, head, new_axes
from archsearch.notation import duration
from archsearch.pareto import non_dominated

if TYPE_CHECKING:
    from pandas import DataFrame

By = Literal["trials", "seconds"]

_SHADES = mpl.colormaps["cividis_r"]
_LIGHTEST = 0.15
_TIMES = 4


class Look(NamedTuple):
    """Look of a front, by matplotlib's names: colour, marker and width of the line in points."""

    color: str
    marker: str
    lw: float


def plot_growth(
    points: DataFrame,
    x: Quantity,
    y: Quantity,
    *,
    by: By = "trials",
    at: Sequence[float] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the front as it was at several times, the later the darker and the thicker.

    A net has the look of the first of these fronts that it is on; what is on none is grey.

    Args:
        points: one row a trial with columns ``complete`` (the others are left out), ``number``
            (counted from 0) or ``finished_s``, and both measures.
        x: measure across.
        y: measure upwards.
        by: whether times are numbers of trials or seconds of the run.
        at: the times; None takes four that divide the run evenly, or
            as many as there are trials.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes()
    known = points[points["complete"].astype(bool)].dropna(subset=[x.name, y.name])
    ends = (known["number"] + 1 if by == "trials" else known["finished_s"]).to_numpy(dtype=float)
    places = known[[x.name, y.name]].to_numpy(dtype=float)
    seen = np.zeros(len(known), dtype=bool)
    for index, time in enumerate(times := _times(ends, at, by)):
        there = np.flatnonzero(ends <= time)
        front = there[non_dominated(places[there], (x.maximize, y.maximize))]
        look = _look(index, len(times))
        _line(ax, places[front], look, maximize_x=x.maximize)
        new = front[~seen[front]]
        dot: dict[str, Any] = {"c": look.color, "marker": look.marker, "ec": "white", "lw": 0.6}
        ax.scatter(places[new, 0], places[new, 1], s=46, zorder=5, **dot)
        ax.plot([], [], ms=6.5, mec="white", label=_said(time, by), **look._asdict())
        seen[front] = True
    behind: dict[str, Any] = {"s": 16, "c": FAINT, "alpha": 0.5, "lw": 0, "label": "on none"}
    ax.scatter(places[~seen, 0], places[~seen, 1], zorder=1, **behind)
    scale(ax, "x", x, places[:, 0])
    scale(ax, "y", y, places[:, 1])
    dress(ax)
    head(ax, title)
    return figure_of(ax)


def _times(ends: NDArray[np.float64], at: Sequence[float] | None, by: By) -> list[float]:
    if at is not None:
        return sorted(at)
    last = float(ends.max(initial=0.0))
    found = [last * (part + 1) / _TIMES for part in range(_TIMES)] if len(ends) else []
    return found if by == "seconds" else [*dict.fromkeys(float(ceil(time)) for time in found)]


def _look(index: int, count: int) -> Look:
    part = index / max(count - 1, 1)
    colour = to_hex(_SHADES(_LIGHTEST + (1 - _LIGHTEST) * part))
    return Look(colour, "oDs^vPXph"[index % 9], 1.2 + 2.0 * part)


def _line(ax: Axes, places: NDArray[np.float64], look: Look, *, maximize_x: bool) -> None:
    """One front. Thin ones lie on thick ones, so that all are seen where they run together."""
    places = places[np.lexsort((places[:, 1], places[:, 0]))]
    path = staircase(places, maximize_x=maximize_x)
    ax.plot(path[:, 0], path[:, 1], color=look.color, lw=look.lw, zorder=4 - look.lw / 4)


def _said(time: float, by: By) -> str:
    return f"{time:.0f} trials" if by == "trials" else duration(time)

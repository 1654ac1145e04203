"""Figures of latencies: predicted against measured, a panel a board."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from archsearch.colours import BLUE, INK, PALE, VERMILION
from archsearch.figures.style import HALO, NOTE_PT, dress, figure_of

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]

_NEAR, _FAR = (BLUE, "o"), (VERMILION, "D")
_NAME: dict[str, Any] = {"fontsize": NOTE_PT, "color": INK}
_MARGIN = 1.35
_PANEL_INCHES = 2.9
_MOST_NAMES = 6
_WIDE_DECADES, _NARROW_DECADES = 1.6, 0.6


def predicted_against_measured(
    frame: DataFrame,
    *,
    band: float = 0.1,
    columns: int = 3,
    measured: str = "measured",
    ax: Axes | None = None,
) -> Figure:
    """Draw predicted against measured milliseconds, a panel a board, in the order of the rows.

    Both axes of a panel are logarithmic and have one range, so that the line of equality is its
    diagonal. Nets outside of the band are drawn apart, the worst of them with their names.

    Args:
        frame: one row a net and board with columns ``board`` (the panel's title), ``net``,
            ``measured_ms`` and ``predicted_ms``, all positive.
        band: relative error that the band shows (0.1 is 10 %).
        columns: panels side by side.
        measured: how the numbers across came, such as "published".
        ax: where to draw one board; None makes a figure.

    Raises:
        ValueError: axes were given for several boards.
    """
    boards = list(dict.fromkeys(frame["board"]))
    if ax is not None:
        return _alone(ax, frame, boards, band, measured)
    columns = max(min(columns, len(boards)), 1)
    rows = ceil(len(boards) / columns)
    size = (_PANEL_INCHES * columns + 0.3, (_PANEL_INCHES + 0.25) * rows + 0.6)
    figure = Figure(figsize=size, dpi=200, layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    grid = figure.subplots(rows, columns, squeeze=False)
    for place in grid.flat[len(boards) :]:
        place.remove()
    for place, board in zip(grid.flat, boards, strict=False):
        _panel(place, frame[frame["board"] == board], str(board), band)
    figure.supxlabel(f"{measured} (ms)", fontsize=10, color=INK)
    figure.supylabel("predicted (ms)", fontsize=10, color=INK)
    _legend(figure, grid[0, 0], columns if columns < 3 else 4)
    return figure


def _alone(ax: Axes, frame: DataFrame, boards: Sequence[str], band: float, measured: str) -> Figure:
    if len(boards) > 1:
        raise ValueError(f"axes hold one board; got {len(boards)}: {', '.join(boards)}")
    _panel(ax, frame, boards[0], band)
    ax.set(xlabel=f"{measured} (ms)", ylabel="predicted (ms)")
    return figure_of(ax)


def _panel(ax: Axes, rows: DataFrame, board: str, band: float) -> None:
    measured = rows["measured_ms"].to_numpy(dtype=float)
    predicted = rows["predicted_ms"].to_numpy(dtype=float)
    low, high = _limits(measured, predicted)
    ends = np.array([low, high])
    within = f"within ±{band:.0%}".replace("%", " %")
    ax.fill_between(ends, (1 - band) * ends, (1 + band) * ends, color=PALE, lw=0, label=within)
    ax.plot(ends, ends, color=INK, lw=0.9, label="equal", zorder=2)
    error = predicted / measured - 1
    far = np.abs(error) > band
    for where, (colour, marker), label in (
        (~far, _NEAR, "net within"),
        (far, _FAR, "net outside, the worst named"),
    ):
        across, up = measured[where], predicted[where]
        look: dict[str, Any] = {
            "c": colour,
            "marker": marker,
            "ec": "white",
            "lw": 0.5,
            "label": label,
        }
        ax.scatter(across, up, s=22, zorder=3, **look)
    _names(ax, list(rows["net"]), measured, predicted, np.where(far, error, 0.0))
    _frame(ax, (low, high), board, error, _spearman(rows))


def _limits(measured: Floats, predicted: Floats) -> tuple[float, float]:
    both = np.concatenate([measured, predicted])
    return float(both.min()) / _MARGIN, float(both.max()) * _MARGIN


def _names(
    ax: Axes, nets: Sequence[str], measured: Floats, predicted: Floats, error: Floats
) -> None:
    """A letter beside each net that is farthest off, and their names in the corners that are free.

    Those predicted too slow stand above the diagonal, the others below it.
    """
    worst = [place for place in np.argsort(-np.abs(error))[:_MOST_NAMES] if error[place]]
    said: dict[bool, list[str]] = {True: [], False: []}
    for letter, place in zip(
        ascii_lowercase, sorted(worst, key=lambda p: measured[p]), strict=False
    ):
        slow = bool(error[place] > 0)
        sign = "+" if slow else "\N{MINUS SIGN}"
        said[slow].append(f"{letter}  {nets[place]} {sign}{100 * abs(error[place]):.0f} %")
        ax.annotate(
            letter,
            (measured[place], predicted[place]),
            xytext=(-4, 3) if slow else (4, -3),
            textcoords="offset points",
            ha="right" if slow else "left",
            va="bottom" if slow else "top",
            path_effects=HALO,
            **_NAME,
        )
    place_of: dict[str, Any] = {"transform": ax.transAxes, "ma": "left", "linespacing": 1.5} | _NAME
    ax.text(0.03, 0.98, "\n".join(said[True]), ha="left", va="top", **place_of)
    ax.text(1.0, 0.03, "\n".join(said[False]), ha="right", va="bottom", **place_of)


def _frame(
    ax: Axes, limits: tuple[float, float], board: str, error: Floats, spearman: float
) -> None:
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal")
    decades = np.log10(limits[1] / limits[0])
    subs = (1, 3) if decades > _WIDE_DECADES else (1, 2, 5)
    for axis in (ax.xaxis, ax.yaxis):
        narrow = decades < _NARROW_DECADES
        axis.set_major_locator(MaxNLocator(4) if narrow else LogLocator(base=10, subs=subs))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    mape = 100 * float(np.abs(error).mean())
    said = f"MAPE {mape:.1f} %, Spearman {spearman:.3f}, {len(error)} nets"
    ax.set_title(f"{board}\n{said}", loc="left", fontsize=8, color=INK)
    dress(ax, grid=None, tick_pt=8)


def _spearman(rows: DataFrame) -> float:
    ranks = rows[["measured_ms", "predicted_ms"]].rank()
    return float(ranks["measured_ms"].corr(ranks["predicted_ms"]))


def _legend(figure: Figure, ax: Axes, columns: int) -> None:
    handles, labels = ax.get_legend_handles_labels()
    text: dict[str, Any] = {"fontsize": 8.5, "labelcolor": INK, "frameon": False}
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, **text)

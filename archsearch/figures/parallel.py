"""Parallel coordinates: what the nets of a front chose at each leaf, and what they reached.

The axes lie across and not upright, as is more usual, because leaves have long names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archsearch.colours import FAINT, INK, PALE
from archsearch.figures.quantity import Quantity, is_wide
from archsearch.figures.style import HALO, NOTE_PT, TITLE_PT, figure_of, new_axes
from archsearch.notation import tick

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]

_ROW_INCHES = 0.36
_ABSENT = "\N{EN DASH}"
_SHADES = mpl.colormaps["cividis"]
_DARKEST, _LIGHTEST = 0.0, 0.88
_BUNDLE = 0.5
"""Part of the room of a value over which the lines through it are spread."""


def plot_parallel(
    nets: DataFrame,
    objectives: Sequence[Quantity],
    *,
    leaves: Sequence[str] | None = None,
    most: int = 16,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw every net as a line from leaf to leaf, and from there to its objectives.

    Lines are coloured by the first objective, whose axis is the last one: the better, the darker.
    At a leaf the values stand in their order; "–" is a leaf that the net does not have. Lines
    through one value are spread, in the order of the first objective.

    Args:
        nets: one row a net with a column a leaf (missing where the net does not have it) and
            a column an objective.
        objectives: what was reached; the first one colours.
        leaves: leaves to draw, from top to bottom; None takes those that differ among the nets, and
            of more than ``most`` those that the most nets have.
        most: leaves that are drawn where none are named.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    nets, rows = parallel_rows(nets, objectives, leaves, most)
    ax = ax or new_axes((7.4, 0.9 + _ROW_INCHES * len(rows)))
    for number, row in enumerate(rows):
        for at, text in row.values:
            _write(ax, at, number, text)
    _lines(ax, np.array([row.places for row in rows]).reshape(len(rows), len(nets)))
    _frame(ax, [row.name for row in rows], len(rows) - len(objectives), title)
    return figure_of(ax)


class ParallelRow(NamedTuple):
    """One of the axes that nets' lines go through.

    Attributes:
        name: of the leaf or the objective.
        values: what is written along it, with its place, 0 to 1.
        places: of the nets.
    """

    name: str
    values: list[tuple[float, str]]
    places: Floats


def parallel_rows(
    nets: DataFrame,
    objectives: Sequence[Quantity],
    leaves: Sequence[str] | None = None,
    most: int = 16,
) -> tuple[DataFrame, list[ParallelRow]]:
    """What ``plot_parallel`` draws of the same arguments, for figures that are drawn elsewhere.

    Returns:
        The nets that have all objectives, best in the first one first, and the axes from top to
        bottom: leaves, then the objectives, the first one last.
    """
    known = {quantity.name for quantity in objectives}
    if leaves is None:
        leaves = differing(nets.drop(columns=[*known & set(nets.columns)]), most)
    first = objectives[0]
    nets = nets.dropna(subset=sorted(known)).sort_values(first.name, ascending=not first.maximize)
    rows = [_leaf(leaf, nets[leaf]) for leaf in leaves]
    rows += [_objective(nets[q.name].to_numpy(float), q) for q in reversed(objectives)]
    return nets, rows


def differing(nets: DataFrame, most: int | None = None) -> list[str]:
    """Leaves with more than one value; of more than ``most`` those that most nets have, in order.

    ``nets`` has a column a leaf, and ``number``, which is none.
    """
    found = [
        name
        for name in nets.columns
        if len(set(nets[name].map(said_value))) > 1 and name != "number"
    ]
    kept = sorted(found, key=lambda name: -nets[name].count())[:most]
    return [name for name in found if name in kept]


def said_value(value: Any) -> str:
    """A leaf's value as it is written at its axis; "–" where a net does not have the leaf."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return _ABSENT
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _leaf(name: str, chosen: pd.Series) -> ParallelRow:
    """A leaf's axis: its values in their order, and the nets near what they chose."""
    said = [said_value(value) for value in chosen]
    by_text = dict(zip(said, chosen, strict=True))
    texts = sorted(by_text, key=lambda text: _order(text, by_text[text]))
    room = 1 / max(len(texts), 1)
    places, values = np.empty(len(said)), []
    for index, text in enumerate(texts):
        middle = (index + 0.5) * room
        through = np.flatnonzero(np.array(said) == text)
        spread = _BUNDLE * room * ((np.arange(len(through)) + 0.5) / len(said) - 0.5)
        places[through] = middle + spread - spread.mean()
        values.append((middle, text))
    return ParallelRow(name, values, places)


def _order(text: str, value: Any) -> tuple[int, float, str]:
    """Absent first, then numbers by size, then words."""
    if text == _ABSENT:
        return 0, 0.0, ""
    is_number = isinstance(value, int | float | np.number)
    return (1, float(value), "") if is_number else (2, 0.0, text)


def _objective(found: Floats, quantity: Quantity) -> ParallelRow:
    """An objective's axis with both ends and the middle."""
    wide = is_wide(quantity, found)
    scaled = np.log(found) if wide else found
    low, high = (float(scaled.min()), float(scaled.max())) if len(scaled) else (0.0, 1.0)
    room = (high - low) or 1.0
    ends = [(part, low + part * room) for part in (0.0, 0.5, 1.0)]
    values = [(0.03 + 0.94 * part, tick(float(np.exp(at)) if wide else at)) for part, at in ends]
    places = np.asarray(0.03 + 0.94 * (scaled - low) / room)
    return ParallelRow(quantity.name, values, places)


def _write(ax: Axes, across: float, row: int, text: str) -> None:
    ax.plot([across, across], [row - 0.08, row + 0.08], color=FAINT, lw=0.8, zorder=1)
    place: dict[str, Any] = {"ha": "center", "va": "top", "path_effects": HALO, "zorder": 6}
    ax.text(across, row + 0.14, text, fontsize=NOTE_PT, color=INK, **place)


def _lines(ax: Axes, places: Floats) -> None:
    """A line a net, the best last and thus on top; ``places`` (axes, nets) are sorted so."""
    rows, count = places.shape
    down = np.arange(rows)
    for net in reversed(range(count)):
        part = net / max(count - 1, 1)
        colour = _SHADES(_DARKEST + (_LIGHTEST - _DARKEST) * part)
        dot: dict[str, Any] = {"marker": "o", "ms": 3.4, "mec": "white", "mew": 0.4}
        ax.plot(places[:, net], down, color=colour, lw=1.3, alpha=0.9, zorder=4 - part, **dot)


def _frame(ax: Axes, names: Sequence[str], leaves: int, title: str | None) -> None:
    for row in range(len(names)):
        ax.axhline(row, color=PALE, lw=1.0, zorder=0)
    if leaves:
        ax.axhline(leaves - 0.42, color=FAINT, lw=0.8, ls=(0, (1, 2)), zorder=0)
    ax.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.5))
    ax.set_xticks([])
    ax.set_yticks(np.arange(len(names)), names)
    ax.tick_params(colors=INK, labelsize=8, left=False)
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title, loc="left", fontsize=TITLE_PT, color=INK)

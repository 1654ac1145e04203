"""One architecture as its stages: boxes to scale, and where its costs are.

``drawing.net_figure`` draws a net with every layer and its leaves; this figure is small enough to
stand beside others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from archsearch.colours import BLUE, FAINT, INK, ORANGE, look
from archsearch.figures.style import LEGEND_PT, NOTE_PT, TITLE_PT, figure_of, new_axes
from archsearch.notation import engineering

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]

_COLUMN = 1.0
_WIDEST, _NARROWEST, _TALLEST, _FLATTEST = 0.84, 0.16, 1.0, 0.12
_BARS = (("params", "params,", BLUE), ("macs", "MACs,", ORANGE))
_BAR, _DEEPEST, _LINE = 0.34, 0.6, 0.125


def plot_stages(stages: DataFrame, *, title: str | None = None, ax: Axes | None = None) -> Figure:
    """Draw a net from input to head.

    A box is as wide as its stage has channels and as high as its map, both by their logarithms, and
    has the colour of its blocks' family (white: no blocks). Under it stand its blocks, the size of
    its output, and bars of its share of the params and of the MACs.

    Args:
        stages: one row a stage from the stem to the head with columns ``stage``, ``blocks`` (text),
            ``family`` (missing: none), ``channels``, ``height``, ``width``, ``params``, ``macs``.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes((1.12 * len(stages) + 0.4, 3.4))
    families = [str(family) for family in stages["family"].dropna()]
    wide = _by_log(stages["channels"].to_numpy(float), _NARROWEST, _WIDEST)
    high = _by_log(stages["height"].to_numpy(float), _FLATTEST, _TALLEST)
    for place, (_, row) in enumerate(stages.iterrows()):
        known = isinstance(row["family"], str)
        colour = look(row["family"], families)[0] if known else "white"
        size = wide[place], high[place]
        corner = place * _COLUMN - size[0] / 2, (_TALLEST - size[1]) / 2
        box: dict[str, Any] = {"fc": colour, "ec": INK if not known else colour, "lw": 1.0}
        ax.add_patch(Rectangle(corner, *size, zorder=2, **box))
        _words(ax, place * _COLUMN, row)
    _flow(ax, wide)
    lines = max(str(blocks).count("\n") + 1 for blocks in stages["blocks"])
    base = -0.20 - _LINE * lines - 0.18 - _DEEPEST
    for bar, (name, text, colour) in enumerate(_BARS):
        _shares(ax, stages[name].to_numpy(float), bar, base, colour)
        said = f"{text} {engineering(stages[name].sum())}"
        ax.add_patch(Rectangle((2.0 * bar - 0.5, base - 0.24), 0.12, 0.1, fc=colour))
        where: dict[str, Any] = {"va": "center", "fontsize": NOTE_PT, "color": INK}
        ax.text(2.0 * bar - 0.34, base - 0.19, f"share of the {said}", **where)
    ax.set(xlim=(-0.62, len(stages) - 0.38), ylim=(base - 0.28, _TALLEST + 0.32))
    ax.set_axis_off()
    if title is not None:
        ax.set_title(title, loc="left", fontsize=TITLE_PT, color=INK)
    return figure_of(ax)


def _by_log(values: Floats, least: float, most: float) -> Floats:
    """Lengths from ``least`` to ``most`` that go with the logarithms of sizes."""
    logs = np.log(np.maximum(values, 1))
    room = np.ptp(logs)
    part = (logs - logs.min()) / room if room else np.ones_like(logs)
    return np.asarray(least + (most - least) * part)


def _words(ax: Axes, across: float, row: Any) -> None:
    text: dict[str, Any] = {"ha": "center", "va": "top", "color": INK, "fontsize": NOTE_PT}
    ax.text(across, _TALLEST + 0.26, str(row["stage"]), **text | {"fontsize": LEGEND_PT})
    size = f"{row['channels']} × {row['height']} × {row['width']}"
    ax.text(across, -0.06, size, **text | {"fontweight": "bold"})
    ax.text(across, -0.20, str(row["blocks"]), linespacing=1.25, **text)


def _flow(ax: Axes, wide: Floats) -> None:
    """Arrows between the boxes."""
    for place in range(len(wide) - 1):
        ends = (place + wide[place] / 2 + 0.02, place + 1 - wide[place + 1] / 2 - 0.02)
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": FAINT, "lw": 0.8, "shrinkA": 0}
        middle = _TALLEST / 2
        ax.annotate("", (ends[1], middle), (ends[0], middle), arrowprops=arrow | {"shrinkB": 0})


def _shares(ax: Axes, values: Floats, bar: int, base: float, colour: str) -> None:
    """A bar a stage, with its share of all."""
    share = values / max(values.sum(), 1)
    across = np.arange(len(values)) + (bar - 0.5) * (_BAR + 0.04)
    high = _DEEPEST * share / max(float(share.max()), 1e-9)
    ax.bar(across, high, _BAR, bottom=base, color=colour)
    for x, part, top in zip(across, share, base + high, strict=True):
        words = f"{100 * part:.0f} %" if part >= 0.005 else "0"
        ax.text(x, top + 0.02, words, ha="center", va="bottom", fontsize=6.5, color=INK)

"""The published nets' accuracies over their costs, families joined, as the papers' figures do."""

from __future__ import annotations

from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.colours import BLACK, BLUE, FAINT, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from archsearch.figures.labels import in_points, name_points
from archsearch.figures.quantity import Quantity, scale
from archsearch.figures.style import NOTE_PT, Series, dress, figure_of, head, new_axes, series

if TYPE_CHECKING:
    from pandas import DataFrame

_SOLID, _DASHED, _DOTTED = (0, None), (0, (4, 2)), (0, (1.5, 1.5))

# The families whose blocks this project joins have their blocks' colours, the others dark or grey.
_LOOKS = {
    "ParC-Net": Series(VERMILION, "o", _SOLID),
    "ParC in other nets": Series(VERMILION, "<", _DASHED),
    "HorNet 7x7": Series(BLUE, "s", _SOLID),
    "HorNet GF": Series(BLUE, "p", _DASHED),
    "EdgeNeXt": Series(GREEN, "^", _SOLID),
    "EdgeNeXt, BN and Hardswish": Series(GREEN, ">", _DASHED),
    "CMT": Series(PURPLE, "D", _SOLID),
    "MobileViT": Series(SKY, "v", _SOLID),
    "ConvNeXt": Series(GREY, "X", _SOLID),
    "DeiT": Series(ORANGE, "d", _DASHED),
    "Swin": Series(ORANGE, "h", _DASHED),
    "ResNet": Series(BLACK, "P", _DOTTED),
    "MobileNetV2": Series(BLACK, "*", _DOTTED),
    "EfficientNet": Series(BLACK, "8", _DOTTED),
}
_CAPTION_PT = 6.0
_CHARACTERS = 150
_SIZE = (8.0, 6.0)


def plot_published(
    nets: DataFrame, x: Quantity, y: Quantity, *, title: str | None = None, ax: Axes | None = None
) -> Figure:
    """Draw published nets, each family joined by a line, with the sources below the axes.

    Args:
        nets: one row a net with columns ``family``, ``size`` (what stands at its point), ``joined``
            (bool: whether the family is one design in several sizes), ``source`` and both measures.
        x: measure across.
        y: measure upwards.
        title: stands above the axes.
        ax: where to draw, without the sources; None makes a figure.
    """
    own_figure = ax is None
    ax = ax or new_axes(_SIZE)
    nets = nets.dropna(subset=[x.name, y.name])
    for place, (family, rows) in enumerate(nets.groupby("family", sort=False)):
        own = _LOOKS.get(str(family), series(place))
        _family(ax, rows.sort_values(x.name), str(family), own, x.name, y.name)
    scale(ax, "x", x, nets[x.name].to_numpy(float))
    scale(ax, "y", y, nets[y.name].to_numpy(float))
    dress(ax)
    head(ax, title, columns=5)
    if own_figure:
        _caption(figure_of(ax), nets)
    ax.autoscale_view()
    _sizes(ax, nets, x.name, y.name)
    return figure_of(ax)


def _family(ax: Axes, rows: DataFrame, family: str, own: Series, x: str, y: str) -> None:
    joined = len(rows) > 1 and bool(rows["joined"].all())
    style: dict[str, Any] = {"ls": own.dashes if joined else "none", "lw": 1.4, "zorder": 3}
    marks: dict[str, Any] = {"marker": own.marker, "ms": 7, "mec": "white", "mew": 0.6}
    ax.plot(rows[x], rows[y], color=own.colour, label=family, **marks, **style)


def _sizes(ax: Axes, nets: DataFrame, x: str, y: str) -> None:
    """The size of each net beside its point, off the points and the lines."""
    lines = [in_points(ax, np.asarray(line.get_xydata(), float)) for line in ax.lines]
    steps = [np.linspace(a, b, 40) for line in lines for a, b in pairwise(line)]
    taken = np.vstack([np.empty((0, 2)), *lines, *steps])
    named: dict[str, Any] = {"size": NOTE_PT, "away": (4.0, 2.0), "zorder": 4}
    places = nets[[x, y]].to_numpy(float)
    name_points(ax, [str(size) for size in nets["size"]], places, taken, **named)


def _caption(figure: Figure, nets: DataFrame) -> None:
    """Every source with the families that it speaks of."""
    told = "; ".join(
        f"{', '.join(dict.fromkeys(rows['family']))}: {source}"
        for source, rows in nets.groupby("source", sort=False)
    )
    figure.supxlabel(
        "\n".join(wrap(f"Top-1 as stated. {told}", _CHARACTERS)),
        x=0.01,
        ha="left",
        fontsize=_CAPTION_PT,
        color=FAINT,
    )

"""How the hypervolume grows over a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archsearch.figures.style import dress, figure_of, head, new_axes, series

if TYPE_CHECKING:
    from pandas import DataFrame

_ACROSS = {"trials": "trials", "seconds": "time at work (s)"}


def plot_anytime(
    curves: DataFrame,
    over: Literal["trials", "seconds"] = "trials",
    *,
    label: str = "hypervolume (share of the box)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the mean hypervolume of strategies over their runs, with its interval as a band.

    Args:
        curves: as ``Comparison.curves`` gives them: columns ``strategy``, ``at``, ``hypervolume``,
            ``low`` and ``high`` (NaN where there is no interval). A value holds from its row to the
            next one.
        over: what ``at`` counts.
        label: stands at the axis upwards.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes()
    for index, name in enumerate(dict.fromkeys(curves["strategy"])):
        rows, look = curves[curves["strategy"] == name], series(index)
        at = rows["at"].to_numpy(float)
        volume, low, high = (rows[c].to_numpy(float) for c in ("hypervolume", "low", "high"))
        ax.fill_between(at, low, high, step="post", color=look.colour, alpha=0.16, lw=0)
        ax.step(
            at, volume, where="post", color=look.colour, ls=look.dashes, lw=1.8, label=str(name)
        )
    ax.set(xlabel=_ACROSS[over], ylabel=label)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=over == "trials"))
    dress(ax)
    head(ax, title, columns=3)
    return figure_of(ax)

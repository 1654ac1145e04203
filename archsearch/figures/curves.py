"""Learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archsearch.colours import FAINT, INK, look
from archsearch.figures.labels import in_points
from archsearch.figures.style import HALO, NOTE_PT, dress, figure_of, head, new_axes

if TYPE_CHECKING:
    from pandas import DataFrame

_LABELS = {
    "validation_accuracy": "validation accuracy (fraction)",
    "train_loss": "training loss (nats)",
}
_MOST_NUMBERS = 12


def plot_curves(
    curves: DataFrame,
    value: str = "validation_accuracy",
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw what was measured after each epoch, a line a net.

    The line is the mean over repetitions, the band reaches from the least to the most of them.
    Nets of the front are drawn in the look of their family with their numbers, the others thin.

    Args:
        curves: one row an epoch of a training with columns ``number``, ``repetition``, ``epoch``,
            the ``value``, and where they are known ``family`` and ``on_front`` (bool). Without
            ``on_front`` all are drawn alike.
        value: column upwards, such as ``validation_accuracy`` or ``train_loss``.
        title: stands above the axes.
        ax: where to draw; None makes a figure.
    """
    ax = ax or new_axes()
    curves = curves.dropna(subset=[value])
    families = sorted(set(curves["family"])) if "family" in curves else []
    ended = []
    for number, rows in curves.groupby("number"):
        family = str(rows["family"].iloc[0]) if families else ""
        front = "on_front" not in rows or bool(rows["on_front"].iloc[0])
        colour, marker = look(family, families) if families else (INK, "o")
        end = _line(ax, rows, value, colour=colour, marker=marker, front=front)
        ended += [(number, *end)] if front else []
    for family in families:
        colour, marker = look(family, families)
        ax.plot([], [], color=colour, marker=marker, ms=5, lw=1.6, label=family)
    ax.set(xlabel="epoch", ylabel=_LABELS.get(value, value))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    dress(ax)
    head(ax, title)
    ax.autoscale_view()
    if len(ended) <= _MOST_NUMBERS:
        _number(ax, ended)
    return figure_of(ax)


def _line(
    ax: Axes, rows: DataFrame, value: str, *, colour: str, marker: str, front: bool
) -> tuple[float, float]:
    """One net; the place where it ends."""
    epochs = rows.groupby("epoch")[value]
    mean, low, high = epochs.mean(), epochs.min(), epochs.max()
    look_of: dict[str, Any] = (
        {"lw": 1.8, "ms": 4.5, "marker": marker, "mec": "white", "mew": 0.5, "zorder": 3}
        if front
        else {"lw": 0.9, "alpha": 0.45, "zorder": 2}
    )
    ax.plot(mean.index, mean, color=colour, **look_of)
    if front and (high > low).any():
        ax.fill_between(mean.index.to_numpy(float), low, high, color=colour, alpha=0.15, lw=0)
    return float(mean.index[-1]), float(mean.iloc[-1])


def _number(ax: Axes, ended: list[tuple[Any, float, float]]) -> None:
    """Numbers of the nets at the ends of their lines, above each other where these are near."""
    last = -np.inf
    for number, epoch, height in sorted(ended, key=lambda end: end[2]):
        (at,) = in_points(ax, np.array([[epoch, height]]))
        last = max(float(at[1]), last + NOTE_PT)
        ax.annotate(
            f"{number}",
            (epoch, height),
            xytext=(6, last - float(at[1])),
            textcoords="offset points",
            va="center",
            fontsize=NOTE_PT,
            color=FAINT,
            path_effects=HALO,
        )

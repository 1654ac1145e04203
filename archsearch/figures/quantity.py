"""What an axis shows: a measure with its unit, and the ticks that suit it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from archsearch.notation import tick

_LABELS = {
    "params": "parameters",
    "macs": "MACs of one image (multiply-accumulates)",
    "val_accuracy": "validation accuracy after short training (fraction)",
    "latency_ms": "latency of one image (ms)",
    "train_s": "training time (s)",
}

_COUNTED = ("parameters", "multiply-accumulates", "ms")
_WIDE = 5
"""A count or a time whose largest value is more than this many times the smallest: log axis."""


@dataclass(frozen=True)
class Quantity:
    """A measure as a figure shows it: its column, its unit, and which way is better.

    ``label`` stands at its axis; None takes the measure's own.
    """

    name: str
    unit: str
    maximize: bool
    label: str | None = None

    @property
    def text(self) -> str:
        """What stands at its axis."""
        return self.label or _LABELS.get(self.name, f"{self.name} ({self.unit})")


def scale(
    ax: Axes, way: Literal["x", "y"], quantity: Quantity, values: NDArray[np.float64]
) -> None:
    """Label, ticks, and a log axis for counts and times whose ``values`` span enough."""
    ax.set(**{f"{way}label": quantity.text})
    axis = ax.xaxis if way == "x" else ax.yaxis
    if is_wide(quantity, values):
        ax.set(**{f"{way}scale": "log"})
        axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(nbins=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def is_wide(quantity: Quantity, values: NDArray[np.float64]) -> bool:
    """Whether values belong on a log axis."""
    return bool(quantity.unit in _COUNTED and len(values) and 0 < _WIDE * min(values) < max(values))

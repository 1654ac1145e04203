"""A comparison as one figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.colours import INK
from archsearch.comparing.comparison import Comparison, Over
from archsearch.devices.source import label, one_source
from archsearch.figures.anytime import plot_anytime
from archsearch.figures.attainment import plot_attainment, plot_differences
from archsearch.figures.quantity import Quantity
from archsearch.figures.style import DPI, NOTE_PT, series
from archsearch.measures import LATENCY, MEASURES
from archsearch.notation import quantity
from archsearch.tables import latencies_of

_PANEL = (5.4, 4.4)


def plot_comparison(
    found: Comparison, x: str | None = None, y: str | None = None, over: Over = "trials"
) -> Figure:
    """Draw attainment surfaces, the first strategy's difference from each other, and growth.

    Args:
        found: what to draw.
        x: measure across; None for the second objective, or params.
        y: measure upwards; None for the first objective.
        over: what the growth is over.

    Raises:
        InputError: the runs do not compare in these measures.
    """
    x, y = found.axes(x, y)
    figure, (left, *beside, right) = _panels(len(found.strategies) + 1)
    _differences(beside, found, x, y)
    # Last of those that share axes, as its limits leave out what is far from every surface.
    across, upwards = _quantity(found, x, y), _quantity(found, y, x)
    plot_attainment(found.surfaces(x, y), across, upwards, title="attainment", ax=left)
    plot_anytime(found.curves(over), over, title="growth", ax=right)
    note: dict[str, Any] = {"fontsize": NOTE_PT, "color": INK, "x": 0.01, "ha": "left"}
    figure.supxlabel("\n".join(_notes(found, x, y)), **note)
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """Axes in rows of up to three; all but the last share those of the first."""
    columns = 2 if count == 4 else min(count, 3)
    rows = ceil(count / columns)
    size = (columns * _PANEL[0], rows * _PANEL[1])
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes: list[Axes] = []
    for place in range(1, count + 1):
        shared = axes[0] if axes and place < count else None
        axes.append(figure.add_subplot(rows, columns, place, sharex=shared, sharey=shared))
    return figure, axes


def _differences(axes: Iterable[Axes], found: Comparison, x: str, y: str) -> None:
    """Where the first strategy attains more often than each other, and less often."""
    first, *others = found.strategies
    across, upwards = _quantity(found, x, y), _quantity(found, y, x)
    for index, (ax, other) in enumerate(zip(axes, others, strict=True), 1):
        plot_differences(
            found.rectangles(first, other, x, y),
            across,
            upwards,
            (first.name, other.name),
            looks=(series(0), series(index)),
            title="difference in attainment",
            ax=ax,
        )


def _notes(found: Comparison, x: str, y: str) -> Iterator[str]:
    yield f"Hypervolume is a share of the box from {_corners(found)}."
    if hidden := [name for name in found.box.names if name not in (x, y)]:
        yield (
            f"Attainment is of {y} and {x} alone: what a strategy does in {', '.join(hidden)} is "
            "in the hypervolume, and not in these surfaces."
        )


def _corners(found: Comparison) -> str:
    ends = [found.box.to_data()[which] for which in ("reference", "ideal")]
    return " to ".join(
        ", ".join(f"{name} {quantity(at, MEASURES[name].unit)}" for name, at in corner.items())
        for corner in ends
    )


def _quantity(found: Comparison, name: str, other: str) -> Quantity:
    """A measure as an axis shows it; latencies say of what device they are."""
    about = None
    if name == LATENCY:
        latencies = latencies_of(
            t.measures for s in found.strategies for run in s.runs for t in run.records
        )
        source = one_source({"runs": latencies})
        about = None if source is None else label(source, latencies)
    plane = found.plane(name, other)
    return Quantity(name, MEASURES[name].unit, plane.maximize[0], about)

"""A comparison as one figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

from archsearch.colours import INK
from archsearch.comparing.comparison import Comparison, Over
from archsearch.devices.source import label, one_source
from archsearch.figures.anytime import plot_anytime
from archsearch.figures.attainment import plot_attainment, plot_differences
from archsearch.figures.quantity import Quantity
from archsearch.figures.style import DPI, NOTE_PT
from archsearch.measures import LATENCY, MEASURES
from archsearch.notation import quantity
from archsearch.tables import latencies_of

_PANEL = (5.4, 4.4)


def plot_comparison(
    found: Comparison, x: str | None = None, y: str | None = None, over: Over = "trials"
) -> Figure:
    """Draw attainment surfaces, for two strategies their difference, and growth over the run.

    Args:
        found: what to draw.
        x: measure across; None for the second objective, or params.
        y: measure upwards; None for the first objective.
        over: what the growth is over.

    Raises:
        InputError: the runs do not compare in these measures.
    """
    x, y = found.axes(x, y)
    across, upwards = _quantity(found, x, y), _quantity(found, y, x)
    pair = found.strategies if len(found.strategies) == 2 else None
    panels = 3 if pair else 2
    figure = Figure(figsize=(panels * _PANEL[0], _PANEL[1]), dpi=DPI, layout="constrained")
    left = figure.add_subplot(1, panels, 1)
    if pair:
        rectangles, names = found.rectangles(*pair, x, y), (pair[0].name, pair[1].name)
        beside = figure.add_subplot(1, panels, 2, sharex=left, sharey=left)
        plot_differences(
            rectangles, across, upwards, names, title="difference in attainment", ax=beside
        )
    # Last of those that share axes, as its limits leave out what is far from every surface.
    plot_attainment(found.surfaces(x, y), across, upwards, title="attainment", ax=left)
    right = figure.add_subplot(1, panels, panels)
    plot_anytime(found.curves(over), over, title="growth", ax=right)
    note: dict[str, Any] = {"fontsize": NOTE_PT, "color": INK, "x": 0.01, "ha": "left"}
    figure.supxlabel("\n".join(_notes(found, x, y)), **note)
    return figure


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

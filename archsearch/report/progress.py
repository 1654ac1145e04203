"""How runs went: hypervolume over trials and seconds, learning curves, and runs side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from archsearch.comparing import Comparison, Strategy
from archsearch.comparing.box import box_of
from archsearch.comparing.comparison import Over
from archsearch.comparing.strategies import directions_of
from archsearch.comparing.telling import notes, readable
from archsearch.errors import InputError
from archsearch.measures import MEASURES
from archsearch.notation import quantity
from archsearch.report.charts import Chart, layout, series
from archsearch.report.reported import Reported
from archsearch.tables import family
from archsearch.trial import CurvePoint

MOST_CURVES = 120
"""Learning curves in one figure; those of the front come first."""

_GROWTH: tuple[tuple[Over, str, str], ...] = (
    ("trials", "Hypervolume over trials", "trials"),
    ("seconds", "Hypervolume over time", "seconds"),
)


class SideBySide(NamedTuple):
    """Several runs in one table, with what is to be known of it; or why there is none."""

    table: pd.DataFrame
    notes: list[str]


def compared(runs: Sequence[Reported]) -> Comparison | InputError:
    """The runs as strategies of one run each, or why they cannot be held against each other."""
    strategies = tuple(Strategy(one.name, (one.run,)) for one in runs)
    try:
        directions = directions_of(strategies, None)
        return Comparison(strategies, box_of(strategies, directions), seed=0)
    except InputError as reason:
        return reason


def side_by_side(found: Comparison | InputError) -> SideBySide:
    """A table of runs: hypervolumes with intervals, and differences from the first."""
    if isinstance(found, InputError):
        return SideBySide(pd.DataFrame(), [f"The runs do not compare: {found}"])
    return SideBySide(readable(found), notes(found, *found.axes()))


def growth(found: Comparison | InputError) -> list[Chart]:
    """Hypervolume over trials and over seconds, a line a run."""
    if isinstance(found, InputError):
        return []
    note = f"Volume that the front dominates, as a share of the box {_corners(found)}."
    return [
        Chart(f"growth-{over}", title, note, _lines(found.curves(over)), _rising(across))
        for over, title, across in _GROWTH
    ]


def _corners(found: Comparison) -> str:
    """The box in words: the reference point, and the best of each objective."""
    box = found.box
    units = [MEASURES[name].unit for name in box.names]
    worst = zip(box.names, box.reference, units, strict=True)
    best = zip(box.ideal, units, strict=True)
    from_ = ", ".join(f"{name} {quantity(value, unit)}" for name, value, unit in worst)
    to = ", ".join(quantity(value, unit) for value, unit in best)
    return f"from the reference point ({from_}) to the best of each ({to})"


def _rising(across: str) -> dict[str, Any]:
    found = layout(across, "hypervolume (share of the box)")
    found["xaxis"]["rangemode"] = found["yaxis"]["rangemode"] = "tozero"
    return found


def _lines(curves: pd.DataFrame) -> list[dict[str, Any]]:
    lines = []
    for place, (name, rows) in enumerate(curves.groupby("strategy", sort=False)):
        look = series(place)
        lines.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": str(name),
                "x": [0.0, *rows["at"]],
                "y": [0.0, *rows["hypervolume"]],
                "line": {"shape": "hv", "color": look["color"], "width": 2},
                "marker": {"size": 5, **look},
                "hovertemplate": "%{x:.4~s}: %{y:.3f}",
            }
        )
    return lines


def learning_curves(runs: Sequence[Reported]) -> list[Chart]:
    """Validation accuracy after each epoch, a line a net; a figure for each run that trained."""
    found = []
    for place, one in enumerate(runs):
        if not one.curves:
            continue
        front = set(one.front["number"])
        wanted = sorted(one.curves, key=lambda number: (number not in front, number))[:MOST_CURVES]
        traces = [_curve(one, number, on_front=number in front) for number in reversed(wanted)]
        left = len(one.curves) - len(wanted)
        note = "Mean over the seeds; nets of the front are drawn strong." + (
            f" {left} more nets were trained." if left else ""
        )
        title = "Learning curves" + (f" of {one.name}" if len(runs) > 1 else "")
        look = layout("epoch", "validation accuracy (fraction)") | {"showlegend": False}
        look["xaxis"]["rangemode"] = "tozero"
        found.append(Chart(f"curves-{place}", title, note, traces, look))
    return found


def _curve(one: Reported, number: int, *, on_front: bool) -> dict[str, Any]:
    epochs, accuracies = mean_curve(one.curves[number])
    kind = family(one.run.architecture(number))
    said = f"trial {number}, {kind}<br>epoch %{{x:g}}: %{{y:.3f}}<extra></extra>"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"trial {number}",
        "x": epochs,
        "y": accuracies,
        "opacity": 1.0 if on_front else 0.35,
        "line": {"color": f"@family:{kind}", "width": 2.4 if on_front else 1.2},
        "marker": {"size": 6 if on_front else 4},
        "hovertemplate": said,
    }


def mean_curve(points: Sequence[CurvePoint]) -> tuple[list[float], list[float | None]]:
    """Epochs, and the mean accuracy of the repetitions that reached each."""
    at: dict[float, list[float]] = defaultdict(list)
    for point in points:
        at[point.epoch].append(point.validation_accuracy)
    means = {epoch: float(np.mean(found)) for epoch, found in sorted(at.items())}
    return list(means), [mean if np.isfinite(mean) else None for mean in means.values()]

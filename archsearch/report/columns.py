"""The measures of a report as columns: one for each source that numbers have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.figures.quantity import Quantity, is_wide
from archsearch.measures import ACCURACY
from archsearch.report.provenance import How, Origin, measure_of, measures_of, origin
from archsearch.report.reported import Reported
from archsearch.trial import Measured


@dataclass(frozen=True)
class Column:
    """A measure, as it was obtained from one source in the runs with the numbers of ``origins``.

    ``key`` names it in the page, ``title`` heads its column, ``label`` stands at its axis, which
    is logarithmic if it is ``wide``.
    """

    key: str
    measure: str
    title: str
    label: str
    unit: str
    maximize: bool
    wide: bool
    origins: Mapping[int, Origin]

    @property
    def how(self) -> How:
        """How its numbers were obtained, in a word."""
        return next(iter(self.origins.values())).how

    def of(self, run: int, measures: Mapping[str, Measured]) -> Measured | None:
        """The column's number among the measures of a trial of a run."""
        return measures.get(self.measure) if run in self.origins else None

    def to_data(self) -> dict[str, Any]:
        """What the page's scripts read."""
        names = ("key", "title", "label", "unit", "maximize", "wide")
        return {name: getattr(self, name) for name in names} | {"how": self.how}


def columns(runs: Sequence[Reported]) -> list[Column]:
    """The columns of a report; a measure that came in several ways has one for each.

    Raises:
        InputError: the latencies of one run come from several devices.
    """
    found = []
    for name in measures_of(runs):
        ways: dict[str, dict[int, Origin]] = {}
        for place, one in enumerate(runs):
            if any(name in trial.measures for trial in one.run.records):
                way = origin(one, name)
                ways.setdefault(way.source, {})[place] = way
        found += [_column(runs, name, way, alone=len(ways) == 1) for way in ways.values()]
    return found


def _column(
    runs: Sequence[Reported], name: str, origins: Mapping[int, Origin], *, alone: bool
) -> Column:
    measure, first = measure_of(name), next(iter(origins.values()))
    quantity = Quantity(name, measure.unit, _maximize(runs, name, origins), first.axis)
    of = "" if alone else f" [{', '.join(runs[place].name for place in origins)}]"
    return Column(
        key=name if alone else f"{name}/{min(origins)}",
        measure=name,
        title=name + of,
        label=_label(quantity) + of,
        unit=measure.unit,
        maximize=quantity.maximize,
        wide=is_wide(quantity, _values(runs, name, origins)),
        origins=origins,
    )


def _maximize(runs: Sequence[Reported], name: str, places: Iterable[int]) -> bool:
    """Whether more is better: as the first run that optimises it says, else as the measure does."""
    asked = (o for place in places for o in runs[place].run.study.settings.objectives)
    directions = (one.direction for one in asked if one.measure == name)
    return next(directions, measure_of(name).direction) == "maximize"


def _values(runs: Sequence[Reported], name: str, places: Iterable[int]) -> NDArray[np.float64]:
    trials = (trial for place in places for trial in runs[place].run.records)
    found = [t.measures[name].value for t in trials if name in t.measures]
    return np.array([value for value in found if np.isfinite(value)], dtype=float)


def _label(quantity: Quantity) -> str:
    """An axis label; the accuracy's says in the page's own words where it is from."""
    at = quantity.name.partition("@")[2]
    if at:
        return f"validation accuracy at the rung after {at} epochs (fraction)"
    return "validation accuracy (fraction)" if quantity.name == ACCURACY else quantity.text


def axes(runs: Sequence[Reported], found: Sequence[Column]) -> tuple[str, str] | None:
    """Keys of the columns across and upwards that a figure begins with; None without two."""
    first = [column for column in found if 0 in column.origins]
    across, upwards = runs[0].run.axes()
    keys = {column.measure: column.key for column in first}
    wanted = [name for name in (upwards, across, *keys) if name in keys]
    named = list(dict.fromkeys(wanted))
    return (keys[named[1]], keys[named[0]]) if len(named) > 1 else None

"""What the nets of a front chose at the leaves, as a figure and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from archsearch.figures.parallel import ParallelRow, differing, parallel_rows, said_value
from archsearch.notation import quantity
from archsearch.report.charts import Chart, layout
from archsearch.report.reported import Reported
from archsearch.tables import family

MOST_LEAVES = 14

_ROW_PIXELS, _BELOW = 46, 0.16
_PALEST = 0.35


class Choices(NamedTuple):
    """The figure, and every leaf that differs as a table with a column a net, the best first."""

    chart: Chart
    table: pd.DataFrame


def choices(place: int, one: Reported) -> Choices | None:
    """What the nets of a run's front chose; None where there are no two, or none that differ."""
    objectives = [one.run.quantity(o.measure) for o in one.run.study.settings.objectives]
    measures = [objective.name for objective in objectives]
    chosen = one.run.choices[one.run.choices["number"].isin(one.front["number"])]
    leaves = differing(chosen)
    if not leaves:
        return None
    nets = chosen.merge(one.front[["number", *measures]], on="number")
    nets, rows = parallel_rows(nets, objectives, differing(chosen, MOST_LEAVES))
    texts = pd.DataFrame({leaf: nets[leaf].map(said_value) for leaf in leaves})
    for objective in objectives:
        values = [quantity(value, objective.unit) for value in nets[objective.name]]
        texts[objective.name] = values
    texts.index = pd.Index(nets["number"].astype(int))
    lines = [_line(place, one, rows, texts, at) for at in reversed(range(len(nets)))]
    names = [row.name for row in rows]
    note = _note(measures[0], len(names) - len(measures), len(leaves))
    title = "What the front's nets chose"
    chart = Chart(f"choices-{place}", title, note, [*lines, _words(rows)], _look(names))
    texts.index = pd.Index([f"trial {number}" for number in texts.index])
    return Choices(chart, texts.T.rename_axis(index="leaf").reset_index())


def _note(first: str, drawn: int, known: int) -> str:
    left = f"Of {known} leaves that differ, the {drawn} that most of them have. " * (known > drawn)
    return (
        "A line is a net of the front: what it chose at each leaf, and down to what it reached; "
        f"\N{EN DASH} is a leaf that it does not have. {left}The better in {first}, the stronger. "
        "A click on a point shows the net."
    )


def _line(
    place: int, one: Reported, rows: Sequence[ParallelRow], texts: pd.DataFrame, at: int
) -> dict[str, Any]:
    """The net with this place among the front's."""
    number = int(texts.index[at])
    colour = f"@family:{family(one.run.architecture(number))}"
    part = at / max(len(texts) - 1, 1)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"trial {number}",
        "meta": {"run": place, "number": number},
        "x": [float(row.places[at]) for row in rows],
        "y": list(range(len(rows))),
        "text": [f"{row.name}: {texts.iloc[at][row.name]}" for row in rows],
        "opacity": 1 - (1 - _PALEST) * part,
        "line": {"color": colour, "width": 2.4 - part},
        "marker": {"size": 6, "color": colour},
        "hovertemplate": f"trial {number}<br>%{{text}}<extra></extra>",
    }


def _words(rows: Sequence[ParallelRow]) -> dict[str, Any]:
    """The values along the axes."""
    words = [(at, place + _BELOW, text) for place, r in enumerate(rows) for at, text in r.values]
    across, down, texts = zip(*words, strict=True)
    return {
        "type": "scatter",
        "mode": "text",
        "x": list(across),
        "y": list(down),
        "text": list(texts),
        "textposition": "bottom center",
        "textfont": {"size": 11, "color": "@ink"},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def _look(names: Sequence[str]) -> dict[str, Any]:
    look = layout("", "", height=40 + _ROW_PIXELS * len(names)) | {"showlegend": False}
    look["xaxis"] |= {"visible": False, "range": [-0.04, 1.04], "fixedrange": True}
    look["yaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - 0.3, -0.4],
        "tickfont": {"size": 11},
        "fixedrange": True,
        "showline": False,
    }
    return look

"""The front as a plotly figure: the same points as the static one, and what is said of each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

from archsearch.colours import look
from archsearch.figures import Quantity
from archsearch.figures.interactive import OFFLINE, SYMBOLS, interactive_front

MACS = Quantity("macs", "multiply-accumulates", maximize=False)
ACCURACY = Quantity("val_accuracy", "fraction", maximize=True)
POINTS = pd.DataFrame(
    {
        "number": [0, 1, 2, 3, 4],
        "family": ["pacc", "sdta", "pacc", "cmt", "cmt"],
        "complete": [True, True, True, True, False],
        "on_front": [True, True, False, True, False],
        "macs": [1e8, 2e8, 3e8, 9e8, np.nan],
        "val_accuracy": [0.5, 0.6, 0.55, 0.7, 0.4],
        "val_accuracy_spread": [0.01, np.nan, 0.02, 0.03, 0.01],
        "blocks": ["32: pacc | 64: sdta", "32: sdta", "<b>", "16: cmt", "16: cmt"],
    }
)


def test_every_point_is_there_once_in_the_look_of_its_family() -> None:
    """Rows that lack a measure are left out; colours are those of the static figures."""
    line, *families = interactive_front(POINTS.iloc[::-1], MACS, ACCURACY).data
    assert [trace.name for trace in families] == ["cmt", "pacc", "sdta"]
    seen = {(x, y) for trace in families for x, y in zip(trace.x, trace.y, strict=True)}
    assert seen == {(1e8, 0.5), (2e8, 0.6), (3e8, 0.55), (9e8, 0.7)}
    for trace in families:
        assert trace.marker.color == look(trace.name, sorted(set(POINTS["family"])))[0]
    assert list(line.x) == [1e8, 2e8, 9e8]


def test_pointing_at_a_net_says_what_it_is() -> None:
    """Number, both measures with the known spread, blocks a line a stage, nothing as HTML."""
    _, _, pacc, sdta = interactive_front(POINTS, MACS, ACCURACY).data
    assert pacc.text[0].split("<br>") == [
        "<b>trial 0</b>",
        "val_accuracy 0.500 ± 0.010",
        "macs 100 M",
        "32: pacc",
        "64: sdta",
    ]
    assert pacc.text[1].endswith("&lt;b&gt;")
    assert "±" not in sdta.text[0]
    bare = interactive_front(POINTS.drop(columns="blocks"), MACS, ACCURACY).data
    assert bare[3].text[0] == "<b>trial 1</b><br>val_accuracy 0.600<br>macs 200 M"


def test_a_trial_that_was_stopped_is_hollow_and_says_so() -> None:
    """As in the static figure."""
    stopped = POINTS.assign(macs=[1e8, 2e8, 3e8, 9e8, 1e9])
    cmt = interactive_front(stopped, MACS, ACCURACY).data[1]
    assert list(cmt.marker.symbol) == ["diamond", "diamond-open"]
    assert cmt.text[1].startswith("<b>trial 4</b>, stopped early")
    assert cmt.marker.size[0] > cmt.marker.size[1]


@pytest.mark.parametrize(("maximize", "accuracies"), [(False, [0.5, 0.7]), (True, [0.7, 0.5])])
def test_the_line_is_the_border_of_what_is_dominated(
    maximize: bool, accuracies: list[float]
) -> None:
    """Between two nets of the front it turns where both measures are the worse of the two's."""
    front = POINTS.iloc[:2].assign(val_accuracy=accuracies)
    x = Quantity("macs", "multiply-accumulates", maximize=maximize)
    line = interactive_front(front, x, ACCURACY).data[0]
    turns = {"hv": (line.x[1], line.y[0]), "vh": (line.x[0], line.y[1])}
    assert turns[line.line.shape] == ((min if maximize else max)(line.x), min(line.y))


def test_axes_are_those_of_the_static_figure() -> None:
    """Labels with units; counts that span enough are on a log axis."""
    layout = interactive_front(POINTS, MACS, ACCURACY, title="a run").layout
    assert (layout.title.text, layout.xaxis.title.text) == ("a run", MACS.text)
    assert (layout.xaxis.type, layout.yaxis.type) == ("log", "linear")
    assert OFFLINE == {"plotlyServerURL": ""}


def test_no_trial_gives_an_empty_figure() -> None:
    """A run that has only begun."""
    figure = interactive_front(POINTS.iloc[:0], MACS, ACCURACY)
    assert [len(trace.x) for trace in figure.data] == [0]


@pytest.mark.parametrize("marker", sorted(SYMBOLS))
def test_markers_are_matplotlibs(marker: str) -> None:
    """Every key is one; looks of known and unknown families all have a symbol."""
    assert marker in Line2D.markers
    families = ["pacc", "gnconv", "sdta", "cmt", "mobilevit", "convolutions only", *"abcd"]
    assert {look(family, families)[1] for family in families} <= set(SYMBOLS)

"""Parallel coordinates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes

from archsearch.figures import Quantity, plot_parallel

ACCURACY = Quantity("val_accuracy", "fraction", maximize=True)
MACS = Quantity("macs", "multiply-accumulates", maximize=False)


def nets() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": [4, 7, 9],
            "width": [32, 16, 128],
            "layer": ["sdta", None, "pacc"],
            "position": [True, False, True],
            "same": [1, 1, 1],
            "macs": [1e8, 2e8, 9e8],
            "val_accuracy": [0.5, 0.9, 0.7],
        }
    )


def rows(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def values(ax: Axes, row: int) -> list[str]:
    """What is written at an axis, from left to right."""
    here = [text for text in ax.texts if row < text.get_position()[1] < row + 0.5]
    return [text.get_text() for text in sorted(here, key=lambda text: text.get_position()[0])]


def lines(ax: Axes) -> list[list[float]]:
    """Places of each net's line from axis to axis, the best net first."""
    count = len(rows(ax))
    found = [
        line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == count
    ]  # type: ignore[arg-type]
    return [list(map(float, line.get_xdata())) for line in reversed(found)]  # type: ignore[arg-type]


def test_leaves_that_differ_are_axes_and_objectives_stand_below() -> None:
    """The first objective is the last axis; the trial's number is no leaf."""
    (ax,) = plot_parallel(nets(), [ACCURACY, MACS]).axes
    assert rows(ax) == ["width", "layer", "position", "macs", "val_accuracy"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_values_stand_in_their_order() -> None:
    """Numbers by size and not as words, words by the alphabet, what is absent first."""
    (ax,) = plot_parallel(nets(), [ACCURACY, MACS]).axes
    assert values(ax, 0) == ["16", "32", "128"]
    assert values(ax, 1) == ["\N{EN DASH}", "pacc", "sdta"]
    assert values(ax, 2) == ["no", "yes"]
    assert values(ax, 3) == ["100 M", "300 M", "900 M"]


def test_a_line_goes_through_what_its_net_chose() -> None:
    """Net 7, the best: width 16 is leftmost of three, no layer, accuracy at the right end."""
    (ax,) = plot_parallel(nets(), [ACCURACY, MACS], leaves=["width", "layer"]).axes
    best, middle, worst = lines(ax)
    assert best[0] < 1 / 3
    assert best[1] < 1 / 3
    assert best[3] == max(line[3] for line in (best, middle, worst))
    assert 1 / 3 < worst[0] < 2 / 3 < middle[0]
    assert worst[2] == min(line[2] for line in (best, middle, worst))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=9))
def test_lines_stay_near_their_value_and_apart(chosen: list[str]) -> None:
    """Each lies in the room of its value, and no two of a value lie on one another."""
    frame = pd.DataFrame({"leaf": chosen, "val_accuracy": np.linspace(0, 1, len(chosen))})
    (ax,) = plot_parallel(frame, [ACCURACY], leaves=["leaf"]).axes
    places = [line[0] for line in lines(ax)]
    texts = sorted(set(chosen))
    rooms = [texts.index(value) for value in reversed(chosen)]  # the best first
    assert [int(place * len(texts)) for place in places] == rooms
    assert len(set(np.round(places, 9))) == len(places)


def test_of_too_many_leaves_those_that_most_nets_have_are_drawn() -> None:
    """In their own order."""
    (ax,) = plot_parallel(nets(), [ACCURACY], most=3).axes
    assert rows(ax) == ["width", "position", "macs", "val_accuracy"]


def test_a_smaller_objective_can_be_the_better_one() -> None:
    """Then the net with the least is the darkest and lies on top."""
    (ax,) = plot_parallel(nets(), [MACS], leaves=["width"]).axes
    on_top = max(
        (line for line in ax.lines if line.get_marker() == "o"), key=lambda line: line.get_zorder()
    )
    assert float(on_top.get_xdata()[-1]) == min(line[-1] for line in lines(ax))  # type: ignore[index]

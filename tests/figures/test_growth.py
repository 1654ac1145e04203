"""Fronts at several times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes

from archsearch.figures import Quantity, plot_growth
from archsearch.pareto import non_dominated

COST = Quantity("cost", "score", maximize=False)
GAIN = Quantity("gain", "score", maximize=True)


def frame(cost: list[float], gain: list[float], **changes: Any) -> pd.DataFrame:
    number = list(range(len(cost)))
    columns = {"number": number, "complete": True, "cost": cost, "gain": gain}
    return pd.DataFrame({**columns, **changes})


def fronts(ax: Axes) -> list[list[list[float]]]:
    """Corners of the line of each front, the earliest first: that is the thinnest."""
    lines = sorted((line for line in ax.lines if len(line.get_xdata())), key=lambda x: x.get_lw())  # type: ignore[arg-type]
    return [np.asarray(line.get_xydata()).tolist() for line in lines]


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def test_a_front_is_of_the_trials_up_to_its_time() -> None:
    """After two trials the first two; after three the third has taken the second's place."""
    (ax,) = plot_growth(frame([1, 3, 2], [1, 2, 3]), COST, GAIN, at=[2, 3]).axes
    assert fronts(ax) == [[[1, 1], [3, 1], [3, 2]], [[1, 1], [2, 1], [2, 3]]]
    assert legend(ax)[:2] == ["2 trials", "3 trials"]


def test_the_numbers_of_trials_that_are_said_are_those_that_are_shown() -> None:
    """Fifteen do not divide by four: the first front is of four trials, as its label says."""
    cost = [float(15 - number) for number in range(15)]
    (ax,) = plot_growth(frame(cost, cost[::-1]), COST, GAIN).axes
    assert legend(ax)[:4] == ["4 trials", "8 trials", "12 trials", "15 trials"]
    assert [min(x for x, _ in corners) for corners in fronts(ax)] == [12, 8, 4, 1]
    (ax,) = plot_growth(frame([2.0, 1.0], [1.0, 2.0]), COST, GAIN).axes
    assert legend(ax)[:2] == ["1 trials", "2 trials"]


def test_times_can_be_seconds() -> None:
    """A trial counts from when it was finished, whatever its number."""
    late_first = frame([1, 3, 2], [1, 2, 3], finished_s=[90.0, 10.0, 20.0])
    (ax,) = plot_growth(late_first, COST, GAIN, by="seconds", at=[15, 100]).axes
    assert fronts(ax) == [[[3, 2]], [[1, 1], [2, 1], [2, 3]]]
    assert legend(ax)[:2] == ["15 s", "1 min 40 s"]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_the_last_front_is_the_whole_run_s(
    places: list[tuple[int, int]], complete: list[bool]
) -> None:
    """Without times four are drawn, if there are as many trials.

    The last one is the front of all complete trials.
    """
    done = complete[: len(places)]
    cost, gain = ([float(place[way]) for place in places] for way in (0, 1))
    (ax,) = plot_growth(frame(cost, gain, complete=done), COST, GAIN).axes
    known = np.array(places, dtype=float)[done]
    if not len(known):
        assert fronts(ax) == []
        return
    front = known[non_dominated(known, (False, True))]
    last = {tuple(corner) for corner in fronts(ax)[-1]}
    assert {tuple(place) for place in front} <= last
    last_number = max(number for number, whole in enumerate(done) if whole) + 1
    assert len(legend(ax)) == min(4, last_number) + 1


def test_every_complete_trial_is_drawn_once() -> None:
    """In the look of the first front that it is on, or grey."""
    points = frame([1, 3, 2, 9], [1, 2, 3, 0], complete=[True, True, True, True])
    (ax,) = plot_growth(points, COST, GAIN, at=[2, 4]).axes
    groups = [np.asarray(drawn.get_offsets()).tolist() for drawn in ax.collections]
    assert groups == [[[1, 1], [3, 2]], [[2, 3]], [[9, 0]]]


@pytest.mark.parametrize("lost", ["cost", "gain"])
def test_a_trial_that_lacks_a_measure_is_left_out(lost: str) -> None:
    """It can be on no front."""
    points = frame([1.0, 2.0], [1.0, 2.0])
    points.loc[1, lost] = np.nan
    (ax,) = plot_growth(points, COST, GAIN, at=[2]).axes
    assert fronts(ax) == [[[1, 1]]]

"""Hypervolume over a run: computed anew after every point, and bands of repeated runs."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.anytime import band, hypervolume_over, value_at
from archsearch.pareto import Points, hypervolume

VALUES = st.sampled_from([*np.linspace(-2, 2, 9).tolist(), 3.0, -3.0, math.nan, math.inf])


@settings(deadline=None)
@given(
    hnp.arrays(float, st.tuples(st.integers(0, 8), st.just(3)), elements=VALUES, fill=st.nothing()),
    st.lists(st.integers(0, 5), min_size=8, max_size=8),
)
def test_the_curve_is_the_volume_of_all_points_so_far(points: Points, times: list[int]) -> None:
    """At every moment, with points that come at once, tie, lack values or add nothing."""
    maximize, worst = (True, False, True), (-2.5, 2.5, -2.5)
    at = np.array(times[: len(points)], dtype=float)
    curve = hypervolume_over(at, points, maximize, worst)
    moments = np.arange(-0.5, 6.0, 0.5)
    expected = [hypervolume(points[at <= now], worst, maximize) for now in moments]
    assert value_at(curve, moments).tolist() == pytest.approx(expected)
    assert curve["at"].is_monotonic_increasing
    assert curve["hypervolume"].is_monotonic_increasing
    assert curve["hypervolume"].is_unique


def test_the_curve_states_its_reference_and_ends_with_the_run() -> None:
    """The last row is the run's end, also where nothing was added for long, or ever."""
    curve = hypervolume_over([1, 2], np.array([[1.0], [3.0]]), [True], (0.0,), end=9)
    assert curve.attrs["reference"] == (0.0,)
    assert curve.to_numpy().tolist() == [[1.0, 1.0], [2.0, 3.0], [9.0, 3.0]]
    nothing = hypervolume_over([], np.empty((0, 1)), [True], (0.0,), end=9)
    assert nothing.to_numpy().tolist() == [[9.0, 0.0]]


def curve(*rows: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["at", "hypervolume"], dtype=float)


def test_a_band_is_the_mean_of_steps() -> None:
    """At every moment of some run; a run that has ended keeps its value."""
    found = band([curve((1, 2.0), (4, 6.0)), curve((2, 4.0))], seed=0)
    assert found["at"].tolist() == [1, 2, 4]
    assert found["hypervolume"].tolist() == [1.0, 3.0, 5.0]
    assert (found["low"] <= found["hypervolume"]).all()
    assert (found["hypervolume"] <= found["high"]).all()


def test_the_interval_of_two_runs_is_their_range() -> None:
    """One of the two is drawn, so that the mean of the draws is one or the other."""
    found = band([curve((1, 2.0)), curve((1, 4.0))], seed=0)
    assert found[["low", "high"]].to_numpy().tolist() == [[2.0, 4.0]]


def test_one_run_has_no_interval() -> None:
    """Nothing says what another run would have reached."""
    found = band([curve((1, 2.0), (2, 3.0))], seed=0)
    assert found["hypervolume"].tolist() == [2.0, 3.0]
    assert found[["low", "high"]].isna().all(axis=None)

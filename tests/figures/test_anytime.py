"""Figures of growth over a run."""

from __future__ import annotations

from math import nan

import pandas as pd
from matplotlib.figure import Figure

from archsearch.figures.anytime import plot_anytime
from archsearch.figures.style import render

CURVES = pd.DataFrame(
    [
        ("random", 1, 0.2, 0.1, 0.3),
        ("random", 8, 0.4, 0.3, 0.5),
        ("tpe", 2, 0.3, nan, nan),
        ("tpe", 9, 0.6, nan, nan),
    ],
    columns=["strategy", "at", "hypervolume", "low", "high"],
)


def test_a_value_holds_until_the_next() -> None:
    """Steps, one line a strategy, told apart without colour."""
    figure = plot_anytime(CURVES, title="growth")
    (ax,) = figure.axes
    assert [line.get_label() for line in ax.lines] == ["random", "tpe"]
    assert ax.lines[0].get_drawstyle() == "steps-post"
    assert ax.lines[1].get_xydata().tolist() == [[2, 0.3], [9, 0.6]]
    assert render(figure, "svg").count(b"stroke-dasharray: 9") == 2, "the line and its legend"
    assert ax.get_xlim()[0] == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trials", "hypervolume (share of the box)")
    assert plot_anytime(CURVES, "seconds").axes[0].get_xlabel() == "time at work (s)"


def test_intervals_are_bands_where_there_are_any() -> None:
    """From low to high; a single run has none."""
    figure = plot_anytime(CURVES)
    band, none = figure.axes[0].collections
    (path,) = band.get_paths()
    assert path.get_extents().get_points().tolist() == [[1, 0.1], [8, 0.5]]
    assert not none.get_paths()
    assert render(figure, "png").startswith(b"\x89PNG")


def test_it_draws_in_given_axes() -> None:
    """And returns their figure."""
    figure = Figure()
    assert plot_anytime(CURVES, ax=figure.add_subplot()) is figure

"""Figures of attainment: what is drawn where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from archsearch.attainment import differences, surfaces
from archsearch.figures.attainment import plot_attainment, plot_differences
from archsearch.figures.quantity import Quantity
from archsearch.figures.style import render, series

MACS = Quantity("macs", "multiply-accumulates", maximize=False)
ACCURACY = Quantity("val_accuracy", "fraction", maximize=True)
FLAGS = (False, True)

RUNS = {
    "random": [np.array([[1e6, 0.5], [3e6, 0.7]]), np.array([[2e6, 0.6]])],
    "tpe": [np.array([[1e6, 0.6], [2e6, 0.8]])],
}


def frame(runs: dict[str, list[np.ndarray]]) -> pd.DataFrame:
    rows = [
        {"strategy": name, "runs": len(each), "surface": surface, "macs": x, "val_accuracy": y}
        for name, each in runs.items()
        for surface, corners in surfaces(each, FLAGS).items()
        for x, y in corners
    ]
    return pd.DataFrame(rows, columns=["strategy", "runs", "surface", "macs", "val_accuracy"])


def labels(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_each_strategy_has_its_median_and_a_band_from_best_to_worst() -> None:
    """One run alone has a line and no band; looks differ in colour and dashes."""
    figure = plot_attainment(frame(RUNS), MACS, ACCURACY, title="two")
    (ax,) = figure.axes
    assert labels(figure) == ["random: median, best to worst of 2", "tpe"]
    (band,) = [patch for patch in ax.patches if isinstance(patch, Polygon)]
    assert to_hex(band.get_facecolor()) == series(0).colour.lower()
    median = ax.lines[0].get_xydata()
    assert median[1:-1].tolist() == [[1e6, 0.5], [2e6, 0.5], [2e6, 0.6], [3e6, 0.6], [3e6, 0.7]]
    assert len({line.get_color() for line in ax.lines}) == 2
    assert b"stroke-dasharray: 9" in render(figure, "svg")
    assert ax.get_title(loc="left") == "two"


def test_surfaces_run_out_of_the_axes_on_their_worse_sides() -> None:
    """So that no line ends in the middle of nowhere; the better sides have room."""
    figure = plot_attainment(frame(RUNS), MACS, ACCURACY)
    (ax,) = figure.axes
    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    assert left < 1e6 < 3e6 < right
    assert low < 0.5 < 0.8 < high
    for line in ax.lines:
        x, y = line.get_xydata().T
        if len(x):
            assert x.max() >= right - 1
            assert y.min() <= low + 1e-9


@pytest.mark.parametrize("empty", [["worst"], ["median", "worst"], ["best", "median", "worst"]])
def test_empty_surfaces_are_drawn_as_nothing(empty: list[str]) -> None:
    """The band then reaches to the border; nothing at all is an empty figure."""
    rows = frame(RUNS)
    rows = rows[(rows["strategy"] == "random") & ~rows["surface"].isin(empty)]
    figure = plot_attainment(rows, MACS, ACCURACY)
    assert render(figure, "png").startswith(b"\x89PNG")
    bands = figure.axes[0].patches
    assert len(bands) == (len(empty) < 3)
    for band in bands:
        far = (figure.axes[0].get_xlim()[1] - 1e4, figure.axes[0].get_ylim()[0] + 1e-3)
        assert band.get_path().contains_point(far)


def test_a_wide_range_of_costs_has_a_log_axis() -> None:
    """As in the figure of a front."""
    wide = {"a": [np.array([[1e6, 0.5], [9e6, 0.7]])]}
    assert plot_attainment(frame(wide), MACS, ACCURACY).axes[0].get_xscale() == "log"


def rectangles() -> pd.DataFrame:
    found = differences(RUNS["random"], RUNS["tpe"], (4e6, 0.4), FLAGS)
    columns = ["macs_low", "macs_high", "val_accuracy_low", "val_accuracy_high", "difference"]
    return pd.DataFrame(found, columns=columns)


def test_differences_are_as_dark_as_they_are_large() -> None:
    """In the colour of whoever is ahead; the second strategy is hatched, for readers in grey."""
    frame = rectangles()
    figure = plot_differences(frame, MACS, ACCURACY, ("random", "tpe"))
    (ax,) = figure.axes
    assert labels(figure) == ["random ahead", "tpe ahead"]
    (drawn,) = [c for c in ax.collections if isinstance(c, PolyCollection) and len(c.get_paths())]
    assert (frame["difference"] < 0).all()
    assert drawn.get_hatch()
    colours = drawn.get_facecolor()
    assert {to_hex(colour) for colour in colours} == {series(1).colour.lower()}
    order = np.argsort(-frame["difference"].abs().to_numpy(), kind="stable")
    assert (np.diff(colours[order, 3]) <= 1e-12).all()
    assert len(set(colours[:, 3])) > 1


def test_rectangles_lie_where_they_are() -> None:
    """Corner by corner."""
    frame = rectangles()
    figure = plot_differences(frame, MACS, ACCURACY, ("random", "tpe"))
    drawn = next(c for c in figure.axes[0].collections if len(c.get_paths()))
    places = [[*p.vertices.min(axis=0), *p.vertices.max(axis=0)] for p in drawn.get_paths()]
    sides = frame[["macs_low", "val_accuracy_low", "macs_high", "val_accuracy_high"]]
    assert places == sides.to_numpy().tolist()


def test_no_difference_is_an_empty_figure_with_its_legend() -> None:
    """So that a reader sees that there was something to see."""
    figure = plot_differences(rectangles().iloc[:0], MACS, ACCURACY, ("a", "b"))
    assert labels(figure) == ["a ahead", "b ahead"]
    assert render(figure, "svg")

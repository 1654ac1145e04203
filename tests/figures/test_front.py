"""Figures of fronts."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from archsearch.blocks import BLOCKS
from archsearch.colours import look
from archsearch.figures.front import plot_front
from archsearch.figures.quantity import Quantity

MACS = Quantity("macs", "multiply-accumulates", maximize=False)
ACCURACY = Quantity("val_accuracy", "fraction", maximize=True)


def points(**changes: Any) -> pd.DataFrame:
    """Four trials: 0, 1 and 2 on the front, 3 behind it."""
    columns = {
        "number": [0, 1, 2, 3],
        "net": ["a", "b", "c", "d"],
        "family": ["pacc", "sdta", "cmt", "pacc"],
        "complete": [True] * 4,
        "on_front": [True, True, True, False],
        "macs": [1e8, 2e8, 9e8, 3e8],
        "val_accuracy": [0.5, 0.6, 0.7, 0.55],
        "val_accuracy_spread": [0.01, 0.02, 0.03, np.nan],
    }
    return pd.DataFrame({**columns, **changes})


def nets() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "net": ["edgenext_xx_small", "edgenext_x_small"],
            "macs": [2.6e8, 5.4e8],
            "val_accuracy": [0.62, np.nan],
        }
    )


def drawn(figure: Figure) -> Line2D:
    """The line of the front."""
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "front")
    return line


def legend(figure: Figure) -> list[str]:
    found = figure.axes[0].get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_front_is_joined_in_order_by_steps() -> None:
    """The line goes through the marked trials alone, from the cheapest to the dearest."""
    line = drawn(plot_front(points(), MACS, ACCURACY))
    assert list(line.get_xdata()) == [1e8, 2e8, 9e8]
    assert list(line.get_ydata()) == [0.5, 0.6, 0.7]
    assert line.get_drawstyle() == "steps-post"


def test_the_steps_border_what_is_dominated_when_more_is_better() -> None:
    """With x to be maximised the step comes before the point."""
    figure = plot_front(points(), replace(MACS, maximize=True), ACCURACY)
    assert drawn(figure).get_drawstyle() == "steps-pre"


def test_every_trial_is_drawn_once_in_the_look_of_its_family() -> None:
    """Four trials in four places, whatever family; trials without a measure are left out."""
    frame = points(val_accuracy=[0.5, 0.6, 0.7, np.nan])
    for shown, expected in ((points(), 4), (frame, 3)):
        figure = plot_front(shown, MACS, ACCURACY)
        offsets = [c.get_offsets() for c in figure.axes[0].collections if hasattr(c, "get_sizes")]
        assert sum(len(offset) for offset in offsets) == expected


def test_a_trial_that_was_stopped_is_hollow() -> None:
    """And the legend says so; complete ones are filled."""
    figure = plot_front(points(complete=[True, True, True, False]), MACS, ACCURACY)
    hollow = [
        c
        for c in figure.axes[0].collections
        if isinstance(c, PathCollection) and len(c.get_offsets()) and not len(c.get_facecolors())
    ]
    assert [c.get_offsets().tolist() for c in hollow] == [[[3e8, 0.55]]]
    assert "stopped early" in legend(figure)
    assert "stopped early" not in legend(plot_front(points(), MACS, ACCURACY))


def test_the_spread_is_drawn_where_it_is_known() -> None:
    """Three bars upwards for three known spreads, each of its own height."""
    figure = plot_front(points(), MACS, ACCURACY)
    segments = [
        segment
        for container in figure.axes[0].containers
        for bars in container[2]
        for segment in bars.get_segments()
        if np.isfinite(segment).all()
    ]
    heights = sorted(float(segment[1, 1] - segment[0, 1]) for segment in segments)
    assert heights == pytest.approx([0.02, 0.04, 0.06])


def test_published_nets_are_stars_with_their_names() -> None:
    """A net that lacks a measure is left out."""
    figure = plot_front(points(), MACS, ACCURACY, published=nets())
    assert "edgenext_xx_small" in texts(figure)
    assert "edgenext_x_small" not in texts(figure)
    assert "published net" in legend(figure)


def test_the_front_is_numbered_unless_it_is_crowded() -> None:
    """Numbers of trials up to sixteen points."""
    assert texts(plot_front(points(), MACS, ACCURACY)) == ["0", "1", "2"]
    long = pd.concat([points()] * 6, ignore_index=True)
    assert texts(plot_front(long, MACS, ACCURACY)) == []


def test_a_published_net_on_the_front_has_its_name_alone() -> None:
    """The number of its trial would lie under the name."""
    star = nets().iloc[:1].assign(macs=2e8, val_accuracy=0.6)
    found = texts(plot_front(points(), MACS, ACCURACY, published=star))
    assert found == ["0", "2", "edgenext_xx_small"]


def test_a_name_keeps_off_the_line_of_the_front() -> None:
    """A star close above the line has its name above it, where else it stands below."""
    star = nets().iloc[:1].assign(macs=4e8, val_accuracy=0.607)
    figure = plot_front(points(), MACS, ACCURACY, published=star)
    (name,) = (t for t in figure.axes[0].texts if t.get_text() == "edgenext_xx_small")
    assert name.get_verticalalignment() == "bottom"


@pytest.mark.parametrize(("most", "scale"), [(4.9e8, "linear"), (5.1e8, "log")])
def test_counts_that_span_more_than_a_factor_of_five_get_a_log_axis(
    most: float, scale: str
) -> None:
    """The rule holds for counts, not for fractions."""
    frame = points(macs=[1e8, 2e8, most, 3e8], val_accuracy=[0.1, 0.6, 0.9, 0.2])
    axes = plot_front(frame, MACS, ACCURACY).axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_yscale() == "linear"


def test_a_published_net_counts_in_the_range() -> None:
    """The axis must hold what is drawn on it."""
    frame = points(macs=[1e8, 2e8, 4e8, 3e8])
    far = nets().assign(macs=[9e8, 9e8])
    figure = plot_front(frame, MACS, ACCURACY, published=far)
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlim()[1] >= 9e8


def test_axes_carry_units_and_engineering_numbers() -> None:
    """500 M, and the unit in the label."""
    figure = plot_front(points(), MACS, ACCURACY)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert "multiply-accumulates" in axes.get_xlabel()
    assert "fraction" in axes.get_ylabel()
    assert "500 M" in [tick.get_text() for tick in axes.get_xticklabels()]


def test_families_differ_in_colour_and_in_marker() -> None:
    """For every registered block, so that neither colour nor shape alone is needed."""
    families = [*BLOCKS, "convolutions only"]
    shown = ["pacc", "gnconv", "sdta", "cmt", "mobilevit", "convolutions only"]
    looks = [look(family, families) for family in shown]
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 6
    assert all(look(family, families) for family in families)


@pytest.mark.parametrize("frame", [points().iloc[:0], points(on_front=False), points()])
def test_a_figure_renders_without_pyplot_or_display(frame: pd.DataFrame) -> None:
    """The image is not blank: dark ink and a family's colour are in it, if there is a trial."""
    figure = plot_front(frame, MACS, ACCURACY, published=nets(), title="study")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    pixels = np.asarray(Image.open(buffer).convert("RGB")).reshape(-1, 3)
    assert (pixels.sum(axis=1) < 300).any()
    if len(frame) and frame["on_front"].any():
        assert (pixels == matplotlib.colors.to_rgba_array("#D55E00")[0, :3] * 255).all(1).any()


def test_axes_that_are_given_are_drawn_in() -> None:
    """The figure is theirs."""
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot_front(points(), MACS, ACCURACY, ax=right) is figure
    assert right.collections
    assert not left.collections


@pytest.mark.parametrize(("crowded", "side"), [(1.3, "right"), (0.8, "left")])
def test_a_name_stands_where_it_hides_no_trial(crowded: float, side: str) -> None:
    """Trials to the right push it to the left, and the other way round."""
    frame = points(
        macs=[2.6e8 * crowded] * 4, val_accuracy=[0.60, 0.61, 0.63, 0.64], on_front=False
    )
    wide = pd.concat([frame, points(macs=1e8).iloc[:1], points(macs=5e8).iloc[:1]])
    figure = plot_front(wide, MACS, ACCURACY, published=nets())
    (name,) = (t for t in figure.axes[0].texts if t.get_text() == "edgenext_xx_small")
    assert name.get_horizontalalignment() == side

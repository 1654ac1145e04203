"""The figure of an ablation shows the table's own numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color

from archsearch.figures import plot_ablation

ARMS = pd.DataFrame(
    {
        "arm": ["base", "a", "b"],
        "difference": [None, -0.02, 0.005],
        "low": [None, -0.03, -0.01],
        "high": [None, -0.01, 0.02],
        "significant": [None, True, False],
    }
)
SEEDS = pd.DataFrame(
    {"arm": ["a", "a", "b", "b", "gone"], "difference": [-0.03, -0.01, 0.005, None, 0.5]}
)


def dots(ax: Axes, label: str) -> np.ndarray:
    (found,) = (c for c in ax.collections if c.get_label() == label)
    return np.asarray(found.get_offsets())


def test_the_base_has_no_row_and_arms_keep_their_order() -> None:
    """What is compared with nothing is not drawn."""
    (ax,) = plot_ablation(ARMS).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    top, bottom = ax.get_ylim()[1], ax.get_ylim()[0]
    assert top < bottom  # the first arm stands above


def test_only_what_the_corrected_test_shows_is_filled() -> None:
    """In points; a is shown, b is not."""
    (ax,) = plot_ablation(ARMS).axes
    assert dots(ax, "shown by the corrected test") == pytest.approx(np.array([[-2.0, 0]]))
    assert dots(ax, "not shown") == pytest.approx(np.array([[0.5, 1]]))
    (hollow,) = (c for c in ax.collections if c.get_label() == "not shown")
    assert same_color(hollow.get_facecolor()[0], "white")


def test_seeds_stand_below_their_arm() -> None:
    """A pair that is missing and an arm that is no row have no dot."""
    (ax,) = plot_ablation(ARMS, seeds=SEEDS).axes
    found = dots(ax, "one seed")
    assert found[:, 0] == pytest.approx([-3.0, -1.0, 0.5])
    assert (found[:, 1] > [0, 0, 1]).all()
    assert (found[:, 1] < [0.5, 0.5, 1.5]).all()


def test_the_margin_is_a_band_around_none() -> None:
    """One point to either side."""
    (ax,) = plot_ablation(ARMS, margin=0.01).axes
    (band,) = ax.patches
    box = band.get_extents().transformed(ax.transData.inverted())
    assert (box.x0, box.x1) == pytest.approx((-1.0, 1.0))

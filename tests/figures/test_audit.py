"""The figure of an audit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from archsearch.figures.audit import plot_audit


def rows() -> pd.DataFrame:
    """A row of each kind, best first, and one without a correlation."""
    return pd.DataFrame(
        {
            "name": ["3 epochs", "az_nas", "predictor", "naswot", "params", "constant"],
            "kind": ["budget", "ensemble", "predictor", "proxy", "cost", "proxy"],
            "spearman": [0.9, 0.7, 0.6, 0.5, -0.2, None],
            "low": [0.8, 0.5, 0.4, 0.2, -0.5, None],
            "high": [0.95, 0.8, 0.7, 0.7, 0.1, None],
            "partial": [0.85, 0.6, 0.5, 0.3, None, None],
        }
    )


def axes() -> Axes:
    (ax,) = plot_audit(rows(), ceiling=0.97, title="an audit").axes
    return ax


def dots(ax: Axes, label: str) -> list[tuple[float, float]]:
    (found,) = [drawn for drawn in ax.collections if drawn.get_label() == label]
    return [(float(x), float(y)) for x, y in np.asarray(found.get_offsets())]


def test_every_row_is_a_dot_at_its_correlation() -> None:
    """Best at the top, a look for each kind; what has no correlation is left out."""
    ax = axes()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["3 epochs", "az_nas", "predictor", "naswot", "params"]
    assert dots(ax, "short training") == [(0.9, 0)]
    assert dots(ax, "proxy") == [(0.5, 3)]
    assert dots(ax, "cost, the baseline") == [(-0.2, 4)]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_intervals_and_partial_correlations_are_drawn() -> None:
    """A line from low to high; a hollow dot at the correlation at fixed costs."""
    ax = axes()
    ends = {
        tuple(np.round(segment[:, 0], 2))
        for drawn in ax.collections
        if hasattr(drawn, "get_segments")
        for segment in drawn.get_segments()
    }
    assert ends == {(0.8, 0.95), (0.5, 0.8), (0.4, 0.7), (0.2, 0.7), (-0.5, 0.1)}
    assert dots(ax, "at fixed costs") == [(0.85, 0), (0.6, 1), (0.5, 2), (0.3, 3)]


def test_the_ceiling_is_a_line_and_everything_is_in_the_frame() -> None:
    """Also intervals below zero."""
    ax = axes()
    assert any(line.get_xdata()[0] == 0.97 for line in ax.lines)  # type: ignore[index]
    left, right = ax.get_xlim()
    assert left < -0.5
    assert right > 1


def test_kinds_differ_in_marker_and_colour() -> None:
    """So that the figure is read without colour as well."""
    ax = axes()
    kinds = ["short training", "several proxies", "predictor", "proxy", "cost, the baseline"]
    found = [drawn for drawn in ax.collections if drawn.get_label() in kinds]
    paths = {tuple(drawn.get_paths()[0].vertices.ravel().round(3)) for drawn in found}  # type: ignore[union-attr]
    colours = {tuple(np.asarray(drawn.get_facecolor())[0]) for drawn in found}
    assert len(paths) == len(colours) == 5

"""Importances and preferences: rows with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from archsearch.figures import plot_importance, plot_preferences


def importances() -> pd.DataFrame:
    rows = [
        ("width", "accuracy", 0.2, 0.1, 0.3),
        ("width", "macs", 0.5, 0.4, 0.7),
        ("layer", "accuracy", 0.9, 0.8, 1.0),
        ("norm", "accuracy", 0.0, -0.1, 0.1),
    ]
    return pd.DataFrame(rows, columns=["leaf", "objective", "importance", "low", "high"])


def preferences() -> pd.DataFrame:
    rows = [
        ("layer", "pacc", 0.9, 0.7, 1.0, 0.25),
        ("width", "100", 0.5, 0.3, 0.7, 0.5),
        ("layer", "cmt", 0.1, 0.0, 0.3, 0.75),
        ("width", "32", 0.5, 0.3, 0.7, 0.5),
    ]
    return pd.DataFrame(rows, columns=["leaf", "value", "share", "low", "high", "prior"])


def dots(ax: Axes, label: str) -> list[tuple[float, float]]:
    found = [drawn for drawn in ax.collections if drawn.get_label() == label]
    return [(float(x), float(y)) for group in found for x, y in np.asarray(group.get_offsets())]


def intervals(ax: Axes) -> set[tuple[float, float]]:
    segments: list[Any] = [
        segment
        for drawn in ax.collections
        if hasattr(drawn, "get_segments")
        for segment in drawn.get_segments()
    ]
    return {(float(one[0][0]), float(one[1][0])) for one in segments}


def named(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_the_most_important_leaf_stands_first() -> None:
    """By its largest importance for any objective; the axis goes downwards."""
    (ax,) = plot_importance(importances()).axes
    assert named(ax) == ["layer", "width", "norm"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert named(plot_importance(importances(), most=2).axes[0]) == ["layer", "width"]


def test_each_objective_has_a_dot_with_its_interval_at_its_leaf() -> None:
    """Within half a row of it; a line from low to high."""
    (ax,) = plot_importance(importances()).axes
    assert [(x, round(y)) for x, y in dots(ax, "accuracy")] == [(0.2, 1), (0.9, 0), (0.0, 2)]
    assert [(x, round(y)) for x, y in dots(ax, "macs")] == [(0.5, 1)]
    assert intervals(ax) == {(0.1, 0.3), (0.4, 0.7), (0.8, 1.0), (-0.1, 0.1)}


def test_two_methods_in_one_figure_are_refused() -> None:
    """Their numbers are not of one kind."""
    twice = pd.concat([importances().assign(method=method) for method in ("fanova", "ped_anova")])
    with pytest.raises(ValueError, match="twice for one objective; give the rows of one method"):
        plot_importance(twice)


def test_what_chance_gives_is_marked_where_it_is_known() -> None:
    """A tick for each dot, and its meaning in the legend."""
    (ax,) = plot_importance(importances().assign(chance=[0.1, 0.2, 0.3, 0.4])).axes
    marks = {float(x) for drawn in ax.collections for x, _ in np.asarray(drawn.get_offsets())}
    assert {0.1, 0.2, 0.3, 0.4} <= marks
    legend = ax.get_legend()
    assert legend is not None
    assert "by chance" in [text.get_text() for text in legend.get_texts()]


def test_a_choice_is_coloured_only_where_its_interval_leaves_the_space_out() -> None:
    """More often, less often, or not told apart."""
    (ax,) = plot_preferences(preferences()).axes
    assert [x for x, _ in dots(ax, "more often than the space")] == [0.9]
    assert [x for x, _ in dots(ax, "less often")] == [0.1]
    assert [x for x, _ in dots(ax, "not told apart")] == [0.5, 0.5]
    assert [x for x, _ in dots(ax, "the space")] == [0.75, 0.25, 0.5, 0.5]


def test_a_choice_whose_p_is_too_large_is_not_told_apart() -> None:
    """Of many values some intervals leave the space out by chance; p is corrected for that."""
    for p, more, less in (([0.01, 1, 0.06, 1], [0.9], []), ([0.06, 1, 0.05, 1], [], [0.1])):
        (ax,) = plot_preferences(preferences().assign(p=p)).axes
        assert [x for x, _ in dots(ax, "more often than the space")] == more
        assert [x for x, _ in dots(ax, "less often")] == less


def test_leaves_stand_as_the_frame_meets_them() -> None:
    """With their values below them, numbers by size; no two share a place."""
    (ax,) = plot_preferences(preferences()).axes
    assert named(ax) == ["cmt", "pacc", "32", "100"]
    assert [text.get_text() for text in ax.texts] == ["layer", "width"]
    places = [y for _, y in dots(ax, "the space")]
    assert sorted(set(places)) == places
    assert named(plot_preferences(preferences(), most=1).axes[0]) == ["cmt", "pacc"]

"""Learning curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from archsearch.figures import plot_curves


def curves() -> pd.DataFrame:
    """Net 3 twice, 0.2 to 0.5 and 0.4 to 0.7; net 5 once."""
    return pd.DataFrame(
        {
            "number": [3, 3, 3, 3, 5, 5],
            "repetition": [0, 0, 1, 1, 0, 0],
            "epoch": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
            "validation_accuracy": [0.2, 0.5, 0.4, 0.7, 0.1, 0.3],
            "train_loss": [2.0, 1.0, 1.5, 0.5, 2.5, 2.0],
        }
    )


def lines(ax: Axes) -> list[list[float]]:
    return [
        [round(float(y), 6) for y in np.asarray(line.get_ydata())]
        for line in ax.lines
        if len(np.asarray(line.get_ydata()))
    ]


def test_a_line_is_the_mean_and_a_band_the_extremes() -> None:
    """Over the repetitions; one repetition has no band."""
    (ax,) = plot_curves(curves()).axes
    assert lines(ax) == [[0.3, 0.6], [0.1, 0.3]]
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]  # type: ignore[index]
    assert (heights.min(), heights.max()) == (0.2, 0.7)


def test_any_column_can_stand_upwards() -> None:
    """The loss, with its own label."""
    (ax,) = plot_curves(curves(), "train_loss").axes
    assert lines(ax) == [[1.75, 0.75], [2.5, 2.0]]
    assert "loss" in ax.get_ylabel()


@pytest.mark.parametrize(("front", "numbers"), [(None, ["3", "5"]), ([3], ["3"]), ([], [])])
def test_nets_of_the_front_have_their_numbers(front: list[int] | None, numbers: list[str]) -> None:
    """Without a front all are drawn alike."""
    frame = curves()
    if front is not None:
        frame["on_front"] = frame["number"].isin(front)
    (ax,) = plot_curves(frame).axes
    assert sorted(text.get_text() for text in ax.texts) == numbers
    thick = [line for line in ax.lines if line.get_linewidth() > 1]
    assert len(thick) == len(numbers)


def test_numbers_of_lines_that_end_together_stand_above_each_other() -> None:
    """Their texts do not cover one another."""
    frame = pd.concat([curves().query("number == 5").assign(number=number) for number in range(4)])
    figure = plot_curves(frame)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    tops = sorted((box.y0 + box.y1) / 2 for box in boxes)
    assert len(tops) == 4
    assert min(np.diff(tops)) >= 7 * figure.dpi / 72


def test_families_have_their_looks_and_a_legend() -> None:
    """The colours of fronts."""
    (ax,) = plot_curves(curves().assign(family=["pacc"] * 4 + ["cmt"] * 2)).axes
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["cmt", "pacc"]
    assert {line.get_color() for line in ax.lines} == {"#D55E00", "#CC79A7"}

"""Figures of latencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.figures.latency import predicted_against_measured


def frame(**changes: Any) -> pd.DataFrame:
    """Two boards: three nets off by +30 %, +5 % and -20 %; two nets foretold exactly."""
    columns = {
        "board": ["slow", "slow", "slow", "fast", "fast"],
        "net": ["off_above", "near", "off_below", "first", "second"],
        "measured_ms": [10.0, 20.0, 40.0, 1.0, 2.0],
        "predicted_ms": [13.0, 21.0, 32.0, 1.0, 2.0],
    }
    return pd.DataFrame({**columns, **changes})


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_title(loc="left")]


def points(ax: Axes, label: str) -> set[tuple[float, float]]:
    (found,) = (drawn for drawn in ax.collections if str(drawn.get_label()).startswith(label))
    return {(float(x), float(y)) for x, y in np.asarray(found.get_offsets())}


def words(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def test_every_board_has_a_panel_in_the_order_of_the_rows() -> None:
    """Titles say the board, MAPE, Spearman and how many nets, computed from the rows."""
    titles = [ax.get_title(loc="left") for ax in panels(predicted_against_measured(frame()))]
    assert titles == [
        "slow\nMAPE 18.3 %, Spearman 1.000, 3 nets",
        "fast\nMAPE 0.0 %, Spearman 1.000, 2 nets",
    ]


def test_spearman_sees_ranks_alone() -> None:
    """Two of three nets exchanged: one minus 6 * 2 / 24."""
    swapped = frame(predicted_ms=[30.0, 25.0, 50.0, 1.0, 2.0])
    assert "Spearman 0.500" in predicted_against_measured(swapped).axes[0].get_title(loc="left")


def test_every_net_is_drawn_at_its_place_on_its_side_of_the_band() -> None:
    """Nets within and outside of the band are two groups that hold all points and share none."""
    slow = predicted_against_measured(frame()).axes[0]
    assert points(slow, "net within") == {(20.0, 21.0)}
    assert points(slow, "net outside") == {(10.0, 13.0), (40.0, 32.0)}


def test_the_band_is_the_caller_s() -> None:
    """With ±40 % nothing is outside, and nothing is named."""
    slow = predicted_against_measured(frame(), band=0.4).axes[0]
    assert points(slow, "net outside") == set()
    assert words(slow).strip() == ""


def test_what_is_outside_is_named_with_its_error_on_its_side() -> None:
    """Predicted too slow: upper left; too fast: lower right; letters go with the measured time."""
    slow = predicted_against_measured(frame()).axes[0]
    left, right = slow.texts[-2:]
    assert left.get_text() == "a  off_above +30 %"
    assert right.get_text() == "b  off_below \N{MINUS SIGN}20 %"
    assert {text.get_text() for text in slow.texts[:-2]} == {"a", "b"}


def test_of_many_nets_outside_the_worst_are_named() -> None:
    """No more names than fit: the ones left out are nearer than each that is named."""
    many = pd.DataFrame(
        {
            "board": "one",
            "net": [f"net{place}." for place in range(20)],
            "measured_ms": np.geomspace(10, 1000, 20),
            "predicted_ms": np.geomspace(10, 1000, 20) * (1.2 + 0.01 * np.arange(20)),
        }
    )
    said = words(predicted_against_measured(many).axes[0])
    named = [place for place in range(20) if f"net{place}." in said]
    assert named == list(range(20 - len(named), 20))
    assert 0 < len(named) < 20


def test_equality_is_the_diagonal() -> None:
    """Both axes of a panel are logarithmic and have one range that holds every net."""
    for ax in panels(predicted_against_measured(frame())):
        assert (ax.get_xscale(), ax.get_yscale(), ax.get_aspect()) == ("log", "log", 1.0)
        assert ax.get_xlim() == ax.get_ylim()
        (line,) = ax.lines
        assert np.array_equal(line.get_xdata(), line.get_ydata())
        drawn = points(ax, "net within") | points(ax, "net outside")
        assert all(ax.get_xlim()[0] < value < ax.get_xlim()[1] for pair in drawn for value in pair)


@pytest.mark.parametrize(("boards", "columns"), [(1, 3), (3, 3), (4, 3), (5, 2)])
def test_a_figure_has_no_empty_panel(boards: int, columns: int) -> None:
    """Whatever the number of boards, there are as many axes."""
    rows = [frame().query("board == 'fast'").assign(board=f"board {n}") for n in range(boards)]
    figure = predicted_against_measured(pd.concat(rows), columns=columns)
    assert len(figure.axes) == boards


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_the_legend_is_in_the_figure(columns: int) -> None:
    """Also where one panel is all its width."""
    rows = [frame().query("board == 'slow'").assign(board=f"board {n}") for n in range(columns)]
    figure = predicted_against_measured(pd.concat(rows), columns=columns)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    inside, whole = legend.get_window_extent(), figure.bbox
    assert whole.x0 <= inside.x0 < inside.x1 <= whole.x1
    assert inside.y1 <= whole.y1


def test_axes_of_one_board_are_labelled_and_several_are_refused() -> None:
    """Axes that are given hold one panel."""
    ax = Figure().add_subplot()
    predicted_against_measured(frame().query("board == 'slow'"), ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("measured (ms)", "predicted (ms)")
    with pytest.raises(ValueError, match="axes hold one board; got 2: slow, fast"):
        predicted_against_measured(frame(), ax=ax)


def test_the_figure_can_be_drawn_and_says_what_its_axes_are() -> None:
    """Laying it out warns of nothing; the axes are named once for all panels."""
    figure = predicted_against_measured(frame(), measured="published")
    figure.draw_without_rendering()
    assert figure.get_supxlabel() == "published (ms)"
    assert figure.get_supylabel() == "predicted (ms)"
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text() == "within ±10 %"

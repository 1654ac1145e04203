"""How figures look: colours, markers, type sizes, axes, and how they are written.

No figure uses pyplot or changes matplotlib's settings, so that they need no display and leave no
state behind. Colours are those of ``colours``; markers and dashes differ too, so that a figure can
be read in grey.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from archsearch.colours import BLACK, BLUE, FAINT, GREEN, GRID, INK, ORANGE, PURPLE, SKY, VERMILION
from archsearch.errors import InputError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

HALO = [withStroke(linewidth=2.0, foreground="white")]
"""Path effect of a text that may lie on lines."""

TITLE_PT, LABEL_PT, TICK_PT, LEGEND_PT, NOTE_PT = 11.0, 10.0, 9.0, 8.5, 7.5

WIDE, HALF, SQUARE = (8.0, 5.2), (5.6, 3.8), (5.0, 5.0)
"""Sizes in inches: a page across, beside text, equal axes."""

DPI = 150

# What files must not say, so that they are the same on any day and with any version.
_UNSIGNED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Series(NamedTuple):
    """Look of one of several lines or groups: colour, marker and dashes, all different."""

    colour: str
    marker: str
    dashes: tuple[float, tuple[float, ...] | None]


SERIES = (
    Series(BLUE, "o", (0, None)),
    Series(VERMILION, "D", (0, (5, 2))),
    Series(GREEN, "^", (0, (1.5, 1.5))),
    Series(PURPLE, "s", (0, (5, 1.5, 1.5, 1.5))),
    Series(ORANGE, "v", (0, (8, 2))),
    Series(SKY, "P", (0, (3, 1, 1, 1, 1, 1))),
    Series(BLACK, "X", (0, (2, 3))),
)


def series(index: int) -> Series:
    """Look of the line or group with this place; after the last one they begin again."""
    return SERIES[index % len(SERIES)]


def new_axes(size: tuple[float, float] = WIDE) -> Axes:
    """Axes in a new figure of a size in inches."""
    return Figure(figsize=size, dpi=DPI, layout="constrained").add_subplot()


def figure_of(ax: Axes) -> Figure:
    """The whole figure that axes are in."""
    figure: Figure | SubFigure | None = ax.get_figure(root=True)
    assert isinstance(figure, Figure)  # noqa: S101 (axes to draw in are always in a figure)
    return figure


def dress(ax: Axes, *, grid: str | None = "both", tick_pt: float = TICK_PT) -> None:
    """Spines, ticks and grid; ``grid`` is both, x, y or None."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=tick_pt)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=INK, size=LABEL_PT)
    if grid is not None:
        ax.grid(axis=grid, color=GRID, lw=0.8)  # type: ignore[arg-type]  # its stub lists literals
    ax.set_axisbelow(True)


def head(ax: Axes, title: str | None, *, columns: int | None = None) -> None:
    """Title, and a legend of all that has a label between it and the axes, where it hides nothing.

    ``columns`` are the legend's; None puts it into one row.
    """
    handles, labels = ax.get_legend_handles_labels()
    columns = min(columns or len(handles), len(handles))
    rows = -(-len(handles) // columns) if handles else 0
    if title is not None:
        ax.set_title(title, loc="left", fontsize=TITLE_PT, color=INK, pad=6 + 18 * rows)
    if handles:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0)}
        text: dict[str, Any] = {"fontsize": LEGEND_PT, "labelcolor": INK, "frameon": False}
        space: dict[str, Any] = {"handletextpad": 0.3, "columnspacing": 1.2, "ncols": columns}
        ax.legend(handles, labels, **place, **text, **space)


def render(figure: Figure, kind: str) -> bytes:
    """A figure as a file's content: ``png``, ``svg``, ``pdf`` or another format of matplotlib.

    The same figure gives the same bytes. Text stays text that can be searched and selected, in PDF
    and EPS in TrueType, which publishers ask for, and in SVG in the reader's own font; but for the
    few words with a halo, which are outlines.

    Raises:
        InputError: there is no such format.
    """
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InputError(f"no figure has the format {kind!r}; {nearest(kind, known)}")
    buffer = io.BytesIO()
    fixed: Any = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none"}
    fixed |= {"svg.hashsalt": "archsearch"}
    with mpl.rc_context(fixed):
        figure.savefig(buffer, format=kind, metadata=_UNSIGNED.get(kind))
    return buffer.getvalue()


def save(figure: Figure, *targets: Path) -> None:
    """Write a figure to files, each in the format that its ending names.

    Raises:
        InputError: an ending names no format; then nothing is written.
    """
    contents = [render(figure, target.suffix.removeprefix(".").lower()) for target in targets]
    for target, content in zip(targets, contents, strict=True):
        target.write_bytes(content)

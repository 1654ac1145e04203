"""A sheet on which drawings are painted in inches, y downwards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path

from archsearch.drawing.routing import Frame, Point
from archsearch.drawing.style import FAINT, INK, LINE

_MARGIN = 0.06
_CORNER = 0.055
_ARROW = (0.062, 0.026)
"""Length and half width of an arrow's head."""
_POINTS_PER_INCH = 72


class Canvas:
    """Axes whose units are inches; in axes that are given, everything shrinks to fit.

    Args:
        extent: what will be painted.
        ax: where; None makes a figure of just that size.
    """

    def __init__(self, extent: Frame, ax: Axes | None) -> None:
        left, right = extent.left - _MARGIN, extent.right + _MARGIN
        top, bottom = extent.top - _MARGIN, extent.bottom + _MARGIN
        width, height = right - left, bottom - top
        if ax is None:
            figure = Figure(figsize=(width, height), dpi=200)
            ax = figure.add_axes((0, 0, 1, 1))
        root = ax.get_figure(root=True)
        assert root is not None  # noqa: S101 (axes to draw in are always in a figure)
        self.ax, self.figure = ax, root
        room = ax.get_window_extent()
        self.scale = min(room.width / width, room.height / height) / root.dpi
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        ax.set_axis_off()

    def pile(
        self, slabs: Sequence[tuple[Frame, str]], border: str, *, behind: bool = False
    ) -> None:
        """Slabs on top of each other, each with its fill, in one outline."""
        first, last = slabs[0][0], slabs[-1][0]
        outline = self._rounded(Frame(first.left, first.top, first.right, last.bottom))
        outline.set(edgecolor=border, linewidth=0.9 * self.scale, zorder=1 if behind else 4)
        self.ax.add_patch(outline)
        for slab, fill in slabs:
            if len(slabs) == 1:
                outline.set_facecolor(fill)
                continue
            corner, size = (slab.left, slab.top), (first.right - first.left, slab.bottom - slab.top)
            patch = Rectangle(corner, *size, fc=fill, ec="none", zorder=3)
            self.ax.add_patch(patch)
            patch.set_clip_path(outline)
        for slab, _ in slabs[1:]:
            inside = [slab.left + 0.01, slab.right - 0.01]
            self.ax.plot(inside, [slab.top] * 2, color="white", lw=0.8 * self.scale, zorder=3.5)

    def circle(self, frame: Frame, *, times: bool) -> None:
        """A circle with a plus, or with a dot for an elementwise product."""
        (x, y), radius = frame.centre, (frame.right - frame.left) / 2
        self.ax.add_patch(
            Circle((x, y), radius, fc="white", ec=LINE, lw=0.9 * self.scale, zorder=4)
        )
        if times:
            self.ax.add_patch(Circle((x, y), 0.024, color=LINE, lw=0, zorder=5))
            return
        arm = 0.55 * radius
        for xs, ys in (([x - arm, x + arm], [y, y]), ([x, x], [y - arm, y + arm])):
            self.ax.plot(xs, ys, color=LINE, lw=0.9 * self.scale, zorder=5)

    def arrow(self, line: Sequence[Point]) -> None:
        """A line with rounded corners and a head at its end."""
        line = _distinct(line)
        (x0, y0), (x1, y1) = line[-2:]
        length = hypot(x1 - x0, y1 - y0)
        along = (x1 - x0) / length, (y1 - y0) / length
        head, half = _ARROW
        back = x1 - head * along[0], y1 - head * along[1]
        across = -along[1] * half, along[0] * half
        path = _rounded_path([*line[:-1], back])
        self.ax.add_patch(PathPatch(path, fc="none", ec=LINE, lw=0.9 * self.scale, zorder=2))
        corners = [
            (x1, y1),
            (back[0] + across[0], back[1] + across[1]),
            (back[0] - across[0], back[1] - across[1]),
        ]
        self.ax.add_patch(Polygon(corners, closed=True, fc=LINE, ec="none", zorder=2.5))

    def dot(self, at: Point) -> None:
        """A dot where a line branches."""
        self.ax.add_patch(Circle(at, 0.022, color=LINE, lw=0, zorder=2.5))

    def text(self, frame: Frame, lines: Sequence[tuple[str, float]], *, bold: bool = False) -> None:
        """Lines of text in the middle of a box, the first in ink, the others fainter."""
        x, _ = frame.centre
        heights = [size / _POINTS_PER_INCH * 1.35 for _, size in lines]
        top = (frame.top + frame.bottom - sum(heights)) / 2
        for place, ((text, size), height) in enumerate(zip(lines, heights, strict=True)):
            self.ax.text(
                x,
                top + sum(heights[:place]) + height / 2,
                text,
                fontsize=size * self.scale,
                color=FAINT if place else INK,
                ha="center",
                va="center_baseline",
                fontweight="bold" if bold and not place else "normal",
                zorder=6,
            )

    def words(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False,
        align: Literal["left", "center"] = "center",
    ) -> None:  # fmt: skip
        """A line of text beside the boxes."""
        self.ax.text(
            x, y, text, fontsize=size * self.scale, color=INK if bold else FAINT, ha=align,
            va="center_baseline", fontweight="bold" if bold else "normal", zorder=6,
        )  # fmt: skip

    def bracket(self, x: float, top: float, bottom: float, text: str) -> None:
        """A bracket at the right of what is repeated, with how often."""
        xs, ys = [x, x + 0.04, x + 0.04, x], [top, top, bottom, bottom]
        self.ax.plot(xs, ys, color=LINE, lw=0.9 * self.scale, solid_joinstyle="round")
        self.words(x + 0.14, (top + bottom) / 2, text, 7.0, bold=True)

    def _rounded(self, frame: Frame) -> FancyBboxPatch:
        radius = 0.04
        return FancyBboxPatch(
            (frame.left + radius, frame.top + radius),
            frame.right - frame.left - 2 * radius,
            frame.bottom - frame.top - 2 * radius,
            boxstyle=f"round,pad={radius},rounding_size={radius}",
            fc="none",
            ec="none",
            label="box",
        )


def _distinct(line: Sequence[Point]) -> list[Point]:
    """A line without points that repeat the one before."""
    return [
        line[0],
        *(b for a, b in pairwise(line) if hypot(b[0] - a[0], b[1] - a[1]) > 1e-6),
    ]


def _rounded_path(line: Sequence[Point]) -> Path:
    """A polyline whose corners are quarter turns."""
    points, codes = [line[0]], [Path.MOVETO]
    for before, corner, after in zip(line, line[1:], line[2:], strict=False):
        points += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*points, line[-1]], [*codes, Path.LINETO])


def _towards(corner: Point, end: Point) -> Point:
    """The point near a corner where its rounding begins."""
    length = hypot(end[0] - corner[0], end[1] - corner[1])
    part = min(_CORNER, length / 2) / length
    return corner[0] + part * (end[0] - corner[0]), corner[1] + part * (end[1] - corner[1])

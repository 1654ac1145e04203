"""Names beside points, at the corner where each hides least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from archsearch.colours import INK
from archsearch.figures.style import HALO, figure_of

Floats = NDArray[np.float64]

_CORNERS = ((1, -1), (-1, -1), (1, 1), (-1, 1))
_NEAR_PT = 5
"""What is nearer than this to a name lies under it."""


def name_points(
    ax: Axes,
    names: Sequence[str],
    places: Floats,
    taken: Floats,
    *,
    size: float,
    away: tuple[float, float],
    **text: Any,
) -> None:
    """Write a name beside each point, where most room is left by what is ``taken``.

    The axes must have their limits, and must not change them afterwards.

    Args:
        ax: where the points are.
        names: one a point.
        places: points (N, 2) in the units of the data.
        taken: places (M, 2) that names should not hide, in typographic points.
        size: type size.
        away: distance between point and name, across and upwards, in typographic points.
        text: as of ``Axes.annotate``.
    """
    frame = in_points(ax, None)
    for name, place, at in zip(names, places, in_points(ax, places), strict=True):
        if not name:
            continue
        right, up, label = _roomiest(at, name, taken, frame, size, away)
        taken = np.vstack([taken, label])
        ax.annotate(
            name,
            (float(place[0]), float(place[1])),
            xytext=(away[0] * right, away[1] * up),
            textcoords="offset points",
            ha="left" if right > 0 else "right",
            va="bottom" if up > 0 else "top",
            fontsize=size,
            color=INK,
            path_effects=HALO,
            **text,
        )


def in_points(ax: Axes, data: Floats | None) -> Floats:
    """Places of data in typographic points; without data the corners of the axes."""
    pixels = (
        ax.transAxes.transform([(0, 0), (1, 1)]) if data is None else ax.transData.transform(data)
    )
    return np.asarray(pixels, dtype=float) * 72 / figure_of(ax).dpi


def _roomiest(
    place: Floats, name: str, taken: Floats, frame: Floats, size: float, away: tuple[float, float]
) -> tuple[int, int, Floats]:
    """Corner of a point at which a name hides least, and cells that the name then takes.

    All in typographic points; ``frame`` holds the lower left and upper right of the axes.
    """

    def cells(right: int, up: int) -> Floats:
        along = np.linspace(away[0], away[0] + 0.65 * size * len(name), 2 * len(name))
        rows = away[1] + np.linspace(0, 1.2 * size, 3)
        return np.array([(right * a, up * b) for a in along for b in rows]) + place

    def hidden(right: int, up: int) -> int:
        covered = cells(right, up)
        gaps = np.abs(covered[:, None] - taken[None]).max(axis=2).min(axis=0)
        outside = (covered < frame[0]).any() or (covered > frame[1]).any()
        return int((gaps < _NEAR_PT).sum()) + 1000 * bool(outside)

    best = min(_CORNERS, key=lambda corner: hidden(*corner))
    return *best, cells(*best)

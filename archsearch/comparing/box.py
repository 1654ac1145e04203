"""The box in objective space in which hypervolumes are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from archsearch.certainty import values
from archsearch.comparing.strategies import Strategy
from archsearch.errors import InputError
from archsearch.measures import Direction
from archsearch.pareto import Points, hypervolume, reference_point

Corners = Mapping[str, Mapping[str, float]]
"""``reference`` and ``ideal``, values by measure."""


@dataclass(frozen=True)
class Box:
    """All places between ``reference``, the worst, and ``ideal``, the best, in order of objectives.

    Hypervolumes are told as shares of it, as their own unit is the product of the objectives'.
    """

    directions: Mapping[str, Direction]
    reference: tuple[float, ...]
    ideal: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """The objectives."""
        return list(self.directions)

    @property
    def maximize(self) -> list[bool]:
        """Which way each of them is better."""
        return [direction == "maximize" for direction in self.directions.values()]

    @property
    def volume(self) -> float:
        """In the product of the objectives' units."""
        sides = zip(self.reference, self.ideal, strict=True)
        return prod(abs(worst - best) for worst, best in sides)

    def share(self, points: Points) -> float:
        """Hypervolume of points as a share of the box."""
        return hypervolume(points, self.reference, self.maximize) / self.volume

    def to_data(self) -> dict[str, dict[str, float]]:
        """Both corners by measure."""
        corners = {"reference": self.reference, "ideal": self.ideal}
        return {k: dict(zip(self.names, corner, strict=True)) for k, corner in corners.items()}

    def __str__(self) -> str:
        """Both corners, as ``--reference`` takes them."""
        return ", ".join(f"{k} {_written(v)}" for k, v in self.to_data().items())


def box_of(
    strategies: Sequence[Strategy],
    directions: Mapping[str, Direction],
    corners: Corners | None = None,
) -> Box:
    """The box of all complete trials of all runs, or one whose corners are given.

    Where a corner is not given, the reference is ``pareto.reference_point`` of the trials, and the
    ideal their best value of each objective.

    Raises:
        InputError: a corner lacks an objective or has another, or the reference is not worse than
            the ideal.
    """
    names, maximize = list(directions), [d == "maximize" for d in directions.values()]
    points = np.vstack([values(run, names) for s in strategies for run in s.complete(names)])
    best = np.where(maximize, points.max(axis=0), points.min(axis=0))
    found = {"reference": reference_point(points, maximize), "ideal": tuple(map(float, best))}
    found |= {which: _corner(which, at, names) for which, at in (corners or {}).items()}
    for name, worst, ideal, up in zip(names, *found.values(), maximize, strict=True):
        if (ideal <= worst) if up else (ideal >= worst):
            raise InputError(
                f"the reference of {name} is {worst:g} and its ideal {ideal:g}; the reference must "
                "be the worse one"
            )
    return Box(directions, found["reference"], found["ideal"])


def _corner(which: str, given: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    if set(given) != set(names):
        raise InputError(
            f"the {which} point has {', '.join(given)}; it needs a value of each of "
            f"{', '.join(names)}"
        )
    return tuple(float(given[name]) for name in names)


def _written(corner: Mapping[str, float]) -> str:
    return ",".join(f"{name}={value:.6g}" for name, value in corner.items())

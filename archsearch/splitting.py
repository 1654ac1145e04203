"""Rare rows of independent uniform labels, by adaptive multilevel splitting.

Rows within a limit so narrow that draws hardly meet it are reached over levels of excess: the share
of a cloud of rows that is closest survives, takes the place of the others, and is moved by Markov
chains that keep the draws' distribution within the level (subset simulation, Au and Beck 2001,
section 4; generalized splitting for discrete rows, Botev and Kroese 2012).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

Excess = Callable[[IntArray], FloatArray]
"""How far each of (N, L) rows is outside: 0 is within, infinite is no member at all."""

SURVIVE = 0.25
"""Share of the cloud within the next level, where ties allow it."""

MOVED = 0.9
"""Share of the rows, and in ``renew`` of their leaves, that must have been redrawn."""

MOST_STEPS = 40
"""Steps on one level after which it is left although rows still stand where they were."""

MOST_RENEWING = 400
"""Steps of ``renew`` after which it ends although leaves still have their old labels."""

STALLS = 3
"""Levels in a row without a row below them after which there are believed to be none."""


@dataclass(frozen=True)
class Cloud:
    """Rows (N, L) with their excess (N,)."""

    rows: IntArray
    excess: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    def taken(self, index: IntArray | BoolArray) -> Cloud:
        """The rows at ``index``."""
        return Cloud(self.rows[index], self.excess[index])


@dataclass(frozen=True)
class Chains:
    """Markov chains over rows, reversible under the draws' distribution within any level.

    ``labels`` (L,) holds how many labels each leaf has; draws are uniform and independent.
    """

    labels: IntArray
    excess: Excess
    rng: np.random.Generator

    def step(self, cloud: Cloud, level: float) -> tuple[Cloud, BoolArray]:
        """Redraw some leaves of every row, and keep what is within ``level``.

        Half of the rows have about one leaf redrawn, and every doubling is half as frequent, up to
        all leaves: most steps are small enough to stay within a level, and none is impossible. The
        leaves are chosen without a look at the row and their labels without a look at the old ones,
        so that a step and its way back are equally likely.

        Returns:
            The cloud, and a mask (N, L) of the leaves that were redrawn and kept.
        """
        shape = cloud.rows.shape
        chance = np.minimum(2.0 ** (self.rng.geometric(0.5, shape[0]) - 1) / shape[1], 1.0)
        redrawn = self.rng.random(shape) < chance[:, None]
        redrawn[np.arange(shape[0]), self.rng.integers(shape[1], size=shape[0])] = True
        rows = np.where(redrawn, self.rng.integers(self.labels, size=shape), cloud.rows)
        different = (rows != cloud.rows).any(axis=1)
        excess = cloud.excess.copy()
        excess[different] = self.excess(rows[different])
        kept = excess <= level
        moved = Cloud(
            np.where(kept[:, None], rows, cloud.rows), np.where(kept, excess, cloud.excess)
        )
        return moved, redrawn & kept[:, None]

    def stir(self, cloud: Cloud, level: float) -> Cloud:
        """Step until most rows have moved."""
        moved = np.zeros(len(cloud), dtype=bool)
        for _ in range(MOST_STEPS):
            before = cloud.rows
            cloud, _ = self.step(cloud, level)
            moved |= (cloud.rows != before).any(axis=1)
            if moved.mean() >= MOVED:
                break
        return cloud

    def renew(self, cloud: Cloud, level: float = 0.0) -> Cloud:
        """Step until most leaves of the cloud have been redrawn, so that little is left of it."""
        renewed = np.zeros(cloud.rows.shape, dtype=bool)
        for _ in range(MOST_RENEWING):
            cloud, redrawn = self.step(cloud, level)
            renewed |= redrawn
            if renewed.mean() >= MOVED:
                break
        return cloud

    def split(self, cloud: Cloud, size: int) -> Cloud:
        """Lower the level until every row is within, or until no row is found below it.

        Rows that survived a level have common ancestors: ``renew`` them before they are used.

        Args:
            cloud: draws, of which at least one has a finite excess.
            size: rows of the cloud that is carried from level to level and returned.
        """
        level, stalls = float("inf"), 0
        while level > 0 and stalls < STALLS and len(self.labels):
            lower = next_level(cloud.excess, level)
            stalls = 0 if lower < level else stalls + 1
            level = lower
            cloud = self.stir(self._resampled(cloud.taken(cloud.excess <= level), size), level)
        return cloud

    def _resampled(self, cloud: Cloud, size: int) -> Cloud:
        """Each row as often as any other, but for a rest of ``size`` that is drawn."""
        return cloud.taken(np.resize(self.rng.permutation(len(cloud)), size))


def next_level(excess: FloatArray, level: float) -> float:
    """The highest level below ``level`` that few enough rows are within; ``level`` if none is.

    That is the excess of the last of those that survive. Where so many rows stand on ``level``
    itself that they would all survive, it is the highest excess below.
    """
    lower = float(np.sort(excess)[int(SURVIVE * (len(excess) - 1))])
    if lower < level:
        return lower
    return float(max(excess[excess < level], default=level))

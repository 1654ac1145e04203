"""Seeds where they decide something: which arms get one more.

An arm is done when its difference is significant, when it is shown to be equal (with a margin), or
when seeds up to ``most`` would hardly decide it. The first two are asked with p-values that hold
for all looks together (``sequential``), and giving up can only make errors rarer; so the
family-wise error stays at alpha.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr, stdtrit

from archsearch.significance.corrected import at_most, over_looks
from archsearch.significance.paired import check_rates
from archsearch.significance.pairs import Pair, pairs_of
from archsearch.significance.sequential import Looks

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HOPE = 0.1
"""An arm whose chance of being decided by the last seed is below this gets no more seeds."""

_NO_SPREAD = 1e-12
"""In the place of a spread of zero, which would be divided by."""


def wanted(
    frame: pd.DataFrame,
    base: str,
    *,
    alpha: float,
    margin: float | None,
    first: int,
    most: int,
    references: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Arms that get one more seed, in the order of the columns, their references among them.

    A function of the results alone: what earlier borders decided is found again from the frame, so
    an arm that was done once stays so.

    Args:
        frame: accuracies of all seeds so far; index: seeds in the order in which they were run; a
            column an arm; NaN where a training failed (that seed is spent) or was not done.
        base: the column that arms are compared with.
        alpha: family-wise error rate over all arms and all looks.
        margin: differences smaller than this count as none.
        first: seeds that every arm gets.
        most: seeds that no arm exceeds.
        references: as in ``judge``.

    Raises:
        InputError: as ``judge`` does, and if 1 <= first <= most <= 20 does not hold.
    """
    check_rates(alpha, margin)
    looks = Looks(first, most)
    columns = [str(arm) for arm in frame.columns]
    pairs = pairs_of(frame, base, references)
    if len(frame) < first:
        return tuple(columns)
    if len(frame) >= most:
        return ()
    last = undecided(frame, pairs, alpha, margin, looks)[-1]
    running = [pair for pair, wants in zip(pairs, last, strict=True) if wants]
    needed = {name for pair in running for name in (pair.arm, pair.reference)}
    return tuple(name for name in columns if name in needed)


def undecided(
    frame: pd.DataFrame,
    pairs: tuple[Pair, ...],
    alpha: float,
    margin: float | None,
    looks: Looks,
) -> Flags:
    """Whether each arm wants a seed after ``looks.first`` seeds, after one more, ... (looks, arms).

    The last row is after all seeds of the frame.
    """
    seen = _pairs_by_then(frame, pairs)[looks.first - 1 :]
    differs = at_most(over_looks(pairs, seen, alpha, looks), alpha)
    done = differs.copy()
    if margin is not None:
        done |= at_most(over_looks(pairs, seen, alpha, looks, margin), alpha)
    for row, counts in enumerate(seen):
        ahead = looks.most - looks.first - row
        level = alpha / max(1, int((~differs[row]).sum()))
        hopes = [
            hope(pair.differences[:n], ahead, level, margin)
            for pair, n in zip(pairs, counts, strict=True)
        ]
        done[row] |= np.array(hopes) < HOPE
    return ~np.logical_or.accumulate(done, axis=0)


def hope(differences: Floats, ahead: int, level: float, margin: float | None) -> float:
    """Predictive probability that ``ahead`` more pairs decide an arm.

    The mean of all pairs then is Student-distributed about the mean now (normal differences, flat
    prior); decided is Student's test at ``level``, for the difference or for the margin. It only
    says where a seed may be worth its price, so it need not be exact.
    """
    n, total = len(differences), len(differences) + ahead
    if n < 2:
        return 1.0
    mean, sd = float(differences.mean()), max(float(differences.std(ddof=1)), _NO_SPREAD)
    error = sd / sqrt(total)
    spread = sd * sqrt(max(1 / n - 1 / total, _NO_SPREAD))

    def below(value: float) -> float:
        return float(stdtr(n - 1, (value - mean) / spread))

    bar = error * float(stdtrit(total - 1, 1 - level / 2))
    inside = (margin or 0.0) - error * float(stdtrit(total - 1, 1 - level))
    decided = 1 - below(bar) + below(-bar)
    if inside > 0:
        decided += below(inside) - below(-inside)
    return min(1.0, decided)


def _pairs_by_then(frame: pd.DataFrame, pairs: tuple[Pair, ...]) -> list[list[int]]:
    """How many pairs of each arm (arms,) there are after each row of the frame."""
    counts = [(frame[pair.arm] - frame[pair.reference]).notna().cumsum() for pair in pairs]
    return [[int(count) for count in row] for row in zip(*counts, strict=True)]

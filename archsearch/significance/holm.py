"""The correction for looking at several arms (Holm 1979)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def holm(p: npt.ArrayLike) -> Floats:
    """Corrected p-values (m,): the family-wise error stays at alpha where they are held to alpha.

    The i-th smallest of m is multiplied by m - i + 1, and none may be under one that was smaller
    before. It holds for any dependence, and arms that share a base are dependent. A NaN (an arm
    without a pair) stays one and is counted as a member of the family all the same: what failed
    makes the others' test no easier.
    """
    given = np.asarray(p, dtype=float)
    order = np.argsort(np.where(np.isnan(given), np.inf, given), kind="stable")
    factors = np.arange(len(given), 0, -1)
    stepped = np.maximum.accumulate(np.minimum(given[order] * factors, 1.0))
    corrected = np.empty_like(given)
    corrected[order] = stepped
    return corrected

"""Is a difference shown to be smaller than a margin? Two one-sided tests (Schuirmann 1987).

A large p-value says that nothing was shown; it does not say that there is no difference. To show
that, both "the arm is worse by the margin or more" and "better by the margin or more" must be
rejected. Each is tested with the exact one-sided sign-flip test of the mean, on the differences
moved by the margin, so that five pairs can show it at 5 % (1 / 32) and four cannot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archsearch.significance.sequential import Looks, sequential_p
from archsearch.significance.sign_flip import sign_flip_p

Floats = npt.NDArray[np.float64]


def equivalence_p(differences: npt.ArrayLike, margin: float) -> float:
    """The larger p-value of the two one-sided tests; NaN without a difference."""
    return max(sign_flip_p(moved, "greater") for moved in _moved(differences, margin))


def sequential_equivalence_p(
    differences: npt.ArrayLike, margin: float, looks: Looks, levels: Floats
) -> Floats:
    """The same after each pair, holding for all looks together (see ``sequential_p``)."""
    below, above = _moved(differences, margin)
    one, other = (sequential_p(moved, looks, levels, "greater") for moved in (below, above))
    return np.maximum(one, other)


def _moved(differences: npt.ArrayLike, margin: float) -> tuple[Floats, Floats]:
    d = np.asarray(differences, dtype=float)
    return d + margin, margin - d

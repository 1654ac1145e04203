"""P-values of all arms of an ablation, corrected over the arms and over the looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archsearch.significance.equivalence import equivalence_p, sequential_equivalence_p
from archsearch.significance.holm import holm
from archsearch.significance.pairs import Pair
from archsearch.significance.sequential import Looks, ladder, sequential_p
from archsearch.significance.sign_flip import sign_flip_p

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def corrected_p(
    pairs: Sequence[Pair], alpha: float, looks: Looks | None, margin: float | None = None
) -> Floats:
    """Holm's p-values (arms,) of no difference, or with ``margin`` of one of its size or more.

    Those that hold for all looks together where there are ``looks``.
    """
    if looks:
        seen = [[len(pair.differences) for pair in pairs]]
        return np.asarray(over_looks(pairs, seen, alpha, looks, margin)[0])
    if margin is None:
        return holm([sign_flip_p(pair.differences) for pair in pairs])
    return holm([equivalence_p(pair.differences, margin) for pair in pairs])


def over_looks(
    pairs: Sequence[Pair],
    seen: Sequence[Sequence[int]],
    alpha: float,
    looks: Looks,
    margin: float | None = None,
) -> Floats:
    """Holm's p-values (borders, arms) when each arm had as many pairs as ``seen`` says."""
    levels = ladder(alpha, len(pairs), looks.most)
    paths = [_path(pair, looks, levels, margin) for pair in pairs]
    rows = [
        holm([path[n - 1] if n else np.nan for path, n in zip(paths, counts, strict=True)])
        for counts in seen
    ]
    return np.array(rows).reshape(len(seen), len(pairs))


def at_most(p: npt.ArrayLike, alpha: float) -> Flags:
    """Whether p <= alpha, rounding aside: with m arms Holm's m * (alpha / m) is alpha."""
    return np.asarray(np.asarray(p, dtype=float) <= alpha * (1 + 1e-9))


def _path(pair: Pair, looks: Looks, levels: Floats, margin: float | None) -> Floats:
    if margin is None:
        return sequential_p(pair.differences, looks, levels)
    return sequential_equivalence_p(pair.differences, margin, looks, levels)

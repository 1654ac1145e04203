"""The exact sign-flip permutation test of paired differences.

If an arm does nothing, arm and reference are exchangeable on every seed, so each difference could
as well have had the other sign. The p-value is the share of all 2^n sign patterns whose sum is at
least as far out as the one seen (Fisher 1935, section 21). It needs no normal distribution, and
its price is that n differences cannot give less than 2 / 2^n.
"""

from __future__ import annotations

from functools import reduce
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from archsearch.seeds import derive

Floats = npt.NDArray[np.float64]
Tail = Literal["both", "greater"]

MOST_EXACT = 20
"""Up to 2^20 patterns all are looked at."""

DRAWS = 100_000
"""Patterns that are drawn where there are more."""

_BLOCK = 1_000

_ROUNDING = 1e-9
"""Equal sums in another order differ by rounding, as a share of the sum of all sizes."""


def sign_flip_p(differences: npt.ArrayLike, tail: Tail = "both") -> float:
    """P-value of no difference.

    Args:
        differences: (n,).
        tail: "greater" tests against a mean above zero.

    Returns:
        NaN where n is 0. Above ``MOST_EXACT`` differences a Monte Carlo estimate, seeded, whose
        error ``monte_carlo_error`` gives.
    """
    d = np.asarray(differences, dtype=float)
    if len(d) == 0:
        return float("nan")
    sums = _all_sums(d, tail) if len(d) <= MOST_EXACT else _drawn_sums(d)
    out = outness(sums, tail)
    return float((out >= out[0] - _ROUNDING * np.abs(d).sum()).mean())


def monte_carlo_error(p: float, n: int) -> float:
    """Standard error of ``sign_flip_p`` of n differences; zero where it is exact."""
    return 0.0 if n <= MOST_EXACT else sqrt(p * (1 - p) / DRAWS)


def outness(sums: Floats, tail: Tail) -> Floats:
    """How far out each of the sums is: its size, or itself."""
    return np.abs(sums) if tail == "both" else sums


def first_sums(difference: float, tail: Tail) -> Floats:
    """The sums of one difference; a two-sided test gives the same for the opposite pattern."""
    return np.array([difference] if tail == "both" else [difference, -difference])


def with_next(sums: Floats, difference: Floats | float) -> Floats:
    """All sums when one more difference comes with either sign; first the one as it was seen."""
    return np.concatenate([sums + difference, sums - difference])


def _all_sums(d: Floats, tail: Tail) -> Floats:
    return reduce(with_next, d[1:], first_sums(d[0], tail))


def _drawn_sums(d: Floats) -> Floats:
    rng = np.random.default_rng(derive(0, "sign_flip", len(d)))
    # In blocks: all signs at once would fill the memory where n is in the thousands.
    drawn = [_signs(rng, len(d)) @ d for _ in range(DRAWS // _BLOCK)]
    # The pattern that was seen is one of them, so that p is never zero.
    return np.concatenate([[d.sum()], *drawn])[:DRAWS]


def _signs(rng: np.random.Generator, n: int) -> Floats:
    return np.array([1.0, -1.0])[rng.integers(0, 2, (_BLOCK, n), dtype=np.int8)]

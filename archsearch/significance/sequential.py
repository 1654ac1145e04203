"""Sign-flip tests that may be looked at after every seed.

Whoever adds seeds until a test says yes has tested at every look. Here a test at level a may have
rejected at most the share a * sqrt(n / most) of all 2^n sign patterns by the time that n pairs are
there: alpha spending (Lan and DeMets 1983) on the exact permutation distribution. Patterns that an
earlier look would have rejected are known, so looks that agree cost nothing twice. Given the sizes
of the differences, all sign patterns are equally probable if an arm does nothing, therefore the
probability of ever rejecting is at most a, whatever the differences' distribution and however it
was decided which looks took place.

sqrt(n / most) is spent, and not less at the start, because few pairs have few patterns: with six
pairs the most extreme ones alone are 2 / 64 of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, nan, sqrt

import numpy as np
import numpy.typing as npt

from archsearch.errors import InputError
from archsearch.significance.sign_flip import MOST_EXACT, Tail, first_sums, outness, with_next

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Looks:
    """When tests are looked at: after each pair from ``first`` on, until there are ``most``.

    Raises:
        InputError: if 1 <= first <= most <= 20 does not hold.
    """

    first: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.most <= MOST_EXACT:
            raise InputError(
                f"adaptive seeds: first {self.first} and most {self.most} were given; "
                f"1 <= first <= most <= {MOST_EXACT} must hold (the exact test looks at 2^most "
                "sign patterns)"
            )

    def spent(self, n: int) -> float:
        """Share of a test's level that may be spent when ``n`` pairs are there."""
        return 0.0 if n < self.first else sqrt(min(n, self.most) / self.most)


def ladder(alpha: float, arms: int, most: int) -> Floats:
    """Levels at which a sequential test is asked, falling; those of Holm's steps are among them.

    They end at 2^-most, the smallest p-value that there is.
    """
    steps = alpha / np.arange(1, arms + 1)
    return np.unique(np.concatenate([steps, 2.0 ** (-np.arange(2 * most + 1) / 2)]))[::-1]


def sequential_p(
    differences: npt.ArrayLike, looks: Looks, levels: Floats, tail: Tail = "both"
) -> Floats:
    """P-values (n,) after each pair that hold for all looks together, never rising.

    A p-value is the smallest of the ``levels`` at which, and at all larger ones of which, the test
    has rejected by then; 1 where there is none. NaN without a pair; pairs after ``looks.most``
    change nothing.
    """
    d = np.asarray(differences, dtype=float)
    if len(d) == 0:
        return np.array([nan])
    found = np.ones(len(d))
    sums = first_sums(d[0], tail)
    rejected = np.zeros((len(levels), len(sums)), dtype=bool)
    for n in range(1, min(len(d), looks.most) + 1):
        if n > 1:
            sums, rejected = with_next(sums, d[n - 1]), np.hstack([rejected, rejected])
        if n >= looks.first:
            _reject(outness(sums, tail), rejected, levels * looks.spent(n), np.abs(d[:n]).sum())
            found[n - 1] = _smallest(levels, rejected[:, 0])
    found[looks.most :] = found[min(len(d), looks.most) - 1]
    return found


def _reject(out: Floats, rejected: Flags, budgets: Floats, scale: float) -> None:
    """Add to each level's rejected patterns the furthest out that its budget pays for, ties all."""
    size = len(out)
    for row, budget in zip(rejected, budgets, strict=True):
        free = floor(budget * size + 1e-9) - int(row.sum())
        left = out[~row]
        if free <= 0 or not len(left):
            continue
        if free >= len(left):
            row[:] = True
            continue
        bar = np.partition(left, len(left) - 1 - free)[len(left) - 1 - free]
        row |= out > bar + 1e-9 * scale


def _smallest(levels: Floats, rejects: Flags) -> float:
    run = int(np.argmin(rejects)) if not rejects.all() else len(levels)
    return float(levels[run - 1]) if run else 1.0

"""What n seeds can show, and how many a difference needs."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import floor, isfinite, sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats

from archsearch.errors import InputError
from archsearch.seeds import derive
from archsearch.significance.sign_flip import outness, with_next

Floats = npt.NDArray[np.float64]

POWER = 0.8
MOST_SEEDS = 1_000
"""Who needs more seeds than this is told that there are none."""

CAUTION = 0.8
"""How surely ``cautious_sd`` is not exceeded."""

_SIMULATED = 14
"""Up to as many seeds the test's own patterns are counted: it is too coarse there for Student's."""

_DRAWS = 4_000
_BLOCK = 250
_NODES = 200


def smallest_p(n: int, arms: int = 1) -> tuple[float, float]:
    """Smallest p-value that ``n`` pairs can give: alone, and after Holm over ``arms``.

    2 / 2^n of the two-sided sign-flip test: with 3 pairs 0.25, with 6 0.031. Holm's is that of the
    first step, which an arm can better only when others were significant before it.
    """
    alone = min(1.0, 2.0 ** (1 - n))
    return alone, min(1.0, alone * arms)


def fewest_seeds(arms: int = 1, alpha: float = 0.05) -> int:
    """The fewest pairs with which any difference at all can be significant over ``arms``."""
    return next(n for n in range(1, 100) if smallest_p(n, arms)[1] <= alpha * (1 + 1e-9))


def forecast(n: int, difference: float, sd: float, arms: int = 1, alpha: float = 0.05) -> float:
    """Probability that ``n`` pairs show a difference.

    Args:
        n: pairs.
        difference: the true mean difference.
        sd: standard deviation of the paired differences, taken as normal.
        arms: of the family; the arm is taken to meet Holm's first step, alpha / arms. Where other
            arms are significant too its power is larger.
        alpha: family-wise error rate.

    Raises:
        InputError: if ``n`` or ``arms`` are under 1, or ``sd`` is not a positive number.
    """
    _check(n, sd, arms)
    patterns = 2 ** min(n - 1, 60)
    allowed = floor(alpha / arms * patterns * (1 + 1e-9))
    if allowed == 0:
        return 0.0
    effect = abs(difference) / sd
    if n <= _SIMULATED:
        return _by_patterns(n, effect, allowed)
    return _by_student(n, effect, allowed / patterns)


def seeds_needed(
    difference: float, sd: float, arms: int = 1, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """The fewest pairs that show a difference with probability ``power``.

    None where ``MOST_SEEDS`` are too few, as they are for no difference. See ``forecast`` for the
    arguments; a ``sd`` from few seeds is better given as ``cautious_sd``.
    """
    _check(1, sd, arms)
    if forecast(MOST_SEEDS, difference, sd, arms, alpha) < power:
        return None

    def enough(n: int) -> bool:
        return forecast(n, difference, sd, arms, alpha) >= power

    fewest = fewest_seeds(arms, alpha)
    few = next(filter(enough, range(fewest, _SIMULATED + 1)), None)
    # From here on power grows with n (the level never falls, as floor(2x) >= 2 floor(x)): halving
    # finds what trying one after the other would find.
    many = range(max(fewest, _SIMULATED + 1), MOST_SEEDS + 1)
    return few if few is not None else many[bisect_left(many, True, key=enough)]


def cautious_sd(sd: float, n: int, confidence: float = CAUTION) -> float:
    """Upper confidence limit of a standard deviation seen over ``n`` normal differences.

    Half of all plans that take the spread of few seeds as the truth have too few seeds.
    """
    if n < 2:
        return float("inf")
    return sd * sqrt((n - 1) / float(stats.chi2.ppf(1 - confidence, n - 1)))


@lru_cache(maxsize=4096)
def _by_patterns(n: int, effect: float, allowed: int) -> float:
    """Share of simulated studies in which at most ``allowed`` patterns are as far out."""
    rng = np.random.default_rng(derive(0, "forecast", n))
    drawn = rng.standard_normal((_DRAWS, n)) + effect
    return float(np.mean([_shown(block, allowed) for block in _blocks(drawn)]))


def _blocks(drawn: Floats) -> list[Floats]:
    # All patterns of all draws at once would not fit into a small memory.
    return np.split(drawn, range(_BLOCK, len(drawn), _BLOCK))


def _shown(drawn: Floats, allowed: int) -> float:
    columns = drawn.T
    sums = columns[:1]
    for column in columns[1:]:
        sums = with_next(sums, column)
    out = outness(sums, "both")
    return float(((out >= out[0] * (1 - 1e-9)).sum(axis=0) <= allowed).mean())


def _by_student(n: int, effect: float, level: float) -> float:
    """Power of Student's paired test at ``level``, which the sign-flip test comes close to.

    The normal probability given the sample's deviation, averaged over equally probable ones.
    """
    bar = float(stats.t.ppf(1 - level / 2, n - 1))
    middles = (np.arange(_NODES) + 0.5) / _NODES
    deviation = np.sqrt(stats.chi2.ppf(middles, n - 1) / (n - 1))
    centre = effect * sqrt(n)
    above, below = stats.norm.cdf([centre - bar * deviation, -centre - bar * deviation])
    return float((above + below).mean())


def _check(n: int, sd: float, arms: int) -> None:
    if n < 1 or arms < 1:
        raise InputError(f"{n} seeds and {arms} arms were given; both must be 1 or more")
    if not (isfinite(sd) and sd > 0):
        raise InputError(
            f"a standard deviation of {sd} was given; it must be a positive number: run two "
            "seeds or more, or say which spread you expect"
        )

"""The sentences that stand below an ablation's table."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import numpy as np

from archsearch.significance.corrected import at_most
from archsearch.significance.pairs import Pair
from archsearch.significance.power import smallest_p
from archsearch.significance.sequential import Looks
from archsearch.significance.sign_flip import DRAWS, MOST_EXACT, monte_carlo_error
from archsearch.significance.verdicts import Verdict

_TEST = "p-values are of the exact two-sided sign-flip test of paired differences (same seeds)"


def test(rows: tuple[Verdict, ...], looks: Looks | None) -> str:
    """What the p-values are."""
    pairs = sorted({row.n for row in rows})
    n = f"n = {pairs[0]}" if len(pairs) == 1 else f"n = {pairs[0]} to {pairs[-1]}" if pairs else ""
    drawn = " (Monte Carlo above 20 pairs)" if pairs and pairs[-1] > MOST_EXACT else ""
    seen = " before the correction those of one look alone" if looks else ""
    return f"{_TEST}{drawn}{',' if seen else ''}{seen}; {n}."


def correction(arms: int, alpha: float, looks: Looks | None) -> str:
    """How they are corrected."""
    over = f"Corrected over {arms} {'arm' if arms == 1 else 'arms'} by Holm's method"
    if looks:
        over += (
            f" and, by alpha spending on the permutation distribution, over the looks after "
            f"{looks.first} to {looks.most} seeds"
        )
    return f"{over}; family-wise error at most {alpha:g}."


def equivalence(margin: float, alpha: float) -> str:
    """What an arm that is called equal was held to; the margin in points, as tables are."""
    points = f"{100 * margin:g} point{'' if np.isclose(margin, 0.01) else 's'}"
    return (
        f"≈: shown to differ by less than {points} (two one-sided sign-flip tests of the mean, "
        f"Holm over the arms, {alpha:g})."
    )


def notes(
    rows: tuple[Verdict, ...], pairs: tuple[Pair, ...], alpha: float, looks: Looks | None
) -> Iterator[str]:
    """What these very data need to have said of them."""
    for row, pair in zip(rows, pairs, strict=True):
        if row.missing:
            yield f"{row.arm}: n = {row.n}, without {_seeds(row)}, which one of the pair lacks."
        if row.n > 1 and np.ptp(pair.differences) == 0:
            yield f"{row.arm}: the same difference on every seed, so its interval has no width."
        if row.significant and row.low < 0 < row.high:
            yield (
                f"{row.arm}: its test rules out that there is no difference, its interval does "
                "not: they are two methods, which part where a seed lies far from the others."
            )
        if error := (monte_carlo_error(row.p, row.n) if isfinite(row.p) else 0.0):
            yield f"{row.arm}: p by Monte Carlo, {DRAWS:,} patterns, error {error:.1g}."
    yield from _too_few(rows, alpha)
    if looks:
        yield (
            "Intervals are those of a fixed n: an arm that stopped early looks a little more "
            "different than it is."
        )


def _seeds(row: Verdict) -> str:
    return f"seed{'s' if len(row.missing) > 1 else ''} {', '.join(map(str, row.missing))}"


def _too_few(rows: tuple[Verdict, ...], alpha: float) -> Iterator[str]:
    """What the largest n of all arms cannot show."""
    n = max((row.n for row in rows), default=0)
    alone, corrected = smallest_p(n, len(rows)) if n else (1.0, 1.0)
    if rows and not at_most(corrected, alpha):
        over = f", after Holm over {len(rows)} arms {corrected:.3g}" if len(rows) > 1 else ""
        yield (
            f"With n = {n} no difference can be significant, however large: the smallest p is "
            f"{alone:.3g}{over}."
        )

"""Arms against their references, seed by seed: the statistics of an ablation table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from archsearch.errors import InputError
from archsearch.significance import footnotes
from archsearch.significance.corrected import at_most, corrected_p
from archsearch.significance.intervals import NAME, bca, interval
from archsearch.significance.pairs import Pair, pairs_of
from archsearch.significance.sequential import Looks
from archsearch.significance.sign_flip import sign_flip_p
from archsearch.significance.verdicts import Verdict, Verdicts

ALPHA = 0.05


def judge(
    frame: pd.DataFrame,
    base: str,
    *,
    alpha: float = ALPHA,
    margin: float | None = None,
    references: Mapping[str, str] | None = None,
    looks: Looks | None = None,
) -> Verdicts:
    """Judge every arm against its reference.

    Args:
        frame: accuracies; index: seeds in the order in which they were run; a column an arm; NaN
            where a training failed or was not done.
        base: the column that arms are compared with.
        alpha: family-wise error rate of the differences over all arms, and of the equivalences.
        margin: differences smaller than this count as none; without it nothing is called equal.
        references: arm to the arm that it is compared with, where that is not ``base``.
        looks: of a study with adaptive seeds, whose p-values must hold for all looks.

    Raises:
        InputError: if a name is no column, or alpha or margin are not positive fractions.
    """
    check_rates(alpha, margin)
    pairs = pairs_of(frame, base, references)
    p = [sign_flip_p(pair.differences) for pair in pairs]
    corrected = corrected_p(pairs, alpha, looks)
    equal = None if margin is None else corrected_p(pairs, alpha, looks, margin)
    rows = tuple(
        _verdict(frame, pair, alpha, p[k], corrected[k], None if equal is None else equal[k])
        for k, pair in enumerate(pairs)
    )
    return Verdicts(
        rows=rows,
        base=base,
        alpha=alpha,
        margin=margin,
        test=footnotes.test(rows, looks),
        correction=footnotes.correction(len(rows), alpha, looks),
        interval=NAME,
        equivalence=None if margin is None else footnotes.equivalence(margin, alpha),
        notes=tuple(footnotes.notes(rows, pairs, alpha, looks)),
    )


def check_rates(alpha: float, margin: float | None) -> None:
    """Refuse an alpha or a margin that is no fraction.

    Raises:
        InputError: if one is not between 0 and 1.
    """
    for name, rate in (("alpha", alpha), ("margin", margin)):
        if rate is not None and not 0 < rate < 1:
            raise InputError(
                f"{name}: {rate} was given; it must be between 0 and 1 (accuracies are fractions "
                "of one, so a margin of half a point is 0.005)"
            )


def _verdict(
    frame: pd.DataFrame,
    pair: Pair,
    alpha: float,
    p: float,
    corrected: float,
    equal: float | None,
) -> Verdict:
    own, d = frame[pair.arm].dropna(), pair.differences
    low, high = interval(d)
    bca_low, bca_high = bca(d)
    return Verdict(
        arm=pair.arm,
        reference=pair.reference,
        n=len(d),
        missing=pair.missing,
        mean=float(own.mean()),
        sd=float(own.std()),
        difference=float(d.mean()) if len(d) else float("nan"),
        low=low,
        high=high,
        bca_low=bca_low,
        bca_high=bca_high,
        p=p,
        p_corrected=float(corrected),
        effect=paired_d(d),
        improvement=improvement(d),
        p_equivalent=None if equal is None else float(equal),
        equivalent=None if equal is None else bool(at_most(equal, alpha)),
        significant=bool(at_most(corrected, alpha)),
    )


def paired_d(differences: npt.ArrayLike) -> float:
    """Mean difference in standard deviations of the differences (Cohen's d_z); NaN without one."""
    d = np.asarray(differences, dtype=float)
    if len(d) < 2 or np.ptp(d) == 0:
        return float("nan")
    return float(d.mean() / d.std(ddof=1))


def improvement(differences: npt.ArrayLike) -> float:
    """Probability of improvement: share of pairs above zero, ties half (Bouthillier 2021)."""
    d = np.asarray(differences, dtype=float)
    return float(((d > 0) + (d == 0) / 2).mean()) if len(d) else float("nan")

"""Main effects, interactions and the decomposition of the variance of a factorial ablation.

The design is a randomised block design: every arm was trained with each seed, so a seed is a block
whose own level is taken off. What the terms leave of all arms and seeds is the noise that each term
is tested against (F-test). The sign-flip test of the table would see one contrast a seed alone: six
seeds could not show any of the seven terms of three factors after Holm, whereas the residual of six
seeds and eight arms has 35 degrees of freedom. That the F-test holds its error without normal noise
is simulated (docs/ablation_statistics.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, nan, sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from archsearch.errors import InputError
from archsearch.significance.corrected import at_most
from archsearch.significance.holm import holm
from archsearch.significance.intervals import LEVEL
from archsearch.significance.paired import ALPHA, check_rates
from archsearch.significance.terms import Term, terms_of
from archsearch.significance.verdicts import RESIDUAL, Effect, Effects

Floats = npt.NDArray[np.float64]


def decompose(frame: pd.DataFrame, levels: pd.DataFrame, *, alpha: float = ALPHA) -> Effects:
    """Decompose the accuracies of a factorial design.

    Only seeds that all arms have are used: a seed without one arm has no contrast of all arms.

    Args:
        frame: accuracies; index: seeds; a column an arm; NaN where a training failed.
        levels: index: the same arms; a column a factor; the first arm's level is a factor's first.
        alpha: family-wise error rate over the terms.

    Raises:
        InputError: if arms and levels do not agree, or the design is no full factorial and no
            regular fraction of one.
    """
    check_rates(alpha, None)
    if set(frame.columns) != set(levels.index) or len(frame.columns) != len(levels.index):
        raise InputError(
            f"the frame has the arms {', '.join(map(str, frame.columns))} and the levels "
            f"{', '.join(map(str, levels.index))}; they must be the same"
        )
    terms = terms_of(levels)
    complete = frame[list(levels.index)].dropna().astype(float)
    missing = tuple(int(seed) for seed in frame.index.difference(complete.index, sort=False))
    rows = _rows(complete.to_numpy(), terms, alpha)
    return Effects(rows, len(complete), missing, alpha, _notes(terms, missing, len(complete)))


def _rows(values: Floats, terms: tuple[Term, ...], alpha: float) -> tuple[Effect, ...]:
    """One row a term from accuracies (seeds, arms), and the residual."""
    blocks = _Blocks.of(values, terms)
    p = [blocks.p(term) for term in terms]
    rows = [
        _row(blocks, term, one, corrected, alpha)
        for term, one, corrected in zip(terms, p, holm(p), strict=True)
    ]
    share = blocks.share(blocks.residual)
    rest = Effect(
        term=RESIDUAL,
        aliases=(),
        degrees=blocks.degrees,
        share=share,
        expected=share,
        effect=None,
        low=None,
        high=None,
        p=None,
        p_corrected=None,
        significant=False,
    )
    return (*rows, rest)


def _row(blocks: _Blocks, term: Term, p: float, corrected: float, alpha: float) -> Effect:
    degrees = term.directions.shape[1]
    effect, half = blocks.effect(term)
    return Effect(
        term=term.name,
        aliases=term.aliases,
        degrees=degrees,
        share=blocks.share(blocks.square(term)),
        expected=blocks.share(degrees * blocks.noise),
        effect=effect,
        low=None if effect is None else effect - half,
        high=None if effect is None else effect + half,
        p=p,
        p_corrected=float(corrected),
        significant=bool(at_most(corrected, alpha)),
    )


@dataclass(frozen=True)
class _Blocks:
    """Sums of squares of accuracies (seeds, arms), the seeds' own means taken off."""

    values: Floats
    total: float
    residual: float
    degrees: int

    @staticmethod
    def of(values: Floats, terms: tuple[Term, ...]) -> _Blocks:
        n, arms = values.shape
        inside = values - values.mean(axis=1, keepdims=True)
        total = float((inside**2).sum())
        blocks = _Blocks(inside, total, 0.0, max(0, n - 1) * (arms - 1))
        return replace(blocks, residual=max(0.0, total - sum(map(blocks.square, terms))))

    def square(self, term: Term) -> float:
        """Sum of squares of a term."""
        if not len(self.values):
            return nan
        return len(self.values) * float(((self.values.mean(axis=0) @ term.directions) ** 2).sum())

    @property
    def noise(self) -> float:
        """Variance of an accuracy about the terms and its seed; NaN for a single seed."""
        return self.residual / self.degrees if self.degrees else nan

    def share(self, square: float) -> float:
        return square / self.total if self.total > 0 else nan

    def p(self, term: Term) -> float:
        """P-value of the F-test; NaN without noise to test against."""
        degrees = term.directions.shape[1]
        if not self.degrees or self.total == 0:
            return nan
        ratio = self.square(term) / degrees / self.noise if self.noise > 0 else inf
        return float(stats.f.sf(ratio, degrees, self.degrees))

    def effect(self, term: Term) -> tuple[float | None, float]:
        """Effect of a term with a contrast, and half of its interval."""
        if term.contrast is None or not len(self.values):
            return None, nan
        up, n_arms = term.contrast > 0, self.values.size
        means = self.values.mean(axis=0)
        reach = float(stats.t.ppf((1 + LEVEL) / 2, self.degrees)) if self.degrees else nan
        return float(means[up].mean() - means[~up].mean()), reach * sqrt(4 * self.noise / n_arms)


def _notes(terms: tuple[Term, ...], missing: tuple[int, ...], n: int) -> tuple[str, ...]:
    said = [
        f"Effects are of {n} seeds that all arms have, each seed a block; F-tests, Holm over "
        "the terms; shares are of the variance of the arms inside the seeds, 'expected' what "
        "noise alone gives."
    ]
    if missing:
        said.append(f"Left out, as an arm lacks them: seeds {', '.join(map(str, missing))}.")
    if any(term.aliases for term in terms):
        said.append(
            "This fraction cannot tell a term from its aliases: the effect is their sum, each with "
            "its sign."
        )
    return tuple(said)

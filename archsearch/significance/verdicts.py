"""What the statistics of an ablation say: one verdict an arm, one effect a factorial term."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One arm against its reference, over the seeds that both have.

    Accuracies and differences are in the unit of the data frame (fractions of one).

    Attributes:
        arm: the arm's name.
        reference: the arm that it is compared with.
        n: pairs, that is seeds that both arms have.
        missing: seeds of the study that are left out, as one of the two lacks them; a row with any
            is to be marked.
        mean: of the arm, over all of its own seeds (so with a seed missing, the difference of two
            means is not ``difference``).
        sd: of the arm, over all of its own seeds (n - 1); NaN for a single one.
        difference: mean over the pairs of arm - reference.
        low: lower end of the interval of the difference; NaN for a single pair.
        high: upper end.
        bca_low: lower end of the BCa bootstrap interval, which covers too rarely for few seeds.
        bca_high: upper end.
        p: two-sided, of the exact sign-flip test, not corrected; NaN without a pair.
        p_corrected: after the correction over all arms (and over all looks of adaptive seeds).
        effect: paired d, difference / standard deviation of the differences; NaN where that is
            zero or unknown.
        improvement: probability of improvement, the share of pairs in which the arm is better,
            a tie counted half.
        p_equivalent: corrected p of the equivalence test; None without a margin.
        equivalent: whether the difference is shown to be inside the margin; None without one.
        significant: whether the corrected test says that there is a difference.
    """

    arm: str
    reference: str
    n: int
    missing: tuple[int, ...]
    mean: float
    sd: float
    difference: float
    low: float
    high: float
    bca_low: float
    bca_high: float
    p: float
    p_corrected: float
    effect: float
    improvement: float
    p_equivalent: float | None
    equivalent: bool | None
    significant: bool

    @property
    def mark(self) -> str:
        """▲ better, ▼ worse, ≈ no difference of the margin's size or more, else nothing.

        A difference that is shown to be there and shown to be smaller than the margin is ≈: the
        margin says what is worth telling.
        """
        if self.equivalent:
            return "≈"
        if not self.significant:
            return ""
        return "▲" if self.difference > 0 else "▼"


@dataclass(frozen=True)
class Verdicts:
    """All arms' verdicts, and what a footnote has to say of them.

    Attributes:
        rows: in the order of the data frame's columns, without the base's comparison with itself.
        base: the base's name.
        alpha: the family-wise error rate.
        margin: differences smaller than this count as none; None where nobody said one.
        test: what the p-values are, as a sentence.
        correction: how they are corrected, as a sentence.
        interval: what low and high are, as a sentence.
        equivalence: what ``equivalent`` means, as a sentence; None without a margin.
        notes: further sentences that these very data need (seeds missing, n too small to show
            anything, Monte Carlo errors).
    """

    rows: tuple[Verdict, ...]
    base: str
    alpha: float
    margin: float | None
    test: str
    correction: str
    interval: str
    equivalence: str | None
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.rows)

    def of(self, arm: str) -> Verdict:
        """The verdict of ``arm``; KeyError for the base and for a name that is no arm."""
        for row in self.rows:
            if row.arm == arm:
                return row
        raise KeyError(arm)

    @property
    def footnote(self) -> tuple[str, ...]:
        """All sentences in the order in which they read best."""
        said = (self.test, self.correction, self.interval, self.equivalence, *self.notes)
        return tuple(sentence for sentence in said if sentence)


@dataclass(frozen=True)
class Effect:
    """One term of a factorial design.

    Attributes:
        term: a factor ("a") or an interaction ("a x b"); the last row of all is ``RESIDUAL``.
        aliases: terms that this design cannot tell from this one; empty in a full factorial.
        degrees: degrees of freedom.
        share: of the variance inside the seeds (sum of squares over the arms, seed by seed, each
            seed's own mean taken off); the shares of all rows add to one.
        expected: the share that noise alone would give the term.
        effect: of a term with one degree of freedom: the mean at the factor's second level less
            that at its first; of an interaction, half of what one factor changes in the other's
            effect. None for a term with more degrees.
        low: lower end of its interval; None where the effect is.
        high: upper end; None where the effect is.
        p: of the F-test of the randomised block design; None for the residual.
        p_corrected: Holm over all terms; None for the residual.
        significant: whether the corrected test says that there is an effect.
    """

    term: str
    aliases: tuple[str, ...]
    degrees: int
    share: float
    expected: float
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    significant: bool


RESIDUAL = "seeds (residual)"
"""The row of what the terms leave: the arms' differences that change from seed to seed."""


@dataclass(frozen=True)
class Effects:
    """The variance decomposition of a factorial design.

    Attributes:
        rows: terms by order, main effects first, then the residual.
        n: complete seeds, that is seeds that all arms have.
        missing: seeds left out, as an arm lacks them.
        alpha: the family-wise error rate.
        notes: sentences for the footnote.
    """

    rows: tuple[Effect, ...]
    n: int
    missing: tuple[int, ...]
    alpha: float
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Effect]:
        return iter(self.rows)

    def of(self, term: str) -> Effect:
        """The row called ``term``; KeyError where there is none."""
        for row in self.rows:
            if row.term == term:
                return row
        raise KeyError(term)

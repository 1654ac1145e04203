"""PED-ANOVA: how differently the best nets choose at a leaf from all nets.

After Watanabe, Bansal and Hutter (2023), "PED-ANOVA: Efficiently Quantifying Hyperparameter
Importance in Arbitrary Subspaces", IJCAI 2023, equation 13, and for leaves that not every net has
after Kaito et al., "Conditional PED-ANOVA", arXiv 2601.20800, theorem 4.2. Among the nets that have
a leaf, let p(x) be the share of those that choose x, and q(x) that share among the best. The
variance of the leaf's main effect on being one of the best is

    gamma^2 alpha^2 / beta * sum_x p(x) (q(x) / p(x) - 1)^2

where gamma is the share of the best among all nets, beta that of the nets that have the leaf, and
alpha that of the best that have it. Divided by gamma (1 - gamma), the variance of being one of the
best, it is a share as fANOVA's is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from archsearch.correlation import LEVEL, estimate, resampled, whole
from archsearch.importance.nets import Floats, Question, Shares, stacked
from archsearch.seeds import derive

PRIOR = 1.0
"""Weight of a net spread evenly over the labels, which is added to each of the two shares."""

SHUFFLINGS = 999


def ped_anova(question: Question) -> Shares:
    """Importances by PED-ANOVA for being among the best.

    Labels are counted, and not smoothed as Optuna does for numbers. The interval is BCa over the
    nets, with the best nets kept as they are; chance shuffles which nets are the best.
    """
    seed = derive(question.seed, "ped_anova")
    rng = np.random.default_rng(seed)
    best = question.best.astype(float)
    draws = resampled(len(best), seed)
    shuffled = np.stack([rng.permutation(best) for _ in range(SHUFFLINGS)])
    leaves = [question.nets.members(column) for column in question.nets.judged]
    by_chance = np.stack([shares(each, shuffled, np.ones_like(shuffled))[0] for each in leaves])
    chance = float(np.quantile(by_chance.max(axis=0), LEVEL, method="higher"))

    def rows() -> Iterator[tuple[float, ...]]:
        for each in leaves:
            found = estimate(lambda w, each=each: shares(each, w * best, w)[0], draws)  # type: ignore[misc]
            inside = shares(each, best[None], whole(len(best)))[1][0]
            yield found.value, found.low, found.high, chance, float(inside)

    return stacked(rows())


def shares(members: Floats, best: Floats, nets: Floats) -> tuple[Floats, Floats]:
    """Importances of one leaf in B samples.

    Args:
        members: ones and zeros (N, K): which group of labels a net chose, none if it lacks the
            leaf.
        best: how often each of the best nets stands in each sample (B, N).
        nets: how often each net does (B, N).

    Returns:
        Shares (B,) of the variance of being one of the best, among all nets and among those that
        have the leaf; zero where all nets of a sample are the best.
    """
    chosen, chosen_by_best = nets @ members, best @ members
    having, best_having = chosen.sum(axis=1), chosen_by_best.sum(axis=1)
    labels = members.shape[1]
    p = (chosen + PRIOR / labels) / (having + PRIOR)[:, None]
    q = (chosen_by_best + PRIOR / labels) / (best_having + PRIOR)[:, None]
    divergence = (p * (q / p - 1) ** 2).sum(axis=1)
    gamma = best.sum(axis=1) / nets.sum(axis=1)
    alpha = best_having / np.maximum(best.sum(axis=1), 1)
    beta = having / nets.sum(axis=1)
    among_all = gamma * alpha**2 * divergence / _or_one(beta) / _or_one(1 - gamma)
    inside = best_having / _or_one(having)
    among_having = inside * divergence / _or_one(1 - inside)
    return np.where(gamma < 1, among_all, 0), np.where(inside < 1, among_having, 0)


def _or_one(divisor: Floats) -> Floats:
    return np.where(divisor > 0, divisor, 1)

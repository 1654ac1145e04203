"""The sign-flip test: its exact distribution, its symmetries, and Holm's correction."""

from __future__ import annotations

from itertools import product
from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archsearch.significance.holm import holm
from archsearch.significance.sign_flip import DRAWS, monte_carlo_error, sign_flip_p

accuracies = st.lists(st.integers(-50, 50).map(lambda x: x / 1000), min_size=1, max_size=9)


def _by_loop(d: list[float], two_sided: bool) -> float:
    seen = sum(d)
    sums = [
        sum(s * x for s, x in zip(signs, d, strict=True))
        for signs in product((1, -1), repeat=len(d))
    ]
    hits = [abs(s) >= abs(seen) - 1e-9 if two_sided else s >= seen - 1e-9 for s in sums]
    return sum(hits) / len(hits)


@settings(deadline=None)
@given(accuracies)
def test_p_is_the_share_of_all_sign_patterns(d: list[float]) -> None:
    """Against a loop over all 2^n of them, ties and zeros included."""
    assert sign_flip_p(d) == pytest.approx(_by_loop(d, True))
    assert sign_flip_p(d, "greater") == pytest.approx(_by_loop(d, False))


@settings(deadline=None)
@given(accuracies)
def test_the_two_sided_p_forgets_sign_scale_and_order(d: list[float]) -> None:
    """Which arm is called the reference, and the unit, do not matter."""
    p = sign_flip_p(d)
    assert sign_flip_p([-x for x in d]) == p
    assert sign_flip_p([100 * x for x in d]) == p
    assert sign_flip_p(d[::-1]) == p


@pytest.mark.parametrize("n", [1, 3, 6, 8])
def test_the_smallest_p_is_two_patterns_of_all(n: int) -> None:
    """With three seeds no difference, however large, gives less than 0.25."""
    assert sign_flip_p(np.arange(1, n + 1)) == 2 / 2**n
    assert sign_flip_p(np.arange(1, n + 1), "greater") == 1 / 2**n


def test_it_is_the_library_s_permutation_test() -> None:
    """Against scipy's paired permutation test with all patterns."""
    d = np.random.default_rng(0).normal(0.3, 1, 10)
    known = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(d) == pytest.approx(known.pvalue)


def test_no_difference_at_all_is_no_evidence() -> None:
    """Zeros give 1, and no pair gives no p."""
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1
    assert isnan(sign_flip_p([]))


def test_above_twenty_pairs_patterns_are_drawn() -> None:
    """Close to Student's p, the same every time, never zero, and its error is said."""
    d = np.random.default_rng(1).normal(0.35, 1, 40)
    p = sign_flip_p(d)
    assert p == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.005)
    assert p == sign_flip_p(d)
    assert sign_flip_p(np.ones(60)) >= 1 / DRAWS
    assert monte_carlo_error(p, 40) == pytest.approx(sqrt(p * (1 - p) / DRAWS))
    assert monte_carlo_error(p, 20) == 0


def test_holm_of_a_worked_example() -> None:
    """0.01 of four is 0.04; the later ones are multiplied by 3, 2, 1 and never fall."""
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])


def test_an_arm_without_a_pair_still_counts() -> None:
    """What failed does not make the other arms' test easier."""
    corrected = holm([0.01, np.nan, 0.02])
    assert corrected[[0, 2]] == pytest.approx([0.03, 0.04])
    assert np.isnan(corrected[1])


@settings(deadline=None)
@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=8))
def test_holm_rejects_as_the_closed_test_of_bonferroni_does(p: list[float]) -> None:
    """An arm is rejected if every set of arms that it is in has a p under alpha / its size."""
    alpha = 0.05
    found = holm(p) <= alpha
    for k in range(len(p)):
        others = sorted(p[:k] + p[k + 1 :], reverse=True)
        # Of the sets of one size, the one with the largest other p-values is the hardest.
        sets = [[p[k], *others[:size]] for size in range(len(p))]
        margin = min(abs(min(members) * len(members) - alpha) for members in sets)
        if margin > 1e-12:
            assert found[k] == all(min(members) * len(members) <= alpha for members in sets)

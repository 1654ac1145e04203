"""Effects of factorial designs: closed forms, a second algorithm, aliases and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from archsearch.errors import InputError
from archsearch.significance.effects import decompose
from archsearch.significance.terms import HIGHER
from archsearch.significance.verdicts import RESIDUAL


def crossed(*sizes: int) -> pd.DataFrame:
    """Levels of a full factorial design, the first arm at every factor's first level."""
    rows = list(product(*(range(size) for size in sizes)))
    return pd.DataFrame(rows, columns=list("abcd"[: len(sizes)]), index=[str(row) for row in rows])


def accuracies(levels: pd.DataFrame, seeds: int = 6, seed: int = 0) -> pd.DataFrame:
    """Noise and seed levels alone."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.01, (seeds, len(levels))) + rng.normal(0.7, 0.05, (seeds, 1))
    return pd.DataFrame(noise, columns=levels.index, index=range(1, seeds + 1))


def test_effects_of_two_factors_are_differences_of_means() -> None:
    """Main effect: second level less first; interaction: half of what b changes in a's effect."""
    levels = crossed(2, 2)
    frame = accuracies(levels)
    found, mean = decompose(frame, levels), frame.mean()
    assert found.of("a").effect == pytest.approx(mean.iloc[2:].mean() - mean.iloc[:2].mean())
    of_a = (mean.iloc[3] - mean.iloc[1], mean.iloc[2] - mean.iloc[0])
    assert found.of("a x b").effect == pytest.approx((of_a[0] - of_a[1]) / 2)
    assert [row.term for row in found] == ["a", "b", "a x b", RESIDUAL]


@pytest.mark.parametrize("sizes", [(2, 2, 2), (2, 3), (3, 3, 2)])
def test_squares_are_those_of_fitted_models(sizes: tuple[int, ...]) -> None:
    """Against least squares with and without the term (dummies, seeds as blocks)."""
    levels = crossed(*sizes)
    frame = accuracies(levels)
    found = decompose(frame, levels)
    y = frame.to_numpy().ravel()
    blocks = np.kron(np.eye(len(frame)), np.ones((len(levels), 1)))
    dummies = {f: np.eye(levels[f].nunique())[levels[f]][:, 1:] for f in levels}
    tiled = {f: np.tile(columns, (len(frame), 1)) for f, columns in dummies.items()}
    pair = np.einsum("ni,nj->nij", tiled["a"], tiled["b"]).reshape(len(y), -1)
    mains = np.hstack([blocks, *tiled.values()])
    total = _left(blocks, y)
    gained = _left(mains, y) - _left(np.hstack([mains, pair]), y)
    assert found.of("a x b").share == pytest.approx(gained / total)
    cells = np.tile(np.eye(len(levels)), (len(frame), 1))
    noise = _left(np.hstack([blocks, cells]), y)
    assert found.of(RESIDUAL).share == pytest.approx(noise / total)
    degrees = (len(frame) - 1) * (len(levels) - 1)
    ratio = gained / pair.shape[1] / (noise / degrees)
    assert found.of("a x b").p == pytest.approx(stats.f.sf(ratio, pair.shape[1], degrees))


def _left(columns: np.ndarray, y: np.ndarray) -> float:
    fitted = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(((y - fitted) ** 2).sum())


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (2, 2, 2, 2), (2, 3, 2)])
def test_shares_and_degrees_add_up(sizes: Sequence[int]) -> None:
    """All rows together are everything; higher orders have one row."""
    levels = crossed(*sizes)
    found = decompose(accuracies(levels), levels)
    assert sum(row.share for row in found) == pytest.approx(1)
    degrees = [row.degrees for row in found]
    assert sum(degrees[:-1]) == len(levels) - 1
    assert degrees[-1] == 5 * (len(levels) - 1)
    assert (HIGHER in [row.term for row in found]) == (len(sizes) > 2)


def test_two_arms_give_the_paired_t_test() -> None:
    """The smallest design: F is Student's t squared, and the interval is Student's."""
    levels = crossed(2)
    frame = accuracies(levels)
    row = decompose(frame, levels).of("a")
    known = stats.ttest_rel(frame.iloc[:, 1], frame.iloc[:, 0])
    assert row.p == pytest.approx(known.pvalue)
    assert (row.low, row.high) == pytest.approx(tuple(known.confidence_interval()))


def test_a_known_interaction_is_found_and_its_size() -> None:
    """Only a x b differs: the mains stay small, their error is held by Holm."""
    levels = crossed(2, 2, 2)
    frame = accuracies(levels)
    sign = (2 * levels["a"] - 1) * (2 * levels["b"] - 1)
    found = decompose(frame + 0.03 / 2 * sign, levels)
    assert [row.term for row in found if row.significant] == ["a x b"]
    row = found.of("a x b")
    assert row.low is not None
    assert row.high is not None
    assert row.low < 0.03 < row.high
    assert row.share > 0.4
    assert row.expected < 0.05


def test_the_error_over_all_terms_is_held() -> None:
    """Skewed noise of unequal spread, 400 studies, three Monte Carlo errors of room."""
    levels = crossed(2, 2, 2)
    rng = np.random.default_rng(0)
    spread = np.array([1, 2, 1, 2, 1, 2, 1, 2])
    wrong = 0
    for _ in range(400):
        noise = (rng.exponential(size=(6, 8)) - 1) * spread
        frame = pd.DataFrame(noise, columns=levels.index)
        wrong += any(row.significant for row in decompose(frame, levels))
    assert wrong / 400 <= 0.05 + 0.033


def test_levels_can_be_words_and_the_base_comes_first() -> None:
    """The first arm's level is the first, so an effect is what the change does."""
    levels = pd.DataFrame({"a": ["on", "off"]}, index=["base", "arm"])
    frame = pd.DataFrame({"arm": [0.5, 0.6, 0.5], "base": [0.7, 0.8, 0.8]})
    assert decompose(frame, levels).of("a").effect == pytest.approx(-0.7 / 3)


def test_a_fraction_names_aliases() -> None:
    """Of 2^(3-1) with c = -a b every main effect is an interaction too, turned round.

    All are at their first level in the first arm, which is where a contrast is -1.
    """
    full = crossed(2, 2)
    levels = full.assign(c=(full["a"] + full["b"]) % 2)
    found = decompose(accuracies(levels), levels)
    assert {row.term: row.aliases for row in found} == {
        "a": ("-b x c",),
        "b": ("-a x c",),
        "c": ("-a x b",),
        RESIDUAL: (),
    }
    assert any("cannot tell" in note for note in found.notes)


@pytest.mark.parametrize(
    ("factors", "only", "seen", "sign"), [(3, "bc", "a", "-"), (4, "cd", "a x b", "")]
)
def test_an_alias_takes_part_with_its_sign(factors: int, only: str, seen: str, sign: str) -> None:
    """An interaction of known size alone is seen, with its sign, as the term that it is in."""
    levels = crossed(*[2] * (factors - 1))
    levels = levels.assign(**{"abcd"[factors - 1]: levels.sum(axis=1) % 2})
    product = np.prod([2 * levels[name] - 1 for name in only], axis=0)
    noise = np.random.default_rng(0).normal(0, 1e-6, (4, len(levels)))
    row = decompose(pd.DataFrame(noise + 0.05 * product, columns=levels.index), levels).of(seen)
    assert row.aliases == (sign + " x ".join(only),)
    assert row.effect == pytest.approx(-0.1 if sign else 0.1, abs=1e-5)


def test_a_seed_without_one_arm_is_left_out() -> None:
    """And said; without two complete seeds there is nothing to test against."""
    levels = crossed(2, 2)
    frame = accuracies(levels)
    whole = decompose(frame.drop(index=2), levels)
    frame.iloc[1, 3] = np.nan
    found = decompose(frame, levels)
    assert found.rows == whole.rows
    assert (found.n, found.missing) == (5, (2,))
    assert any("seeds 2" in note for note in found.notes)
    for seeds in (0, 1):
        few = decompose(frame.iloc[:seeds], levels)
        assert not any(row.significant for row in few)
        assert np.isnan(few.of("a").p or 0.0)


def test_what_cannot_be_decomposed_is_refused() -> None:
    """One factor at a time is no factorial design; arms and levels must agree."""
    one_at_a_time = pd.DataFrame({"a": [0, 1, 0], "b": [0, 0, 1]}, index=list("xyz"))
    with pytest.raises(InputError, match=r"neither independent nor the same.*full factorials"):
        decompose(accuracies(one_at_a_time), one_at_a_time)
    with pytest.raises(InputError, match="they must be the same"):
        decompose(accuracies(crossed(2, 2)), crossed(2, 3))
    with pytest.raises(InputError, match="'a' has one level"):
        decompose(accuracies(crossed(1, 2)), crossed(1, 2))
    twice = pd.DataFrame({"a": [0, 1, 1]}, index=list("xyz"))
    with pytest.raises(InputError, match="'z' has the levels of another arm"):
        decompose(accuracies(twice), twice)

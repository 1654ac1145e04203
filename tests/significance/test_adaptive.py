"""Adaptive seeds: who gets one more, and that it is decided from the results alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from archsearch.errors import InputError
from archsearch.significance.adaptive import HOPE, hope, undecided, wanted
from archsearch.significance.paired import judge
from archsearch.significance.pairs import pairs_of
from archsearch.significance.sequential import Looks

FIRST, MOST = 6, 12
MARGIN = 0.01


def study(seed: int = 0) -> pd.DataFrame:
    """Twelve seeds of a base, a clear arm, one of middling effect and one of none."""
    rng = np.random.default_rng(seed)
    level, noise = rng.normal(0.7, 0.02, MOST), rng.normal(0, 0.01, (3, MOST))
    arms = {"base": level, "clear": level + 0.1, "middling": level + 0.008, "none": level}
    frame = pd.DataFrame(arms, index=range(1, MOST + 1))
    frame.iloc[:, 1:] += noise.T
    return frame


def asked(
    frame: pd.DataFrame, margin: float | None = None, references: dict[str, str] | None = None
) -> tuple[str, ...]:
    """Who wants a seed after those of ``frame``."""
    return wanted(
        frame, "base", alpha=0.05, margin=margin, first=FIRST, most=MOST, references=references
    )


def run(frame: pd.DataFrame, **given: object) -> list[tuple[str, ...]]:
    """The arms of each generation, as a run would train them; ``frame`` says what they reach."""
    done, generations = frame.iloc[:0], []
    while arms := asked(done, **given):  # type: ignore[arg-type]
        generations.append(arms)
        row = frame.iloc[[len(done)]].copy()
        row.loc[:, [arm for arm in frame.columns if arm not in arms]] = np.nan
        done = pd.concat([done, row])
    return generations


def test_everybody_gets_the_first_seeds_and_nobody_more_than_most() -> None:
    """And the base is there wherever an arm is."""
    generations = run(study())
    assert generations[:FIRST] == [tuple(study().columns)] * FIRST
    assert len(generations) <= MOST
    assert all(arms[0] == "base" for arms in generations)
    assert asked(study()) == ()


@pytest.mark.parametrize("seed", range(6))
def test_an_arm_that_is_done_stays_done(seed: int) -> None:
    """Who gets a seed had one in every generation before."""
    generations = run(study(seed))
    for before, after in pairwise(generations):
        assert set(after) <= set(before)


def test_what_comes_after_the_stop_changes_nothing() -> None:
    """A reference that is trained for another arm gets more seeds, and stays done."""
    frame = study()[["base", "none"]].copy()
    frame["none"] = frame["base"] + np.repeat([0.0, 0.1], 6) + np.tile([0.01, -0.01], 6)
    wants = undecided(frame, pairs_of(frame, "base"), 0.05, None, Looks(FIRST, MOST))
    assert not wants.any()
    assert hope(np.repeat([0.0, 0.1], [6, 4]), 2, 0.05, None) > HOPE


def test_a_clear_arm_stops_when_it_is_significant() -> None:
    """Eight seeds are the fewest that can show it after Holm over three arms."""
    generations = run(study())
    last = max(k for k, arms in enumerate(generations, start=1) if "clear" in arms)
    before, then = study().iloc[: last - 1], study().iloc[:last]
    looks = Looks(FIRST, MOST)
    assert judge(then, "base", looks=looks).of("clear").significant
    assert not judge(before, "base", looks=looks).of("clear").significant
    assert last < MOST


def test_seeds_that_decide_nothing_are_not_trained() -> None:
    """An arm without effect gives up early in most studies."""
    trained = [sum("none" in arms for arms in run(study(seed))) for seed in range(12)]
    assert np.median(trained) <= FIRST + 1


def test_a_margin_keeps_an_equal_arm_until_it_is_shown() -> None:
    """Where no difference is an answer, seeds can decide for it, and then stop."""
    frame = study(2)[["base", "none"]]
    generations = run(frame, margin=MARGIN)
    assert len(run(frame)) < len(generations) < MOST
    shown = [
        judge(frame.iloc[:n], "base", margin=MARGIN, looks=Looks(FIRST, MOST)).of("none").equivalent
        for n in (len(generations) - 1, len(generations))
    ]
    assert shown == [False, True]


def test_references_come_along() -> None:
    """A step that wants a seed needs one of the step before, whether that is done or not."""
    frame = study()
    frame["middling"] = frame["clear"] + np.where(np.arange(MOST) % 4, 0.008, -0.006)
    for arms in run(frame, references={"middling": "clear"}):
        assert "middling" not in arms or "clear" in arms


def test_failed_trainings_spend_their_seed() -> None:
    """An arm that fails always is given up with the last seed at the latest."""
    frame = study().assign(dead=np.nan)
    assert len(run(frame)) == MOST
    frame.loc[2, "clear"] = np.nan
    assert len(run(frame)) <= MOST


def test_hope_is_high_for_a_clear_arm_and_none_for_no_effect() -> None:
    """Predicted at six seeds of twelve; unknown spread is every hope."""
    d = np.array([0.01, 0.012, 0.009, 0.011, 0.008, 0.013])
    assert hope(d, 6, 0.01, None) > 0.99
    assert hope(d - d.mean(), 6, 0.01, None) < 0.05
    assert hope(d - d.mean(), 6, 0.01, 0.01) > 0.99
    assert hope(d[:1], 11, 0.01, None) == 1
    assert hope(np.zeros(6), 6, 0.01, None) < 0.05
    assert hope(np.zeros(6), 6, 0.01, 0.001) == pytest.approx(1)


def test_hope_is_the_share_of_futures_that_decide() -> None:
    """Against drawn futures: spread and mean from their posterior, then Student's test."""
    d = np.array([0.4, -0.2, 1.3, 0.9, 0.1, 0.8])
    rng = np.random.default_rng(0)
    sigma = d.std(ddof=1) * np.sqrt(5 / rng.chisquare(5, 40_000))
    mean = rng.normal(d.mean(), sigma / np.sqrt(6))
    later = rng.normal(mean, sigma / np.sqrt(6))
    final = (d.mean() + later) / 2
    bar = 2.2009852 * d.std(ddof=1) / np.sqrt(12)
    assert hope(d, 6, 0.05, None) == pytest.approx((np.abs(final) > bar).mean(), abs=0.01)


def test_more_seeds_than_the_exact_test_can_hold_are_refused() -> None:
    """The looks' own message."""
    with pytest.raises(InputError, match="most 30"):
        wanted(study(), "base", alpha=0.05, margin=None, first=6, most=30)

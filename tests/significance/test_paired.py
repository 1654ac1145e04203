"""Verdicts: what a table says of each arm, with seeds missing, margins and looks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.errors import InputError
from archsearch.significance.equivalence import equivalence_p
from archsearch.significance.holm import holm
from archsearch.significance.intervals import bca, interval
from archsearch.significance.paired import improvement, judge, paired_d
from archsearch.significance.sequential import Looks
from archsearch.significance.sign_flip import sign_flip_p


def frame(n: int = 8) -> pd.DataFrame:
    """Arms that are better, worse, hardly different and unclear, over shared seed levels."""
    rng = np.random.default_rng(n)
    level = rng.normal(0.7, 0.02, n)
    noise = rng.normal(0, 1, (3, n))
    arms = {
        "base": level,
        "better": level + 0.02 + 0.002 * noise[0],
        "worse": level - 0.03 + 0.002 * noise[1],
        "same": level + 0.0002 * noise[2],
        "unclear": level + 0.02 * np.where(np.arange(n) % 2, 1.0, -0.9),
    }
    return pd.DataFrame(arms, index=range(1, n + 1))


def test_each_arm_gets_its_mark() -> None:
    """Better, worse, equal within the margin, and nothing where nothing was shown."""
    found = judge(frame(), "base", margin=0.005)
    assert [row.arm for row in found] == ["better", "worse", "same", "unclear"]
    assert [row.mark for row in found] == ["▲", "▼", "≈", ""]
    assert found.of("same").equivalent is True
    assert judge(frame(), "base").of("same").mark == ""
    with pytest.raises(KeyError):
        found.of("base")


def test_numbers_are_those_of_the_pairs() -> None:
    """Against the pieces, which have tests of their own."""
    given_ = frame()
    found = judge(given_, "base", margin=0.005)
    differences = [(given_[arm] - given_["base"]).to_numpy() for arm in given_.columns[1:]]
    p = [sign_flip_p(d) for d in differences]
    equal = holm([equivalence_p(d, 0.005) for d in differences])
    for row, d, one, corrected, same in zip(found, differences, p, holm(p), equal, strict=True):
        assert row.difference == pytest.approx(d.mean())
        assert (row.low, row.high) == interval(d)
        assert (row.bca_low, row.bca_high) == bca(d)
        assert (row.p, row.p_corrected) == (one, corrected)
        assert row.significant == (corrected <= 0.05)
        assert (row.p_equivalent, row.equivalent) == (same, same <= 0.05)
        assert row.effect == pytest.approx(d.mean() / d.std(ddof=1))
        assert row.improvement == (d > 0).mean()
    own = given_["better"]
    assert found.rows[0].mean == own.mean()
    assert found.rows[0].sd == own.std()


def test_a_seed_that_one_of_a_pair_lacks_is_left_out_and_said() -> None:
    """A failed training takes its pair away, a failed base everybody's; means keep their own."""
    given_ = frame()
    given_.loc[3, "worse"] = np.nan
    given_.loc[5, "base"] = np.nan
    found = judge(given_, "base")
    assert [(row.n, row.missing) for row in found] == [(7, (5,)), (6, (3, 5)), (7, (5,)), (7, (5,))]
    assert found.of("worse").mean == given_["worse"].dropna().mean()
    assert any("worse: n = 6, without seeds 3, 5" in note for note in found.footnote)


def test_an_arm_that_failed_on_every_seed_stays_in_the_table() -> None:
    """No number, no significance, and it counts for Holm."""
    given_ = frame().assign(dead=np.nan)
    found = judge(given_, "base", margin=0.005)
    dead = found.of("dead")
    assert dead.n == 0
    assert not dead.significant
    assert dead.equivalent is False
    assert np.isnan([dead.mean, dead.difference, dead.low, dead.p, dead.p_corrected]).all()
    assert found.of("better").p_corrected == pytest.approx(5 * 2 / 2**8)


def test_with_three_seeds_nothing_is_significant_and_the_table_says_so() -> None:
    """However large the differences are."""
    found = judge(frame(3), "base")
    assert not any(row.significant for row in found)
    assert "smallest p is 0.25, after Holm over 4 arms 1." in " ".join(found.notes)
    assert "no difference can" not in " ".join(judge(frame(8), "base").notes)


def test_a_test_and_an_interval_that_part_are_said() -> None:
    """Seven seeds agree and one is far off: the real differences of CMT's patch stem, in points.

    Where the test shows nothing the interval may leave out zero: it is not corrected.
    """
    apart = np.array([-0.68, 2.56, 2.58, 1.86, 2.18, 1.7, 2.72, 1.82])
    given_ = pd.DataFrame(
        {"base": 0.5, "apart": 0.5 + apart / 100, "clear": 0.5 + (apart + 2) / 100}
    )
    found = judge(given_, "base")
    assert [row.significant for row in found] == [True, True]
    assert found.of("apart").low < 0 < found.of("clear").low
    said = [note for note in found.notes if "two methods" in note]
    assert len(said) == 1
    assert said[0].startswith("apart: its test rules out that there is no difference, its interv")
    silent = judge(given_, "base", alpha=0.001)
    assert not any("two methods" in note for note in silent.notes)


def test_an_arm_can_have_another_reference() -> None:
    """A cumulative design compares each step with the one before."""
    given_ = frame()
    found = judge(given_, "base", references={"worse": "better", "base": "same"})
    assert found.of("worse").reference == "better"
    assert found.of("worse").difference == pytest.approx(
        (given_["worse"] - given_["better"]).mean()
    )
    assert found.rows[0].arm == "base"


def test_looks_make_p_larger_and_are_said() -> None:
    """A study that added seeds by what it saw pays for having looked."""
    plain, looked = judge(frame(), "base"), judge(frame(), "base", looks=Looks(6, 12))
    assert all(a.p_corrected <= b.p_corrected + 1e-12 for a, b in zip(plain, looked, strict=True))
    assert looked.of("better").significant
    assert looked.of("better").p_corrected > plain.of("better").p_corrected
    assert "looks after 6 to 12 seeds" in looked.correction
    assert any("fixed n" in note for note in looked.notes)


@settings(deadline=None, max_examples=25)
@given(st.permutations(["better", "worse", "same", "unclear"]))
def test_verdicts_do_not_depend_on_the_order_of_arms(order: list[str]) -> None:
    """Holm's steps follow the p-values and not the columns."""
    plain = judge(frame(), "base", margin=0.005)
    turned = judge(frame()[["base", *order]], "base", margin=0.005)
    assert [row.arm for row in turned] == order
    assert all(turned.of(row.arm) == row for row in plain)


def test_effect_sizes_of_a_worked_example() -> None:
    """Two of four better and one tie: 0.625; mean over deviation; none where nothing varies."""
    assert improvement([0.1, 0.2, 0.0, -0.1]) == 0.625
    assert paired_d([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert np.isnan([paired_d([1.0, 1.0]), paired_d([1.0]), improvement([])]).all()


def test_equivalence_needs_both_sides() -> None:
    """The larger of two one-sided p-values; five pairs can show it, four cannot."""
    d = np.array([0.002, -0.001, 0.004, -0.003, 0.001])
    assert equivalence_p(d, 0.005) == 1 / 32
    assert equivalence_p(d[:4], 0.005) > 0.05
    assert equivalence_p(d + 0.02, 0.005) == 1
    assert equivalence_p(-d, 0.005) == equivalence_p(d, 0.005)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"base": "bse"}, "'bse' is not an arm.*did you mean 'base'"),
        ({"references": {"wrse": "base"}}, "'wrse' is not an arm.*did you mean 'worse'"),
        ({"references": {"same": "same"}}, "'same' is given as its own reference"),
        ({"margin": 1.5}, "margin: 1.5 was given.*half a point is 0.005"),
        ({"alpha": 0}, "alpha: 0 was given; it must be between 0 and 1"),
    ],
)
def test_what_does_not_hold_is_said(changed: dict[str, object], message: str) -> None:
    """What was given, what holds, what to do."""
    with pytest.raises(InputError, match=message):
        judge(frame(), **{"base": "base", **changed})  # type: ignore[arg-type]

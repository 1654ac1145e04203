"""An ablation's table says what was measured, marks what was shown, and hides nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_ablations import FACTORS, eight_seeds, made, with_latency

from archsearch.ablation import cells
from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import Table, table_of
from archsearch.arms.claims import Claim
from archsearch.arms.settings import Seeds
from archsearch.significance.paired import judge
from archsearch.significance.power import cautious_sd, seeds_needed

NAN = float("nan")


def row(table: Table, arm: str) -> dict[str, str]:
    """The cells of an arm by their column."""
    return dict(table.arms[table.arms["arm"] == arm].iloc[0])


def said(table: Table) -> str:
    """All notes."""
    return "\n".join(table.notes)


def test_a_row_has_what_was_measured() -> None:
    """Mean and deviation in percent, the paired difference in points, as numpy computes them."""
    ablation = eight_seeds()
    base, arm = ablation.frame["base"], ablation.frame["kernel_3"]
    found = row(table_of(ablation), "kernel_3")
    assert found["accuracy (%)"] == f"{100 * arm.mean():.2f} ± {100 * np.std(arm, ddof=1):.2f}"
    assert found["difference (points)"] == f"−{100 * (base - arm).mean():.2f}"
    assert found["n"] == "8"


def test_marks_stand_where_the_corrected_test_says_so_and_nowhere_else() -> None:
    """An arm that is worse on every seed of eight is marked, one that does nothing is not."""
    ablation = eight_seeds()
    assert list(table_of(ablation).arms[""]) == ["", "▼", ""]
    better = ablation.frame.assign(kernel_3=ablation.frame["kernel_3"] + 0.04)
    assert row(table_of(replace(ablation, frame=better)), "kernel_3")[""] == "▲"


def test_no_mark_where_six_seeds_cannot_show_anything() -> None:
    """Over three arms the smallest corrected p of six seeds is .094, and a note says so."""
    base = np.linspace(0.4, 0.5, 6)
    noise = np.array([0.001, -0.002, 0, 0.003, -0.001, 0.002])
    arms = {"kernel_3": base - 0.1 + noise, "one_head": base + 0.1, "kernel_3+one_head": base}
    table = table_of(made({"base": base, **arms}, design="full_factorial"))
    assert "" not in table.arms
    assert row(table, "kernel_3")["p"] == ".094"
    assert "With n = 6 no difference can be significant" in said(table)


def test_with_a_margin_equal_arms_are_called_so() -> None:
    """An arm within a third of a point on every seed is ≈ at a margin of two points."""
    ablation = eight_seeds()
    settings = ablation.settings.model_copy(update={"margin": 0.02})
    table = table_of(replace(ablation, settings=settings))
    assert row(table, "one_head")[""] == "≈"
    assert "≈: shown to differ by less than 2 points (" in said(table)


def test_a_failed_seed_is_shown_and_its_pair_left_out() -> None:
    """The row says so, n is marked, and the reason is below."""
    ablation = eight_seeds()
    ablation.frame.loc[3, "kernel_3"] = NAN
    table = table_of(replace(ablation, failed={("kernel_3", 3): "train: the loss is nan"}))
    found = row(table, "kernel_3")
    assert found["accuracy (%)"].endswith(", 1 failed")
    assert found["n"] == "7*"
    assert row(table, "one_head")["n"] == "8"
    assert "Failed: kernel_3, seed 3: train: the loss is nan" in table.notes
    assert "kernel_3: n = 7, without seed 3" in said(table)
    assert "*: pairs are missing" in said(table)


def test_an_arm_that_always_fails_has_a_row() -> None:
    """All its seeds are counted as failed; nothing is made up in the place of numbers."""
    ablation = eight_seeds()
    ablation.frame["kernel_3"] = NAN
    failed = {("kernel_3", seed): "out of memory" for seed in range(8)}
    found = row(table_of(replace(ablation, failed=failed)), "kernel_3")
    assert found["accuracy (%)"] == "8 failed"
    assert [found[name] for name in ("difference (points)", "95 % interval", "p")] == ["-"] * 3


def test_failures_of_the_base_are_shown_too() -> None:
    """Every arm has one pair less then."""
    ablation = eight_seeds()
    ablation.frame.loc[0, "base"] = NAN
    table = table_of(replace(ablation, failed={("base", 0): "out of memory"}))
    assert row(table, "base")["accuracy (%)"].endswith(", 1 failed")
    assert list(table.arms["n"]) == ["7", "7*", "7*"]


def test_a_run_that_goes_on_has_a_table() -> None:
    """Before the first training, after one of all, and it says that more is to come."""
    none = made({"base": [], "kernel_3": [], "one_head": []})
    one = made({"base": [0.5], "kernel_3": [NAN], "one_head": [0.4]})
    for ablation, done in ((none, 0), (one, 2)):
        table = table_of(replace(ablation, state="unfinished"))
        assert f"The run is unfinished: {done} trainings are done." in said(table)
        assert len(table.arms) == 3
    assert row(table_of(one), "one_head")["difference (points)"] == "−10.00"


def test_costs_stand_with_what_they_are_more_or_less() -> None:
    """Params, MACs and latency; = where an arm costs the same."""
    ablation = with_latency(eight_seeds(), [1.5, 1.25, 1.5])
    table = table_of(ablation)
    assert row(table, "kernel_3")["params"] == "10.7 k (−128)"
    assert row(table, "base")["latency (ms)"] == "1.50"
    assert row(table, "kernel_3")["latency (ms)"] == "1.25 (−0.25)"
    assert row(table, "one_head")["latency (ms)"] == "1.50 (=)"
    assert "Latency on Board (ms, predicted, ±7 %)." in said(table)
    assert "latency (ms)" not in table_of(eight_seeds()).arms


def test_differences_are_of_what_an_arm_is_compared_with() -> None:
    """In a road map that is the step before, which the table then names."""
    base = np.linspace(0.4, 0.5, 8)
    noise = np.array([0.001, -0.001] * 4)
    arms = {"kernel_3": base + 0.02 + noise, "one_head": base + 0.01 - noise}
    table = table_of(made({"base": base, **arms}, design="cumulative", seeds=8))
    assert list(table.arms["against"]) == ["", "base", "kernel_3"]
    assert row(table, "one_head")["difference (points)"] == "−1.00"
    assert row(table, "one_head")["params"].endswith(" (−1)")
    assert "against" not in table_of(eight_seeds()).arms


def test_the_papers_number_stands_beside_ours_with_its_source() -> None:
    """As ablations.csv has it; what was not found says so."""
    table = table_of(eight_seeds())
    assert list(table.arms["paper"]) == ["", "−0.4", "not found"]
    (note,) = [note for note in table.notes if note.startswith("Paper: kernel_3 −0.4")]
    assert "Source: EdgeNeXt: EdgeNeXt paper 2206.10589v3" in note


def test_without_claims_there_is_no_column_for_them() -> None:
    """A file that says nothing of papers has a table that does not either."""
    plain = {"kernel_3": {"set": {"conv_encoder.kernel": 3}}}
    table = table_of(made({"base": [0.5, 0.6], "kernel_3": [0.4, 0.51]}, factors=plain, seeds=2))
    assert "paper" not in table.arms
    assert "Paper" not in said(table)


def test_a_factorial_has_its_effects_below() -> None:
    """Main effects and the interaction, as two-way tables give them by hand."""
    seeds = np.linspace(0.4, 0.5, 6)
    base = seeds + np.array([0.001, 0, -0.001, 0.002, 0, -0.002])
    arms = {"kernel_3": seeds - 0.02, "one_head": seeds + 0.01, "kernel_3+one_head": seeds - 0.05}
    table = table_of(made({"base": base, **arms}, design="full_factorial"))
    assert table.effects is not None
    effects = dict(zip(table.effects["term"], table.effects["effect (points)"], strict=True))
    means = {name: 100 * np.mean(values) for name, values in {"base": base, **arms}.items()}
    both = (means["kernel_3"] + means["kernel_3+one_head"] - means["base"] - means["one_head"]) / 2
    assert effects["kernel_3"] == f"−{abs(both):.2f}"
    shares = [float(share) for share in table.effects["variance (%)"]]
    assert abs(sum(shares) - 100) <= 0.05 * len(shares)
    assert set(effects) == {"kernel_3", "one_head", "kernel_3 x one_head", "seeds (residual)"}
    assert "◆" in list(table.effects[""])
    assert "effects" in table.numbers
    assert table_of(eight_seeds()).effects is None


def test_the_footnote_says_how_the_numbers_were_got() -> None:
    """Seeds, images, recipe, test, correction, interval, costs, code."""
    notes = said(table_of(eight_seeds()))
    for part in (
        "over 8 seeds on 50 validation images of digits, trained on 100 at 16x16 pixels",
        "2 epochs in batches of 64, adamw, learning rate 0.002",
        "exact two-sided sign-flip test of paired differences (same seeds); n = 8",
        "Corrected over 2 arms by Holm's method",
        "95% interval",
        "counted with 1000 classes",
        "Made with archsearch 1, commit 0123456789ab, torch 2.",
    ):
        assert part in notes


def test_below_the_table_is_what_n_can_show_and_how_many_seeds_are_needed() -> None:
    """The smallest p of eight pairs, alone and over two arms; no end for what does nothing."""
    notes = said(table_of(eight_seeds()))
    assert "What n = 8 can show: the smallest p is .0078, after Holm over 2 arms .016." in notes
    assert re.search(r"kernel_3 \d+ \(\d+\), one_head over 1000 \(over 1000\)", notes)


def test_seeds_needed_are_of_the_spread_seen_and_of_its_upper_limit() -> None:
    """A difference of one standard deviation, as the planning functions say of it."""
    noise = np.array([0.01, -0.02, 0.015, -0.005, 0.02, -0.015, 0.005, -0.01])
    base = np.full(8, 0.5)
    ablation = made({"base": base, "kernel_3": base + 0.01 + noise, "one_head": base + noise})
    sd = float(np.std(noise, ddof=1))
    wanted = [seeds_needed(0.01, spread, 2, 0.05) for spread in (sd, cautious_sd(sd, 8))]
    assert None not in wanted
    assert f"kernel_3 {wanted[0]} ({wanted[1]})" in said(table_of(ablation))


def test_adaptive_seeds_are_corrected_over_their_looks() -> None:
    """No p is smaller than it would be after one look, and the notes name the looks."""
    ablation = eight_seeds()
    seeds = Seeds(first=6, most=8, adaptive=True)
    looked = replace(ablation, settings=ablation.settings.model_copy(update={"seeds": seeds}))
    once, often = (table_of(one).numbers["arms"]["p_corrected"] for one in (ablation, looked))
    assert (often.dropna() >= once.dropna()).all()
    assert "over the looks after 6 to 8 seeds" in said(table_of(looked))
    assert "looks" not in said(table_of(ablation))


def test_a_fraction_says_what_it_cannot_tell_apart() -> None:
    """Its defining relation and its aliases stand below."""
    factors = {**FACTORS, "wide": {"set": {"sdta.expand": 2.0}}}
    design = {"fractional_factorial": {"resolution": 3}}
    arms = dict.fromkeys(("base", "kernel_3+one_head", "kernel_3+wide", "one_head+wide"))
    seeds = {arm: 0.4 + 0.01 * np.arange(6) * (1 + k) for k, arm in enumerate(arms)}
    table = table_of(made(seeds, factors=factors, design=design))
    assert "Defining relation: I = -kernel_3 x one_head x wide." in table.notes
    assert "wide = -kernel_3 x one_head" in said(table)
    assert table.effects is not None
    wide = table.effects.set_index("term").loc["wide"]
    assert wide["aliases"] == "-kernel_3 x one_head"


def test_numbers_are_in_full() -> None:
    """What the verdicts say is read back from the data frame to the last bit."""
    ablation = eight_seeds()
    table = table_of(ablation)
    numbers = table.numbers["arms"].set_index("arm")
    for verdict in judge(ablation.frame, "base"):
        for name in ("mean", "difference", "low", "high", "p", "p_corrected", "effect", "bca_low"):
            assert numbers.loc[verdict.arm, name] == getattr(verdict, name)
    seeds = table.numbers["seeds"].pivot_table(index="seed", columns="arm", values="accuracy")
    pd.testing.assert_frame_equal(seeds[list(ablation.frame)], ablation.frame, check_names=False)


def test_failures_are_among_the_numbers() -> None:
    """A training that failed has a row with its reason; one that is to come has none."""
    ablation = made({"base": [0.5, 0.5], "kernel_3": [NAN, NAN], "one_head": [0.5, 0.5]})
    seeds = table_of(replace(ablation, failed={("kernel_3", 1): "diverged"})).numbers["seeds"]
    assert list(seeds[seeds["arm"] == "kernel_3"]["failed"]) == ["diverged"]
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ({"delta_top1": "-1.1"}, "−1.1"),
        ({"delta_top1": "0.2"}, "+0.2"),
        ({"delta_top1": "0"}, "0"),
        ({"delta_top1": "slightly negative"}, "slightly negative"),
        ({"top1": "77.8"}, "77.8 %"),
        ({}, "in words"),
        ({"status": "MISSING", "delta_top1": ""}, "not found"),
    ],
)
def test_a_claim_is_shown_as_it_was_stated(stated: dict[str, str], shown: str) -> None:
    """A number with its sign, else words; what is missing was not found."""
    empty = dict.fromkeys(Claim.model_fields, "")
    assert cells.paper(Claim(**{**empty, **stated})) == shown


@given(st.floats(-1, 1))
def test_points_round_and_keep_their_sign(difference: float) -> None:
    """What is read back is the difference to half of the last digit."""
    text = cells.points(difference)
    assert abs(float(text.replace("−", "-")) - 100 * difference) <= 0.005 + 1e-9
    assert text[0] == ("+" if difference > 0 else "−" if difference < 0 else "0")


@pytest.mark.parametrize(
    ("p", "text"),
    [(1.0, "1.000"), (0.0390625, ".039"), (0.0078125, ".0078"), (1e-9, "< .0001"), (NAN, "-")],
)
def test_p_values_are_short_and_never_zero(p: float, text: str) -> None:
    """Three decimals, four where they are needed, and a bound below."""
    assert cells.probability(p) == text


def test_a_table_made_twice_is_the_same() -> None:
    """Nothing in it comes from the clock or from chance."""

    def content(ablation: Ablation) -> tuple[object, ...]:
        table = table_of(ablation)
        frames = [table.arms, *table.numbers.values()]
        return (table.notes, table.title, dict(table.legend), *(f.to_csv() for f in frames))

    assert content(eight_seeds()) == content(eight_seeds())

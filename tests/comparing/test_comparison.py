"""Comparisons: tables, boxes and curves computed by hand on runs of a few points."""

from __future__ import annotations

import json
from itertools import product
from math import isnan

import numpy as np
import pytest
from made_strategies import changed, made_strategy
from matplotlib.colors import to_hex

from archsearch.comparing import Comparison, compare
from archsearch.comparing.picture import plot_comparison
from archsearch.comparing.telling import notes, readable
from archsearch.errors import InputError
from archsearch.pareto import hypervolume
from archsearch.study import Study

A = [[(0.5, 1.0), (0.6, 3.0)], [(0.5, 2.0), (0.7, 4.0)], [(0.4, 1.0), (0.55, 2.0)]]
B = [[(0.6, 1.0), (0.8, 4.0)], [(0.7, 2.0), (0.4, 4.0)], [(0.6, 2.0), (0.75, 3.0)]]
BOX = {"reference": {"val_accuracy": 0.3, "macs": 5.0}, "ideal": {"val_accuracy": 0.8, "macs": 1.0}}


@pytest.fixture
def found(tiny_study: Study) -> Comparison:
    """Two strategies of three runs each, in a box of 0.5 by 4."""
    strategies = [made_strategy(tiny_study, "a", *A), made_strategy(tiny_study, "b", *B)]
    return compare(strategies, corners=BOX)


def volume(points: list[tuple[float, float]]) -> float:
    return hypervolume(np.array(points), (0.3, 5.0), (True, False)) / 2.0


def test_the_table_has_mean_hypervolumes_and_their_difference(found: Comparison) -> None:
    """As shares of the box; the exact p of the six runs, and intervals around the means."""
    table = found.table
    means = [np.mean([volume(run) for run in runs]) for runs in (A, B)]
    assert table["hypervolume"].tolist() == pytest.approx(means)
    assert table["difference"].tolist()[1] == pytest.approx(means[1] - means[0])
    assert table[["strategy", "runs", "trials", "complete"]].to_numpy().tolist() == [
        ["a", 3, 2.0, 2.0], ["b", 3, 2.0, 2.0],
    ]  # fmt: skip
    assert table["front"].tolist() == pytest.approx([2.0, 5 / 3])
    assert table["interval"].tolist() == ["runs", "runs"]
    assert (table["hypervolume_low"] <= table["hypervolume"]).all()
    assert (table["hypervolume"] <= table["hypervolume_high"]).all()
    assert isnan(table["p"][0])
    pooled = [volume(run) for run in (*A, *B)]
    away = []
    for sides in product([0, 1], repeat=6):
        if sum(sides) == 3:
            split = [
                [v for v, s in zip(pooled, sides, strict=True) if s == side] for side in (0, 1)
            ]
            away.append(abs(np.mean(split[0]) - np.mean(split[1])))
    expected = np.mean(np.array(away) >= abs(means[1] - means[0]) - 1e-12)
    assert table["p"][1] == pytest.approx(expected)


def test_the_box_comes_from_all_runs_unless_it_is_given(tiny_study: Study) -> None:
    """The worst values and a tenth of the range behind them, and the best ones."""
    strategies = [made_strategy(tiny_study, "a", *A), made_strategy(tiny_study, "b", *B)]
    box = compare(strategies).box
    assert box.reference == pytest.approx((0.36, 4.3))
    assert box.ideal == (0.8, 1.0)
    given = compare(strategies, corners={"reference": {"macs": 9.0, "val_accuracy": 0.1}}).box
    assert given.reference == (0.1, 9.0)
    assert given.ideal == box.ideal


@pytest.mark.parametrize(
    ("corner", "message"),
    [
        ({"macs": 9.0}, "the reference point has macs; it needs a value of each of val_accuracy"),
        ({"macs": 9.0, "val_accuracy": 0.8}, "reference of val_accuracy is 0.8 and its ideal 0.8"),
        ({"macs": 0.5, "val_accuracy": 0.1}, "reference of macs is 0.5 and its ideal 1"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(
    tiny_study: Study, corner: dict[str, float], message: str
) -> None:
    """It must have every objective, and be worse than the best."""
    strategies = [made_strategy(tiny_study, "a", *A), made_strategy(tiny_study, "b", *B)]
    with pytest.raises(InputError, match=message):
        compare(strategies, corners={"reference": corner})


def test_a_stored_comparison_says_how_to_make_it_again(found: Comparison) -> None:
    """Objectives, box, seed, and every run's own number."""
    data = json.loads(json.dumps(found.to_data(), allow_nan=False))
    assert data["objectives"] == {"val_accuracy": "maximize", "macs": "minimize"}
    assert {key: data[key] for key in BOX} == BOX
    assert data["box_volume"] == pytest.approx(2.0)
    assert [run["hypervolume"] for run in data["strategies"]["b"]] == pytest.approx(
        [volume(run) for run in B]
    )
    assert data["strategies"]["a"][1]["run"] == "runs/a1"
    assert data["table"][0]["p"] is None
    again = compare(found.strategies, corners={k: data[k] for k in BOX}, seed=data["seed"])
    assert again.to_data() == found.to_data()


def test_curves_grow_over_trials_and_seconds(found: Comparison) -> None:
    """The mean over the runs; each trial of these took a second."""
    for over in ("trials", "seconds"):
        curves = found.curves(over)  # type: ignore[arg-type]
        rows = curves[curves["strategy"] == "a"]
        firsts = np.mean([volume(run[:1]) for run in A])
        assert rows["at"].tolist() == [1, 2]
        assert rows["hypervolume"].tolist() == pytest.approx(
            [firsts, np.mean([volume(run) for run in A])]
        )
        assert rows["low"].notna().all()


def test_trials_that_were_stopped_count_as_trials(tiny_study: Study) -> None:
    """They add nothing, and the curve goes on to the last of them."""
    stopped = made_strategy(tiny_study, "s", A[0], state="stopped").runs[0]
    a, b = made_strategy(tiny_study, "a", A[0]), made_strategy(tiny_study, "b", B[0], A[0])
    later = [*a.runs[0].records, *stopped.records]
    object.__setattr__(a.runs[0], "records", tuple(later))
    curves = compare([a, b], corners=BOX).curves()
    assert curves[curves["strategy"] == "a"]["at"].tolist() == [1, 2, 4]


def test_unequal_budgets_are_told_at_the_common_number_of_trials(tiny_study: Study) -> None:
    """The longer run's hypervolume after as many trials as the shorter has."""
    long = [*A[0], (0.8, 1.0)]
    strategies = [made_strategy(tiny_study, "a", A[1]), made_strategy(tiny_study, "b", long)]
    found = compare(strategies, corners=BOX)
    assert found.common_trials == 2
    assert found.table["hypervolume_at"].tolist() == pytest.approx([volume(A[1]), volume(A[0])])
    assert readable(found)["at 2 trials"].tolist() == [f"{volume(r):.3f}" for r in (A[1], A[0])]
    same = [made_strategy(tiny_study, "a", A[1]), made_strategy(tiny_study, "b", A[0])]
    assert "at 2 trials" not in readable(compare(same))


def test_single_runs_have_the_interval_of_their_noise(tiny_study: Study) -> None:
    """It moves with the noise, and where all is exact there is none."""
    widths = []
    for sd in (0.001, 0.05):
        strategies = [
            made_strategy(tiny_study, n, r, n=2, sd=sd)
            for n, r in zip("ab", (A[0], B[0]), strict=True)
        ]
        table = compare(strategies, corners=BOX).table
        assert table["interval"].tolist() == ["noise", "noise"]
        assert table["p"].isna().all()
        assert table["difference_low"].notna().tolist() == [False, True]
        widths.append((table["hypervolume_high"] - table["hypervolume_low"])[0])
    assert 10 * widths[0] < widths[1]
    exact = compare(strategies, ["params", "macs"]).table
    assert exact["interval"].tolist() == ["", ""]
    assert exact["hypervolume_low"].isna().all()


def test_the_interval_of_a_difference_holds_the_noise_of_both(tiny_study: Study) -> None:
    """Against an exact run it is as wide as the noisy one's own, against another one wider."""

    def width(first: float, second: float) -> float:
        noisy = [
            made_strategy(tiny_study, name, A[0], n=2, sd=sd)
            for name, sd in (("a", first), ("b", second))
        ]
        table = compare(noisy, corners=BOX).table
        return float(table["difference_high"][1] - table["difference_low"][1])

    assert width(0.02, 0.02) == pytest.approx(np.sqrt(2) * width(1e-9, 0.02), rel=0.1)
    assert width(0.02, 1e-9) == pytest.approx(width(1e-9, 0.02), rel=0.1)


def test_surfaces_and_rectangles_are_those_of_the_two_measures(found: Comparison) -> None:
    """Best, median and worst; the areas favoured differ as the hypervolumes of the plane."""
    surfaces = found.surfaces("macs", "val_accuracy")
    best = surfaces[(surfaces["strategy"] == "b") & (surfaces["surface"] == "best")]
    assert best[["macs", "val_accuracy"]].to_numpy().tolist() == [
        [1.0, 0.6], [2.0, 0.7], [3.0, 0.75], [4.0, 0.8],
    ]  # fmt: skip
    assert set(surfaces["runs"]) == {3}
    a, b = found.strategies
    ahead, behind = found.rectangles(b, a, "macs", "val_accuracy").attrs["favoured"]
    assert ahead - behind == pytest.approx(found.table["difference"][1])


def test_a_measure_beside_the_objectives_has_a_box_of_its_own(found: Comparison) -> None:
    """What is an objective keeps its corners."""
    plane = found.plane("params", "val_accuracy")
    assert plane.reference == pytest.approx((1001.1, 0.3))
    assert plane.ideal == (1000.0, 0.8)
    assert found.axes() == ("macs", "val_accuracy")
    assert found.axes("params") == ("params", "val_accuracy")
    with pytest.raises(InputError, match="train_s was measured in none"):
        found.axes("train_s")


def test_the_seed_decides_the_intervals(tiny_study: Study) -> None:
    """And no other number."""
    a = made_strategy(tiny_study, "a", A[0], n=2, sd=0.02)
    b = made_strategy(tiny_study, "b", B[0], n=2, sd=0.02)
    first, again, other = (compare([a, b], seed=seed).table for seed in (0, 0, 1))
    assert again.equals(first)
    assert [column for column in first if not other[column].equals(first[column])] == [
        "hypervolume_low", "hypervolume_high", "difference_low", "difference_high",
    ]  # fmt: skip


def test_notes_say_what_the_table_does_not(tiny_study: Study, found: Comparison) -> None:
    """The box, what intervals are, how small p can be, and in what the studies differ."""
    told = "\n".join(notes(found, "macs", "val_accuracy"))
    assert "reference val_accuracy=0.3,macs=5, ideal val_accuracy=0.8,macs=1" in told
    assert "fewer than 5 runs (a, b)" in told
    assert "it cannot be under 0.1" in told
    assert "the studies are the same" in told
    assert "b is ahead of a in" in told
    tpe = made_strategy(changed(tiny_study, sampler="tpe"), "c", B[0])
    mixed = compare([tpe, made_strategy(tiny_study, "a", A[0])])
    told = "\n".join(notes(mixed, "macs", "val_accuracy"))
    assert "the studies differ in sampler (tpe, random)" in told
    assert "its measurements drawn again by their errors" in told
    assert "p:" not in told
    object.__setattr__(found.strategies[0], "runs", (*found.strategies[0].runs, *tpe.runs))
    told = "\n".join(notes(compare(found.strategies), "macs", "val_accuracy"))
    assert "the runs of a are no repeats, they differ in sampler (random, tpe)" in told


def test_the_table_reads_as_text(found: Comparison) -> None:
    """Numbers with their intervals; nothing where there is none."""
    first, second = readable(found).to_dict("records")
    assert first["strategy"] == "a"
    assert first["from the first"] == first["p"] == ""
    value = f"{found.table['hypervolume'][1]:.3f}"
    assert second["hypervolume"].startswith(f"{value} (")
    assert second["from the first"].startswith("+")
    assert second["time"] == "2 s"


def test_p_is_corrected_for_the_strategies_that_are_tested(tiny_study: Study) -> None:
    """Three against the first: the least p three times; a single run is not tested."""
    made = [made_strategy(tiny_study, name, *runs) for name, runs in zip("abcd", (A, B, A, B[::-1]),
            strict=True)]  # fmt: skip
    alone = made_strategy(tiny_study, "e", B[0])
    found = compare([*made, alone], corners=BOX)
    p, corrected = found.table["p"].tolist(), found.table["p_holm"].tolist()
    assert corrected[1] == corrected[3] == pytest.approx(3 * p[1])
    assert corrected[2] == p[2] == 1
    assert isnan(corrected[0])
    assert isnan(corrected[4])
    assert readable(found)["p (Holm)"].tolist() == [
        "",
        f"{3 * p[1]:.2g}",
        "1",
        f"{3 * p[1]:.2g}",
        "",
    ]
    told = "\n".join(notes(found, "macs", "val_accuracy"))
    assert "p (Holm): corrected for the 3 strategies that are tested against a" in told
    assert "the smallest cannot be under 0.3" in told
    assert "p (Holm)" not in readable(compare(made[:2], corners=BOX))


def test_of_unequal_numbers_of_runs_the_least_p_is_told(tiny_study: Study) -> None:
    """Three against three can give 0.1, three against two 0.1: one of ten splits."""
    made = [made_strategy(tiny_study, "a", *A), made_strategy(tiny_study, "b", *A, *B),
            made_strategy(tiny_study, "c", *B[:2])]  # fmt: skip
    told = "\n".join(notes(compare(made, corners=BOX), "macs", "val_accuracy"))
    assert "two-sided; it cannot be under 0.012" in told


def test_three_objectives_are_compared_in_all_of_them(tiny_study: Study) -> None:
    """The third is not forgotten: what leads in the plane of two may be behind in the box."""
    made = [made_strategy(tiny_study, name, *runs) for name, runs in zip("ab", (A, B), strict=True)]
    found = compare(made, ["val_accuracy", "macs", "params"])
    attained = found.attained["b"]
    assert 0 < attained.error < 0.004
    difference = attained.first - attained.second
    assert difference == pytest.approx(found.table["difference"][1], abs=4 * attained.error)
    told = "\n".join(notes(found, "macs", "val_accuracy"))
    assert "attainment of val_accuracy, macs, params: b is ahead of a in " in told
    assert "means over 20,000 places" in told
    assert "attainment of val_accuracy and macs alone, as in the figure: b is ahead" in told
    assert found.to_data()["attainment"]["b"]["ahead"] == attained.first
    assert found.to_data() == compare(made, ["val_accuracy", "macs", "params"]).to_data()
    said = plot_comparison(found).get_supxlabel()
    assert "does in params is in the hypervolume, and not in these surfaces" in said


def test_two_objectives_need_no_further_words(found: Comparison) -> None:
    """The figure shows all there is, and shares are exact."""
    told = "\n".join(notes(found, "macs", "val_accuracy"))
    assert "alone" not in told
    assert "±" not in told
    assert "Attainment is of" not in plot_comparison(found).get_supxlabel()


@pytest.mark.parametrize(("others", "columns"), [("b", 3), ("bc", 2), ("bcd", 3)])
def test_a_figure_has_every_difference_from_the_first(
    tiny_study: Study, others: str, columns: int
) -> None:
    """In the colours that the strategies have beside it; in rows of up to three panels."""
    made = [made_strategy(tiny_study, name, *(A if name in "ac" else B)) for name in "a" + others]
    left, *beside, right = plot_comparison(compare(made, corners=BOX)).axes
    assert (left.get_title("left"), right.get_title("left")) == ("attainment", "growth")
    assert len(beside) == len(others)
    colours = [line.get_color() for line in left.lines if "median" in str(line.get_label())]
    for ax, name, colour in zip(beside, others, colours[1:], strict=True):
        assert ax.get_legend_handles_labels()[1] == ["a ahead", f"{name} ahead"]
        assert ax.get_shared_x_axes().joined(ax, left)
        areas = [one for one in ax.collections if any(len(p.vertices) for p in one.get_paths())]
        drawn = {to_hex(c) for one in areas for c in one.get_facecolor()}
        # Of two strategies that are alike in every run neither is ahead.
        assert (to_hex(colour) in drawn) == (name != "c")
    spec = left.get_subplotspec()
    assert spec is not None
    assert spec.get_gridspec().ncols == columns

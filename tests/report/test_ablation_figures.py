"""The figures of an ablation show the numbers of its table, and every seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_ablations import eight_seeds, made, with_latency

from archsearch.ablation.picture import seed_differences
from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import table_of
from archsearch.report.ablated import courses, shown
from archsearch.report.ablated import differences as module
from archsearch.report.ablated.arms import arms_data, first_shown
from archsearch.report.ablated.courses import arm_curves, shares
from archsearch.report.ablated.differences import differences
from archsearch.report.ablated.worth import worth
from archsearch.trial import CurvePoint

NAN = float("nan")


def with_margin(ablation: Ablation, margin: float) -> Ablation:
    return replace(ablation, settings=ablation.settings.model_copy(update={"margin": margin}))


def factorial() -> Ablation:
    """Kernel 3 costs two points, one head gains one, together they cost another."""
    seeds = np.linspace(0.4, 0.5, 6)
    base = seeds + np.array([0.001, 0, -0.001, 0.002, 0, -0.002])
    arms = {"kernel_3": seeds - 0.02, "one_head": seeds + 0.01, "kernel_3+one_head": seeds - 0.05}
    return made({"base": base, **arms}, design="full_factorial")


def drawn(ablation: Ablation) -> dict[str, dict[str, Any]]:
    """Every arm's own marker of the differences: its trace and its place in it."""
    chart = differences(ablation, table_of(ablation))
    found = [t for t in chart.traces if "error_x" in t]
    return {
        arm: {"trace": t, "x": t["x"][i], "y": t["y"][i], "i": i}
        for t in found
        for i, arm in enumerate(t["customdata"])
    }


def trace(traces: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [one for one in traces if one.get("name") == name]
    return found


def test_markers_and_intervals_are_the_table_s() -> None:
    """In points, a row an arm in the table's order."""
    ablation = eight_seeds()
    for place, row in enumerate(table_of(ablation).verdicts):
        one = drawn(ablation)[row.arm]
        bars = one["trace"]["error_x"]
        assert (one["x"], one["y"]) == (pytest.approx(100 * row.difference), place)
        assert one["x"] + bars["array"][one["i"]] == pytest.approx(100 * row.high)
        assert one["x"] - bars["arrayminus"][one["i"]] == pytest.approx(100 * row.low)


def test_marks_differ_in_shape_and_colour() -> None:
    """Better, worse, equal and not shown; so they can be told apart in grey, too."""
    looks = {(one.symbol, one.size, one.letter) for one in shown.MARKS.values()}
    assert len(looks) == len(shown.MARKS)
    assert len({one.colour for one in shown.MARKS.values()}) == len(shown.MARKS)


def test_an_arm_has_the_look_of_its_mark() -> None:
    """Worse is a triangle down; within the margin a disc with ≈ in it; better a triangle up."""
    ablation = with_margin(eight_seeds(), 0.005)
    frame = ablation.frame.assign(kernel_3=ablation.frame["kernel_3"] + 0.04)
    for one, symbol in (
        (ablation, "triangle-down"),
        (replace(ablation, frame=frame), "triangle-up"),
    ):
        found = drawn(one)
        assert found["kernel_3"]["trace"]["marker"]["symbol"] == symbol
        assert found["one_head"]["trace"]["text"] == ["≈"]


def test_hovering_says_what_the_table_says() -> None:
    """Difference, interval, p, n, d, accuracy and costs, in the table's own words."""
    ablation = with_latency(eight_seeds(), [1.5, 1.25, 1.5])
    table = table_of(ablation)
    for row in table.arms.to_dict("records")[1:]:
        said = shown.hover_texts(table)[row["arm"]]
        for name in ("difference (points)", "95 % interval", "p", "n", "d", "accuracy (%)"):
            assert row[name] in said, name
        for name in ("params", "MACs", "latency (ms)"):
            assert f"{name} {row[name]}" in said


def test_every_seed_is_a_point_below_its_arm() -> None:
    """The paired differences; one that failed has none."""
    ablation = eight_seeds()
    ablation.frame.loc[3, "kernel_3"] = NAN
    dots = trace(differences(ablation, table_of(ablation)).traces, "one seed")
    expected = seed_differences(ablation).dropna()
    assert len(expected) == 15
    assert dots["x"] == pytest.approx(list(100 * expected["difference"]))
    assert dots["customdata"] == list(expected["arm"])
    rows = {"kernel_3": 0, "one_head": 1}
    assert all(
        0 < y - rows[arm] < 0.5 for y, arm in zip(dots["y"], dots["customdata"], strict=True)
    )


def test_papers_differences_are_hollow_and_in_their_rows() -> None:
    """The number as it was stated; what was not found is not drawn."""
    ablation = eight_seeds()
    papers = trace(differences(ablation, table_of(ablation)).traces, "a paper's")
    assert (papers["customdata"], papers["x"], papers["y"]) == (["kernel_3"], [-0.4], [0])
    assert papers["marker"]["symbol"].endswith("-open")


def test_the_margin_is_a_band_and_all_is_in_sight() -> None:
    """Without a margin there is only the line of no difference."""
    ablation = with_margin(eight_seeds(), 0.03)
    look = differences(ablation, table_of(ablation)).layout
    (band,) = [one for one in look["shapes"] if one["type"] == "rect"]
    assert (band["x0"], band["x1"]) == (-3, 3)
    low, high = look["xaxis"]["range"]
    assert low < -3 < 3 < high
    plain = eight_seeds()
    look = differences(plain, table_of(plain)).layout
    assert [one["type"] for one in look["shapes"]] == ["line"]


def test_of_many_arms_the_marked_ones_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """And how many were left out is said."""
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    ablation = with_margin(eight_seeds(), 0.005)
    frame = ablation.frame.assign(kernel_3=ablation.frame["base"] + [0.1, -0.1] * 4)
    chart = differences(replace(ablation, frame=frame), table_of(replace(ablation, frame=frame)))
    assert chart.layout["yaxis"]["ticktext"] == ["one_head"]
    assert "1 more arms" in chart.note


def test_costs_stand_against_difference_and_accuracy() -> None:
    """In percent of what the arm is compared with, or as they are; only those that are known."""
    ablation = with_latency(eight_seeds(), [2.0, 1.5, NAN])
    table = table_of(ablation)
    found = worth(ablation, table)
    assert list(found["costs"]) == ["params", "macs", "latency_ms"]
    assert list(worth(eight_seeds(), table_of(eight_seeds()))["costs"]) == ["params", "macs"]
    points = {
        arm: (x, y)
        for t in found["figures"]["latency_ms/difference"]["traces"]
        for arm, x, y in zip(t.get("customdata", []), t["x"], t["y"], strict=False)
    }
    difference = 100 * table.verdicts.of("kernel_3").difference
    assert points == {"base": (0, 0), "kernel_3": (pytest.approx(-25), pytest.approx(difference))}
    (base,) = [
        t for t in found["figures"]["params/accuracy"]["traces"] if t.get("customdata") == ["base"]
    ]
    numbers = table.numbers["arms"].set_index("arm").loc["base"]
    assert base["x"] == [numbers["params"]]
    assert base["y"] == pytest.approx([100 * numbers["mean"]])
    assert base["error_y"]["array"] == pytest.approx([100 * numbers["sd"]])


def test_a_road_map_has_no_one_base_at_zero() -> None:
    """Each step is compared with the one before, and stands at what that changes."""
    base = np.linspace(0.4, 0.5, 8)
    arms = {"kernel_3": base + 0.02, "one_head": base + 0.01}
    road = made({"base": base, **arms}, design="cumulative", seeds=8)
    table = table_of(road)
    traces = worth(road, table)["figures"]["params/difference"]["traces"]
    points = {a: x for t in traces for a, x in zip(t.get("customdata", []), t["x"], strict=False)}
    params = road.costs["params"]
    assert list(points) == ["kernel_3", "one_head"]
    assert points["one_head"] == pytest.approx(100 * (params["one_head"] / params["kernel_3"] - 1))
    assert "against kernel_3" in shown.hover_texts(table)["one_head"]


def test_shares_of_the_variance_are_the_effects_table_s() -> None:
    """Largest first, full where the test says so, with what noise would give; they add to one."""
    table = table_of(factorial())
    chart = shares(table)
    assert chart is not None
    bars = [one for one in chart.traces if one["type"] == "bar"]
    names = chart.layout["yaxis"]["ticktext"]
    drawn = {names[y]: x for one in bars for x, y in zip(one["x"], one["y"], strict=True)}
    frame = table.numbers["effects"].set_index("term")
    assert drawn == {term: pytest.approx(100 * frame.loc[term, "share"]) for term in frame.index}
    assert sum(drawn.values()) == pytest.approx(100)
    assert [drawn[name] for name in names] == sorted(drawn.values(), reverse=True)
    full = {names[y] for y in trace(chart.traces, "◆ an effect")["y"]}
    assert full == set(frame.index[frame["significant"]])
    noise = trace(chart.traces, "by noise alone")
    assert noise["x"] == pytest.approx([100 * frame.loc[name, "expected"] for name in names])
    assert shares(table_of(eight_seeds())) is None


def test_effects_before_the_first_whole_seed_have_no_figure() -> None:
    """Shares are not known then."""
    arms: dict[str, list[float]] = {arm: [] for arm in factorial().frame}
    assert shares(table_of(made(arms, design="full_factorial"))) is None


def curve(*accuracies: float) -> list[CurvePoint]:
    return [CurvePoint(0, float(e), 1.0, a, 1.0) for e, a in enumerate(accuracies, start=1)]


def test_learning_curves_are_means_over_the_seeds() -> None:
    """A line an arm, the base's first; what has one epoch is no curve."""
    table = table_of(eight_seeds())
    curves = {"kernel_3": curve(0.2, 0.3) + curve(0.4, 0.5), "base": curve(0.1, 0.2)}
    chart = arm_curves(table, {**curves, "one_head": curve(0.5)})
    assert chart is not None
    assert [one["name"] for one in chart.traces] == ["base", "kernel_3"]
    assert chart.traces[1]["x"] == [1, 2]
    assert chart.traces[1]["y"] == pytest.approx([0.3, 0.4])
    assert arm_curves(table, {"base": curve(0.5)}) is None
    assert arm_curves(table, {}) is None


def test_learning_curves_left_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base and what says most are kept."""
    monkeypatch.setattr(courses, "MOST_CURVES", 2)
    table = table_of(eight_seeds())
    chart = arm_curves(table, dict.fromkeys(("base", "kernel_3", "one_head"), curve(0.1, 0.2)))
    assert chart is not None
    assert [one["name"] for one in chart.traces] == ["base", "kernel_3"]
    assert "1 more arms" in chart.note


def test_an_arm_s_changed_stages_are_marked() -> None:
    """Those whose layers are not as in the net compared with; the base's are not."""
    ablation = eight_seeds()
    arms = {a["name"]: a for a in arms_data(ablation, table_of(ablation), {"base": 0}, None)}
    changed = {
        name: [s["name"] for s in arm["net"]["stages"] if s.get("changed")]
        for name, arm in arms.items()
    }
    assert changed == {"base": [], "kernel_3": ["Stage 1"], "one_head": ["Stage 1"]}
    assert (arms["base"]["trial"], arms["kernel_3"]["trial"]) == (0, None)
    assert arms["kernel_3"]["changes"] == "conv_encoder.kernel = 3 (was 5)"
    assert "kernel size fixed to 7" in arms["kernel_3"]["paper"]


def test_changed_stages_of_a_road_map_are_those_of_the_step() -> None:
    """What an earlier step changed is not marked again."""
    factors = {"plain": {"remove": "sdta"}, "bare": {"set": {"head.norm": "none"}}}
    arms = {"base": [0.5], "plain": [0.4], "bare": [0.6]}
    road = made(arms, design="cumulative", factors=factors, seeds=1)
    (_, _, last) = arms_data(road, table_of(road), {}, None)
    assert last["reference"] == "plain"
    assert [s["name"] for s in last["net"]["stages"] if s["changed"]] == ["Head"]


def test_the_arm_shown_first_is_the_one_that_differs_most() -> None:
    """One that is shown to differ goes before a larger difference that is not; else the base."""
    ablation = eight_seeds()
    assert first_shown(table_of(ablation)) == "kernel_3"
    frame = ablation.frame.assign(one_head=ablation.frame["base"] + [0.5, -0.3] * 4)
    assert first_shown(table_of(replace(ablation, frame=frame))) == "kernel_3"
    none = made({"base": [], "kernel_3": [], "one_head": []})
    assert first_shown(table_of(none)) == "base"

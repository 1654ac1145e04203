"""Costs of populations: those of counting each point, and valid where decoding accepts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_spaces import Data, space_data, space_of, spaces

from archsearch import published
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Site
from archsearch.codes import IntArray, active, codes_of, draw_codes
from archsearch.cost import count, memory, population, slots
from archsearch.cost.population import Counted, PopulationCosts
from archsearch.cost.static import NetCost, forget
from archsearch.grammar import Domain, Slot
from archsearch.space import NotAMember, SearchSpace, load_space

FOLDER = Path(__file__).resolve().parents[1] / "search_spaces"
MOBILE = load_space(FOLDER / "mobile.yaml")
PUBLISHED = load_space(FOLDER / "published.yaml")

CMT: Data = {
    "repeat": {"int": [0, 2]},
    "choice": [
        "conv_encoder",
        {"cmt": {"heads": {"choice": [1, 2]}, "reduction": {"choice": [1, 2]}}},
    ],
}
HALVED: Data = {"choice": ["conv", {"inverted_residual": {"stride": {"choice": [1, 2]}}}]}
SPACES: dict[str, Data] = {
    "one table for all groups and copies of a stage": space_data(
        {"width": 8, "repeat": {"int": [1, 2]}, "blocks": [CMT, {**CMT, "vary": True}, CMT]},
        {"width": {"choice": [8, 12]}, "downsample": HALVED, "blocks": [CMT, CMT]},
    ),
    "a repeated stage has its own width before it": space_data(
        {"width": 8, "blocks": []},
        {
            "width": {"choice": [8, 12, 16]},
            "repeat": {"int": [0, 3]},
            "downsample": {"choice": ["none", *HALVED["choice"]]},
            "blocks": [CMT],
        },
    ),
    "the first of the stages is left out and the stem has no width": space_data(
        {
            "width": {"choice": [8, 12]},
            "repeat": {"int": [0, 1]},
            "downsample": {"choice": ["none", "conv"]},
            "blocks": [CMT],
        },
        {"width": {"choice": [8, 16]}, "downsample": {"choice": ["none", "conv"]}, "blocks": []},
        stem={"patch": {"norm": {"choice": ["layer", "none"]}}, "width": {"choice": [None, 8]}},
    ),
    "a block that halves the map stands in no stage": space_data(
        {"width": 8, "blocks": [{"inverted_residual": {"stride": {"choice": [1, 2]}}}]}
    ),
    "oblong images, other stems and heads": space_data(
        {"width": {"int": [8, 16], "step": 4}, "blocks": [CMT]},
        {"width": 16, "downsample": HALVED, "blocks": ["gnconv"]},
        input={"channels": 1, "resolution": {"choice": [32, [32, 48], [33, 48], [48, 32]]}},
        stem={"choice": ["cmt_stem", {"conv": {"stride": {"choice": [1, 2]}}}]},
        head={"project": {"choice": [None, 24]}, "norm": {"choice": ["layer", "none"]}},
    ),
    "groups that no point has": space_data(
        {
            "width": 8,
            "blocks": [
                {**CMT, "repeat": 0},
                {**CMT, "repeat": 0, "vary": True},
                {**CMT, "repeat": 2},
            ],
        },
        {"width": {"choice": [12, 16]}, "repeat": 0, "downsample": "conv", "blocks": [CMT]},
    ),
    "nothing is open": space_data({"width": 8, "blocks": ["conv_encoder", "cmt"]}),
}


def expected(space: SearchSpace, row: IntArray, classes: int) -> NetCost | None:
    """Cost of one point, decoded and counted; None where decoding refuses it."""
    codes = {path: int(code) for (path, _), code in zip(space.leaves(), row, strict=True)}
    point = space.walk(lambda path, domain: domain.labels[codes[path]])
    try:
        return count(space.decode(point), classes)
    except NotAMember:
        return None


def rows(counted: Counted) -> list[NetCost | None]:
    """Costs of each point as plain numbers; None where it is not valid."""
    return [
        NetCost(*costs) if valid else None
        for valid, *costs in zip(*(array.tolist() for array in counted), strict=True)
    ]


def check(space: SearchSpace, codes: IntArray, classes: int = 1000) -> int:
    """Every number equals, and so does what is refused; returns how many points are valid."""
    found = rows(PopulationCosts(space.tree, classes).count(codes))
    assert found == [expected(space, row, classes) for row in codes]
    return len(found) - found.count(None)


def draw(space: SearchSpace, number: int, seed: int = 0) -> IntArray:
    """Random rows."""
    return draw_codes(space.tree, np.random.default_rng(seed), number)


def test_random_points_of_the_mobile_space_cost_what_counting_says() -> None:
    """2,000 points, nearly all of them valid."""
    assert check(MOBILE, draw(MOBILE, 2000)) > 1000


def test_random_points_of_the_published_space_cost_what_counting_says() -> None:
    """2,000 points, of which few are valid."""
    assert 10 < check(PUBLISHED, draw(PUBLISHED, 2000)) < 1000


def test_points_near_published_nets_cost_what_counting_says() -> None:
    """Every published net, and 40 neighbours of each with one leaf drawn anew: all families."""
    rng = np.random.default_rng(0)
    nets = [PUBLISHED.encode(published.load(name)) for name in published.names()]
    codes = np.repeat([codes_of(PUBLISHED.tree, net) for net in nets], 41, axis=0)
    fresh, shown = draw_codes(PUBLISHED.tree, rng, len(codes)), active(PUBLISHED.tree, codes)
    for row in range(len(codes)):
        column = rng.choice(np.flatnonzero(shown[row]))
        if row % 41:
            codes[row, column] = fresh[row, column]
    assert check(PUBLISHED, codes) > len(codes) / 2


@pytest.mark.parametrize("name", SPACES)
def test_a_small_space_costs_what_counting_says(name: str) -> None:
    """What costs depend on, one thing a space."""
    space = space_of(SPACES[name])
    assert check(space, draw(space, 300), classes=10) > 30


@settings(max_examples=120, deadline=None)
@given(spaces(), st.integers(0, 999))
def test_any_space_costs_what_counting_says(data: Data, seed: int) -> None:
    """So it is for spaces that nobody thought of."""
    space = space_of(data)
    check(space, draw(space, 20, seed))


def test_heads_can_be_chosen() -> None:
    """A head slot with several alternatives is counted like any other."""
    stage = {"width": {"choice": [8, 12]}, "blocks": [CMT]}
    trees = [
        space_of(space_data(stage, head=head)).tree
        for head in ({"norm": {"choice": ["layer", "none"]}}, {"project": {"choice": [16, 24]}})
    ]
    plain, projected = (tree.head.alternatives[0] for tree in trees)
    heads = (plain, replace(projected, label="head#2"))
    slot = Slot(heads, Domain(tuple(head.label for head in heads)))
    space = SearchSpace(replace(trees[0], head=slot), "two heads")
    assert check(space, draw(space, 100)) == 100


def test_what_idle_leaves_hold_has_no_meaning() -> None:
    """Not even where no leaf has so many labels."""
    codes = draw(MOBILE, 200)
    changed = np.where(active(MOBILE.tree, codes), codes, 12_345)
    assert (codes != changed).any()
    costs = PopulationCosts(MOBILE.tree)
    assert rows(costs.count(codes)) == rows(costs.count(changed))


def test_no_points_cost_nothing() -> None:
    """An empty population has empty costs."""
    counted = PopulationCosts(MOBILE.tree).count(draw(MOBILE, 0))
    assert [len(array) for array in counted] == [0] * 5


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [(population, "_AT_ONCE", 7), (memory, "MOST_KEPT", 9), (slots, "_MOST_SIZES", 1 << 62)],
    ids=["in small parts", "often forgetting", "keys that numpy does not have"],
)
def test_how_it_is_counted_changes_no_cost(
    module: object, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the size of a pass nor what is remembered, nor how keys are written."""
    space = space_of(SPACES["one table for all groups and copies of a stage"])
    codes = draw(space, 100)
    plain = rows(PopulationCosts(space.tree).count(codes))
    monkeypatch.setattr(module, name, value)
    costs = PopulationCosts(space.tree)
    for first in range(0, 95, 5):  # of the ten points of a step, five were there before
        assert rows(costs.count(codes[first : first + 10])) == plain[first : first + 10]


def test_no_slot_is_too_large_to_be_numbered() -> None:
    """10^12 layers between 10^8 pairs of widths: more than 64 bits can tell apart."""
    block = {
        "inner": {"int": [1, 10_000]},
        "heads": 1,
        "patch": {"int": [1, 100]},
        "expand": {"float": [1.0, 1.9999], "step": 0.0001},
        "depth": {"int": [1, 100]},
    }
    stage = {"width": {"int": [8, 10_007]}, "blocks": [{"mobilevit": block}]}
    space = space_of(space_data(stage))
    assert check(space, draw(space, 50)) == 50


def test_what_was_met_is_not_evaluated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second population of the same layers calls no closed form: that is why it is fast."""
    space = space_of(
        space_data(
            {"width": 8, "blocks": [{"conv_encoder": {"kernel": {"choice": [3, 5]}}}]},
            {
                "width": {"choice": [8, 12]},
                "downsample": "conv",
                "blocks": [{"repeat": {"int": [1, 2]}, "conv_encoder": {}}],
            },
        )
    )
    calls = 0
    count = ConvEncoder.count

    def watched(layer: ConvEncoder, site: Site, tally: Tally) -> None:
        nonlocal calls
        calls += 1
        count(layer, site, tally)

    monkeypatch.setattr(ConvEncoder, "count", watched)
    forget()
    costs = PopulationCosts(space.tree)
    costs.count(draw(space, 500))
    assert calls == 2 + 2  # two kernels in the first stage, two widths in the second
    costs.count(draw(space, 500, seed=1))
    assert calls == 2 + 2

"""The ends of a space: against every member, listed, and against what random members cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from small_spaces import members, point_count, space_data, space_of, spaces

from archsearch.blocks import DOWNSAMPLES, STEMS
from archsearch.blocks.layer import Layer, Site
from archsearch.cost import count, insides
from archsearch.cost.extremes import Extreme, extremes
from archsearch.cost.static import NetCost
from archsearch.cost.vectors import Disagreement, Vector, evaluate
from archsearch.errors import InputError
from archsearch.space import SearchSpace, load_space

MOBILE = Path(__file__).parents[1] / "search_spaces" / "mobile.yaml"
CLASSES = 17
MOST_POINTS = 3_000


def checked(data: dict[str, Any], classes: int = CLASSES) -> None:
    """Both ends of every measure are those of the members, and the choices attain them."""
    space = space_of(data)
    costs = [count(member, classes) for member in members(data)]
    found = extremes(space.tree, classes)
    for name in NetCost._fields:
        values = [getattr(cost, name) for cost in costs]
        for ends, value in ((found.smallest, min(values)), (found.largest, max(values))):
            assert ends[name].value == value, name
            assert ends[name].exact
            assert attained(space, name, ends[name], classes) == value


def attained(space: SearchSpace, name: str, extreme: Extreme, classes: int = CLASSES) -> int:
    """What the architecture of an extreme's choices costs."""
    value: int = getattr(count(space.decode(extreme.choices), classes), name)
    return value


CMT = {"cmt": {"heads": {"choice": [1, 2, 4]}, "reduction": {"choice": [1, 2]}}}
PLAIN = {"conv_encoder": {"kernel": {"choice": [3, "global"]}, "expand": {"choice": [1, 6]}}}
EITHER = {"choice": [CMT, PLAIN]}
WIDTH = {"choice": [8, 12]}
DOWN = {"choice": ["none", {"conv": {"stride": 2}}]}

LISTED = {
    "tables of two groups": space_data(
        {"width": WIDTH, "blocks": [{"repeat": {"int": [0, 2]}, **EITHER}, EITHER]}
    ),
    "tables of copies that vary": space_data(
        {"width": 8, "blocks": [{"repeat": {"int": [0, 3]}, "vary": True, **EITHER}]}
    ),
    "a table pays off with the second copy": space_data(
        {"width": 16, "blocks": [{"repeat": {"int": [1, 3]}, **EITHER}, CMT]},
        input={"resolution": {"choice": [16, 32]}},
    ),
    "tables of repeated stages, whose maps shrink": space_data(
        {
            "repeat": {"int": [1, 3]},
            "width": WIDTH,
            "downsample": DOWN,
            "blocks": [{"repeat": {"int": [0, 1]}, "vary": True, **EITHER}, CMT],
        },
        stem={"patch": {}, "width": 8},
    ),
    "stages left out, and layers that keep or halve the map": space_data(
        {"repeat": {"int": [0, 1]}, "width": WIDTH, "downsample": DOWN, "blocks": [PLAIN]},
        {"width": {"choice": [12, 16]}, "downsample": DOWN, "blocks": []},
        {"repeat": {"choice": [0, 2]}, "width": 16, "downsample": DOWN, "blocks": [PLAIN]},
        stem={"patch": {"size": {"choice": [2, 4]}}, "width": {"choice": [8, 12]}},
    ),
    "images that are no squares": space_data(
        {"width": WIDTH, "blocks": [EITHER]},
        {"width": 16, "downsample": "conv", "blocks": [{"pacc": {"attention": False}}]},
        input={"resolution": {"choice": [[20, 33], [9, 50], 24]}},
    ),
    "blocks that cannot stand at a width": space_data(
        {
            "width": {"choice": [7, 8, 9]},
            "blocks": [{"repeat": {"int": [0, 2]}, "sdta": {"heads": {"choice": [2, 4]}}}, PLAIN],
        }
    ),
    "tokens, which make the map larger": space_data(
        {
            "repeat": {"int": [0, 1]},
            "width": 8,
            "downsample": {"choice": ["none", "tokens"]},
            "blocks": [{"vit": {"heads": {"choice": [1, 2]}}}],
        },
        {"width": 8, "blocks": [{"vit": {"heads": 2, "expand": {"choice": [2, 3]}}}]},
        head={"pool": {"choice": ["mean", "first"]}, "norm": {"choice": ["none", "pixel"]}},
    ),
    "a stage that cannot be repeated at a width": space_data(
        {
            "repeat": 2,
            "width": {"choice": [8, 9]},
            "downsample": {"inverted_residual": {"kernel": {"choice": [3, "global"]}, "expand": 1}},
            "blocks": [],
        },
        stem={"patch": {}, "width": 8},
    ),
    "leaves without effect": space_data(
        {"width": 8, "blocks": []},
        head={"project": {"choice": [None, 16]}, "bias": {"choice": [True, False]}},
    ),
    "heads with and without a projection": space_data(
        {"width": {"choice": [8, 64]}, "blocks": [PLAIN]},
        head={
            "choice": [
                {"norm": {"choice": ["layer", "none"]}},
                {"project": {"choice": [16, 80]}, "bias": {"choice": [True, False]}},
            ]
        },
    ),
}


@pytest.mark.parametrize("data", LISTED.values(), ids=LISTED)
def test_the_ends_are_those_of_the_listed_members(data: dict[str, Any]) -> None:
    """Every member of a small space is counted."""
    checked(data)


@pytest.mark.parametrize("width", [None, 8, {"choice": [8, None, 24]}, {"choice": [8, 12]}])
def test_the_stem_s_width_is_given_or_the_first_stage_s(width: Any) -> None:
    """Also where the first stage is left out: then it is the second one's."""
    optional = {"repeat": {"int": [0, 1]}, "width": WIDTH, "downsample": DOWN, "blocks": []}
    second = {"width": {"choice": [8, 24]}, "downsample": DOWN, "blocks": [PLAIN]}
    checked(space_data(optional, second, stem={"patch": {}, "width": width}))


@given(spaces())
@settings(max_examples=40, deadline=None)
def test_the_ends_of_any_space_are_those_of_its_members(data: dict[str, Any]) -> None:
    """Spaces of all shapes, small enough to be listed."""
    assume(0 < point_count(data) <= MOST_POINTS)
    if members(data):
        checked(data)
    else:
        with pytest.raises(InputError, match="no valid member; check the widths"):
            extremes(space_of(data).tree)


def test_no_random_member_of_the_mobile_space_lies_outside() -> None:
    """And the members at the ends belong to the space and cost what is said."""
    space = load_space(MOBILE)
    found = extremes(space.tree)
    rng = np.random.default_rng(0)
    costs = [count(space.sample(rng)) for _ in range(300)]
    for name in NetCost._fields:
        small, large = found.smallest[name], found.largest[name]
        assert small.exact
        assert large.exact
        assert attained(space, name, small, 1000) == small.value
        assert attained(space, name, large, 1000) == large.value
        values = [getattr(cost, name) for cost in costs]
        assert small.value <= min(values)
        assert max(values) <= large.value


def test_more_sets_of_tables_than_can_be_followed_are_admitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is found is then some member's, and is not called exact."""
    monkeypatch.setattr(insides, "MOST_SETS", 2)
    data = LISTED["tables of copies that vary"]
    space, costs = space_of(data), [count(member, CLASSES).params for member in members(data)]
    found = extremes(space.tree, CLASSES)
    assert not found.largest["params"].exact
    assert attained(space, "params", found.largest["params"]) == found.largest["params"].value
    assert found.largest["params"].value <= max(costs)
    assert found.largest["macs"].exact


@pytest.mark.parametrize("kinds", [STEMS, DOWNSAMPLES], ids=["stems", "downsamples"])
def test_only_blocks_share_parameters(kinds: dict[str, type[Layer]]) -> None:
    """The search relies on it: what begins a stage shares nothing with what follows."""
    for kind in kinds.values():
        assert kind.shared is Layer.shared


# vectors


def formula(site: Site) -> tuple[int, ...]:
    """All that closed forms do, in one."""
    hidden = max(3, math.floor(site.channels * 1.3))
    if site.in_channels == site.channels:
        hidden += 7
    if site.height > 5 and site.width % 2:
        hidden -= round(site.height * 0.5)
    halved = -(-site.height // 2) * (site.width >> 1)
    return (
        hidden * halved,
        math.ceil(site.width / 3),
        math.ceil(math.log2(site.height) * site.width),
        int(site.channels * 0.7) + math.gcd(site.channels, 12),
        5,
    )


def test_a_formula_gives_at_many_sites_what_it_gives_at_each() -> None:
    """Whatever it asks of them on the way."""
    sites = np.random.default_rng(0).integers(1, 9, size=(500, 4))
    single = [formula(Site(*row)) for row in sites.tolist()]
    assert evaluate(formula, sites).tolist() == [list(row) for row in single]


def test_what_vectors_do_not_have_is_done_site_by_site() -> None:
    """A formula that treats a number as something else is not led astray."""
    sites = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert evaluate(lambda site: (site.height.bit_length(), 1), sites).tolist() == [[2, 1], [3, 1]]
    assert evaluate(lambda site: ({3: 9, 7: 8}[site.height],), sites).tolist() == [[9], [8]]


def test_a_vector_answers_only_what_its_elements_agree_on() -> None:
    """Never for some of them."""
    vector = Vector(np.array([1, 2, 3]))
    assert vector > 0
    assert vector != 4
    with pytest.raises(Disagreement) as parted:
        bool(vector > 1)
    assert parted.value.mask.tolist() == [False, True, True]
    with pytest.raises(Disagreement):
        int(vector)
    assert int(Vector(np.array([4, 4]))) == 4

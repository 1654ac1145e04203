"""Layers that are defined once, used in several places, and chosen once for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_spaces import (
    _DOWNS,
    _LAYERS,
    Data,
    _layers,
    decoded,
    members,
    point_count,
    points,
    space_data,
    space_of,
    spaces,
)

from archsearch import cost
from archsearch.architecture import Architecture
from archsearch.codes import active, choices_of, codes_of, draw_codes
from archsearch.cost import count
from archsearch.cost import extremes as extremes_module
from archsearch.cost.extremes import extremes
from archsearch.cost.population import PopulationCosts
from archsearch.documents import parse
from archsearch.errors import InputError
from archsearch.space import NotAMember, SearchSpace, architecture_of, load_space, tree_of
from archsearch.trial import Choices

SPACES = Path(__file__).parent.parent / "search_spaces"
KERNELS = {"conv_encoder": {"kernel": {"choice": [3, 5, 7]}}}


def plain_files(data: Data) -> Iterator[Data]:
    """Every file that is left when one and the same layer is written wherever a name is used."""
    given: Data = data["define"]
    rest = {key: value for key, value in data.items() if key != "define"}
    for layers in product(*(_layers(layer) for layer in given.values())):
        chosen = dict(zip(given, layers, strict=True))
        yield rest | {"stages": [_written_out(stage, chosen) for stage in rest["stages"]]}


def _written_out(stage: Data, chosen: Data) -> Data:
    down = stage.get("downsample", "none")
    if isinstance(down, dict) and "use" in down:
        down = chosen[down["use"]]
    blocks = [
        {k: v for k, v in block.items() if k != "use"} | chosen[block["use"]]
        if isinstance(block, dict) and "use" in block
        else block
        for block in stage["blocks"]
    ]
    return stage | {"downsample": down, "blocks": blocks}


@st.composite
def spaces_with_definitions(draw: st.DrawFn) -> Data:
    """A space file in which some blocks, and maybe the downsampling layers, have a name."""
    data = draw(spaces())
    stages: list[Data] = [dict(stage) for stage in data["stages"]]
    stages[0].pop("repeat", None)
    options = draw(st.lists(_LAYERS, min_size=1, max_size=2, unique_by=repr))
    define: Data = {"cell": options[0] if len(options) == 1 else {"choice": options}}
    stages[0]["blocks"] = [*stages[0]["blocks"][:1], {"use": "cell"}]
    for stage in stages:
        repeat = draw(st.sampled_from([None, 1, 2, {"int": [0, 1]}, {"choice": [0, 2]}]))
        if repeat is not None:
            stage["blocks"] = [{"repeat": repeat, "use": "cell"}, *stage["blocks"][1:]]
    stages[0]["blocks"] = [*stages[0]["blocks"], {"use": "cell"}]
    if draw(st.booleans()):
        define["down"] = draw(_DOWNS)
        for stage in [stages[0], *(s for s in stages[1:] if draw(st.booleans()))]:
            stage["downsample"] = {"use": "down"}
    return data | {"stages": stages, "define": define}


def check(data: Data) -> None:
    """Size, members, decode, encode, codes, costs and ends agree with the plain files'."""
    space = space_of(data)
    expected = Counter(member.id for plain in plain_files(data) for member in members(plain))
    found = decoded(space)
    assert space.size == len(found) == expected.total()
    assert Counter(architecture.id for _, architecture in found) == expected
    assert not space.exact or len(expected) == space.size
    for point, architecture in found:
        again = space.encode(architecture)
        assert again == point or not space.exact
        assert space.decode(again).id == architecture.id
    check_costs(space, found)


def check_costs(space: SearchSpace, found: list[tuple[Choices, Architecture]]) -> None:
    """A population is counted as its members one by one, and so are the ends of the space."""
    rows = [codes_of(space.tree, point) for point in points(space)]
    assert [choices_of(space.tree, row) for row in rows] == list(points(space))
    counted = PopulationCosts(space.tree, 10).count(np.array(rows, dtype=np.int64))
    assert counted.valid.sum() == len(found)
    costs = [count(architecture, 10) for _, architecture in found]
    names = cost.NetCost._fields
    for name in names:
        expected = [getattr(one, name) for one in costs]
        assert getattr(counted, name)[counted.valid].tolist() == expected
    if not found:
        with pytest.raises(InputError, match="no valid member"):
            extremes(space.tree, 10)
        return
    ends = extremes(space.tree, 10)
    for name, (which, pick) in product(names, (("smallest", min), ("largest", max))):
        end = getattr(ends, which)[name]
        assert end.exact
        assert end.value == pick(getattr(one, name) for one in costs)
        assert end.value == getattr(count(space.decode(end.choices), 10), name)


SMALL: dict[str, Data] = {
    "one cell twice": space_data(
        {"width": 8, "blocks": [{"repeat": 2, "use": "cell"}]},
        {"width": 12, "downsample": "conv", "blocks": [{"use": "cell"}]},
        define={"cell": KERNELS},
    ),
    "a cell that does not fit everywhere": space_data(
        {"width": {"choice": [8, 9]}, "blocks": [{"use": "cell"}]},
        {"width": 12, "downsample": "conv", "blocks": [{"use": "cell"}]},
        define={"cell": {"sdta": {"heads": {"choice": [2, 3, 4, 6]}, "splits": {"int": [1, 2]}}}},
    ),
    "a cell that may be left out in places": space_data(
        {"width": 8, "blocks": [{"repeat": {"int": [0, 2]}, "use": "cell"}, {"use": "cell"}]},
        {
            "width": 8,
            "repeat": {"int": [0, 1]},
            "downsample": "conv",
            "blocks": [{"use": "cell"}, KERNELS],
        },
        define={"cell": {"choice": ["conv_encoder", {"cmt": {"heads": {"choice": [1, 3, 8]}}}]}},
    ),
    "two definitions, one of them with none": space_data(
        {"width": 8, "downsample": {"use": "down"}, "blocks": [{"use": "cell"}]},
        {"width": {"choice": [8, 12]}, "downsample": {"use": "down"}, "blocks": [{"use": "cell"}]},
        define={
            "down": {"choice": ["none", "conv", {"conv": {"kernel": {"choice": [2, 4]}}}]},
            "cell": KERNELS,
        },
    ),
    "a layer that two tables have": space_data(
        {"width": 8, "downsample": {"use": "one"}, "blocks": [{"use": "one"}]},
        define={"one": {"inverted_residual": {"stride": {"choice": [1, 2]}, "expand": 1}}},
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_small_space_is_what_its_file_says(name: str) -> None:
    """Each closing of a definition, written by hand wherever it is used, gives the members."""
    check(SMALL[name])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces_with_definitions())
def test_any_small_space_is_what_its_file_says(data: Data) -> None:
    """So it is for spaces that nobody thought of."""
    assume(sum(point_count(plain) for plain in plain_files(data)) <= 150)
    check(data)


@pytest.mark.parametrize(
    ("name", "size", "exact"),
    [
        ("one cell twice", 3, True),
        ("a cell that does not fit everywhere", 2 * 2 + 2 * 1, True),
        ("a cell that may be left out in places", 3 * 3 * (1 + 3), True),
        ("two definitions, one of them with none", 3 * (1 + 2 * 2), False),
        ("a layer that two tables have", 1, True),
    ],
)
def test_sizes_counted_on_paper(name: str, size: int, exact: bool) -> None:
    """Small enough to be counted by hand; not exact where two points give one architecture.

    2 or 4 heads stand at 8 and 12 channels, with 1 or 2 splits; 3 at 9 and 12. One or 8 heads of a
    cmt stand at 8 channels, 3 do not. A bottleneck's copies inside a stage have stride 1.
    """
    space = space_of(SMALL[name])
    assert space.size == size
    assert space.exact is exact


def test_the_choice_is_written_once() -> None:
    """Leaves, points and neighbours have one path for all places, that of the definition."""
    space = space_of(SMALL["one cell twice"])
    assert [path for path, _ in space.leaves()] == ["define.cell.conv_encoder.kernel"]
    point = space.draw(np.random.default_rng(0))
    assert point.keys() == {"define.cell.conv_encoder.kernel"}
    assert len(list(space.neighbours(point))) == 2
    layers = {block for stage in space.decode(point).stages for block in stage.blocks}
    assert len(layers) == 1
    rows = draw_codes(space.tree, np.random.default_rng(0), 5)
    assert active(space.tree, rows).all()


def test_an_architecture_whose_places_differ_is_no_member() -> None:
    """Each place could hold its layer, but not both; the reason names the definition."""
    stages: list[Any] = [
        {"width": 8, "blocks": [{"repeat": 2, "conv_encoder": {"kernel": 3}}]},
        {"width": 12, "downsample": "conv", "blocks": [{"conv_encoder": {"kernel": 5}}]},
    ]
    other = next(iter(members(space_data(*stages))))
    space = space_of(SMALL["one cell twice"])
    with pytest.raises(NotAMember, match=r"^define: cell: the places that use it do not hold one"):
        space.encode(other)
    stages[1]["blocks"] = [{"conv_encoder": {"kernel": 9}}]
    with pytest.raises(NotAMember, match=r"stages\.1\.blocks\.0\.conv_encoder\.kernel: 9; the"):
        space.encode(next(iter(members(space_data(*stages)))))


def test_a_large_space_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the points are too many to be counted, the ends are a member's and not proven."""
    space = space_of(SMALL["a cell that may be left out in places"])
    exact = extremes(space.tree, 10)
    monkeypatch.setattr(extremes_module, "MOST_POINTS", 10)
    sampled = extremes(space.tree, 10)
    for name, end in sampled.smallest.items():
        assert not end.exact
        assert end.value >= exact.smallest[name].value
        assert end.value == getattr(count(space.decode(end.choices), 10), name)


FILE = """schema: 1
stem: {patch: {size: 4}}
define: DEFINE
stages:
  - width: 24
    blocks: [BLOCKS]
"""


@pytest.mark.parametrize(
    ("define", "blocks", "message"),
    [
        ("{a: cmt}", "{use: b}",
         r"f.yaml:6: stages\.0\.blocks\.0\.use: no layer 'b' is defined; valid: a"),
        ("{}", "{use: b}", r"no layer 'b' is defined; define it: define: \{name: layer\}"),
        ("{cell: cmt}", "{use: cel}", "no layer 'cel' is defined; did you mean 'cell'"),
        ("{a: cmt, b: cmt}", "{use: b}", r"f.yaml:3: define\.a: nothing uses it; write \{use: a\}"),
        ("{a: cmt}", "{use: a, repeat: {int: [0, 2]}}, cmt",
         r"f.yaml:3: define\.a: every place that uses it can be left out; one must always"),
        ("{a: cmt}", "{use: a, vary: true, repeat: 2}", r"vary: a defined layer is one for all"),
        ("{a: cmt}", "{use: a, cmt: {}}", r"blocks\.0\.cmt: unknown key 'cmt'"),
        ("{a: cmt}", "{use: 3}", r"use: got 3; expected a valid string"),
        ("{a: cmtt}", "{use: a}", r"f.yaml:3: define\.a\.cmtt: unknown layer 'cmtt'; did you mean"),
        ("{a.b: cmt}", "{use: a.b}", r"got 'a\.b'; a name has letters, digits and _ only"),
        ("{a: {use: a}}", "{use: a}", r"define\.a\.use: unknown layer 'use'"),
        ("{a: none}", "{use: a}", r"define\.a\.none: unknown layer 'none'"),
        ("{a: cmt}", "{ues: a, cmt: {}}", r"unknown key 'ues'; did you mean 'use'"),
        ("[cmt]", "cmt", r"define: expected a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_told(define: str, blocks: str, message: str) -> None:
    """File, line, place, what was given and what is valid."""
    text = FILE.replace("DEFINE", define).replace("BLOCKS", blocks)
    with pytest.raises(InputError, match=message):
        tree_of(parse(text, "f.yaml"))


def test_an_architecture_file_may_define_layers_too() -> None:
    """Closed definitions are a shorter way to write the same net, with the same id."""
    text = FILE.replace("DEFINE", "{a: {cmt: {heads: 2}}}").replace("BLOCKS", "{use: a}, {use: a}")
    plain = text.replace("define: {a: {cmt: {heads: 2}}}\n", "").replace(
        "{use: a}", "{cmt: {heads: 2}}"
    )
    nets = [architecture_of(parse(one, "f.yaml")) for one in (text, plain)]
    assert nets[0].id == nets[1].id


def test_a_space_without_definitions_has_none_of_this() -> None:
    """Its tree says so, and its leaves are where they stand."""
    space = load_space(SPACES / "mobile.yaml")
    assert space.tree.defined == ()
    assert not any(path.startswith("define") for path, _ in space.leaves())

"""Counting what a space holds."""

from __future__ import annotations

from itertools import product
from math import log10
from pathlib import Path

import pytest

from archsearch.census import QUANTILES, draw_members, take_census, write_members
from archsearch.cost import count
from archsearch.documents import parse, read
from archsearch.errors import InputError
from archsearch.space import SearchSpace, architecture_of, load_space, tree_of
from archsearch.study import Study, load_study

DATA = Path(__file__).parent / "data"
FOUR = """
schema: 1
stem: {patch: {size: 4}}
stages: [{width: {choice: [8, 16]}, blocks: [{conv_encoder: {kernel: {choice: [3, 5]}}}]}]
"""


@pytest.fixture
def four() -> SearchSpace:
    return SearchSpace(tree_of(parse(FOUR, "four")), "four")


def test_the_quantiles_are_those_of_the_members(four: SearchSpace) -> None:
    """With four members the extremes are found, and the others lie between them."""
    costs = [
        count(four.decode({"stages.0.width": w, "stages.0.blocks.0.conv_encoder.kernel": k}))
        for w, k in product((8, 16), (3, 5))
    ]
    census = take_census(four, 200, seed=0)
    assert (census.size, census.log10_size, census.exact) == (4, log10(4), True)
    for name in ("params", "macs"):
        values = census.quantiles[name]
        assert len(values) == len(QUANTILES)
        assert list(values) == sorted(values)
        assert values[0] == min(getattr(cost, name) for cost in costs)
        assert values[-1] == max(getattr(cost, name) for cost in costs)
    assert census.within is None


def test_each_limit_counts_what_it_refuses() -> None:
    """Counted again from the costs of the same members, with the study's own classes."""
    study = load_study(
        DATA / "tiny_study.yaml",
        ["constraints={params: {at_most: 5000}, macs: {at_most: 60000, at_least: 20000}}"],
    )
    census = take_census(study.space, 200, seed=5, study=study)
    alone = [
        take_census(study.space, 200, seed=5, study=with_limits(limits)).within
        for limits in ("{params: {at_most: 5000}}", "{macs: {at_most: 60000, at_least: 20000}}")
    ]
    assert census.over == {"params": 200 - alone[0], "macs": 200 - alone[1]}
    assert census.within is not None
    assert 0 < census.within <= min(alone)
    assert census.within >= 200 - sum(census.over.values())


def with_limits(limits: str) -> Study:
    return load_study(DATA / "tiny_study.yaml", [f"constraints={limits}"])


def test_a_census_repeats_with_its_seed() -> None:
    """The same seed draws the same members, another one others."""
    space = load_space(DATA / "tiny.yaml")
    assert take_census(space, 50, seed=1) == take_census(space, 50, seed=1)
    assert take_census(space, 50, seed=1) != take_census(space, 50, seed=2)


def test_drawn_members_differ_and_belong_to_the_space() -> None:
    """As many as were asked for, the same for the same seed."""
    space = load_space(DATA / "tiny.yaml")
    members = draw_members(space, 40, seed=0)
    assert len({member.id for member in members}) == 40
    assert all(space.decode(space.encode(member)).id == member.id for member in members)
    assert [m.id for m in members] == [m.id for m in draw_members(space, 40, seed=0)]


def test_a_small_space_gives_all_its_members_and_no_more(four: SearchSpace) -> None:
    """More are refused with the number that there are."""
    assert len(draw_members(four, 4, seed=0)) == 4
    with pytest.raises(InputError, match="four: has 4 points; ask for no more"):
        draw_members(four, 5, seed=0)


def test_members_that_coincide_are_refused_after_a_while() -> None:
    """Two groups of one block: four points are three architectures."""
    text = FOUR.replace(
        "[{conv_encoder: {kernel: {choice: [3, 5]}}}]",
        "[{repeat: {int: [0, 1]}, conv_encoder: {}}, {repeat: {int: [0, 1]}, conv_encoder: {}}]",
    ).replace("{choice: [8, 16]}", "8")
    space = SearchSpace(tree_of(parse(text, "alike")), "alike")
    assert (space.size, space.exact) == (4, False)
    with pytest.raises(InputError, match="alike: 3 different architectures were found, not 4"):
        draw_members(space, 4, seed=0)


def test_written_members_read_back(four: SearchSpace, tmp_path: Path) -> None:
    """One architecture file each, called after its id."""
    members = draw_members(four, 3, seed=0)
    write_members(members, tmp_path / "new" / "folder")
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.stem for file in files] == sorted(member.id for member in members)
    assert all(architecture_of(read(file)).id == file.stem for file in files)

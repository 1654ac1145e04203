"""Counting what a space holds."""

from __future__ import annotations

from itertools import product
from math import log10
from pathlib import Path

import numpy as np
import pytest

from archsearch.census import QUANTILES, Share, draw_members, take_census, write_members
from archsearch.cost import NetCost, count
from archsearch.cost.extremes import extremes
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


def test_the_ends_are_the_space_s_and_the_quantiles_lie_between(four: SearchSpace) -> None:
    """The ends need no luck: one random member tells as much of them as a thousand."""
    costs = [
        count(four.decode({"stages.0.width": w, "stages.0.blocks.0.conv_encoder.kernel": k}))
        for w, k in product((8, 16), (3, 5))
    ]
    census, lucky = take_census(four, 200, seed=0), take_census(four, 1, seed=0)
    assert (census.size, census.log10_size, census.exact) == (4, log10(4), True)
    assert census.extremes == lucky.extremes
    for name in NetCost._fields:
        values = census.quantiles[name]
        assert len(values) == len(QUANTILES)
        assert list(values) == sorted(values)
        small, large = census.extremes.smallest[name], census.extremes.largest[name]
        assert small.value == min(getattr(cost, name) for cost in costs) <= values[0]
        assert large.value == max(getattr(cost, name) for cost in costs) >= values[-1]
    assert census.within is None
    assert census.limits is None


def test_the_quantiles_are_those_of_random_members() -> None:
    """As random members that are built one after the other cost, within the noise of both."""
    space = load_space(DATA / "tiny.yaml")
    rng = np.random.default_rng(0)
    values = [count(space.sample(rng)).macs for _ in range(2000)]
    found = take_census(space, 20_000, seed=0).quantiles["macs"]
    for share, value in zip(QUANTILES, found, strict=True):
        assert np.mean(np.array(values) < value) <= share + 0.04
        assert np.mean(np.array(values) <= value) >= share - 0.04


def test_each_limit_counts_what_it_refuses_and_what_it_alone_refuses() -> None:
    """Counted again under each limit by itself, with the study's own classes."""
    study = with_limits("{params: {at_most: 5000}, macs: {at_most: 60000, at_least: 20000}}")
    census = take_census(study.space, 200, seed=5, study=study)
    assert census.limits is not None
    assert census.within is not None
    params, macs = census.limits
    assert (params.name, macs.name) == ("params", "macs")
    for found, limits in (
        (params, "{params: {at_most: 5000}}"),
        (macs, "{macs: {at_most: 60000, at_least: 20000}}"),
    ):
        single = take_census(study.space, 200, seed=5, study=with_limits(limits)).within
        assert single is not None
        assert found.refuses == Share(200 - single.having, 200)
        assert found.closest is None
        assert 0 < found.alone.having <= found.refuses.having
    by_both = params.refuses.having - params.alone.having
    assert by_both == macs.refuses.having - macs.alone.having
    refused = params.alone.having + macs.alone.having + by_both
    assert census.within == Share(200 - refused, 200)


@pytest.mark.parametrize(
    ("limit", "end"),
    [("{params: {at_most: 100}}", "smallest"), ("{params: {at_least: 10000000}}", "largest")],
)
def test_a_limit_that_no_member_meets_is_told_with_the_closest_value(limit: str, end: str) -> None:
    """The exact one, of the study's own classes."""
    study = with_limits(limit)
    census = take_census(study.space, 50, seed=0, study=study)
    assert census.limits is not None
    (found,) = census.limits
    closest = found.closest
    assert closest == getattr(extremes(study.space.tree, 10), end)["params"].value
    assert closest != getattr(extremes(study.space.tree, 1000), end)["params"].value
    assert found.refuses.having == found.alone.having == 50


def test_the_interval_of_a_share_is_wilson_s() -> None:
    """Where the score test does not refuse the share, and never outside of 0 to 1."""
    for having, members in ((0, 20), (20, 20), (3, 10), (500, 1000)):
        share = Share(having, members)
        for end in share.interval:
            deviation = (share.value - end) ** 2
            variance = end * (1 - end) / members
            assert deviation == pytest.approx(1.959964**2 * variance, rel=1e-6, abs=1e-9)
        assert 0 <= share.interval[0] <= share.value <= share.interval[1] <= 1
    assert Share(0, 20).interval == (0, pytest.approx(0.1611, abs=1e-4))


def test_a_space_without_members_is_refused() -> None:
    """Before anything is drawn."""
    text = FOUR.replace("conv_encoder: {kernel: {choice: [3, 5]}}", "sdta: {heads: 3}")
    with pytest.raises(InputError, match="no valid member; check the widths"):
        take_census(SearchSpace(tree_of(parse(text, "none")), "none"), 10, seed=0)


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

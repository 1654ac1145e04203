"""Closed-form costs of whole nets, against their own modules run operator by operator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from liveness import largest_live_set
from measured_nets import QuickShapes, measured_net, measured_parts

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.codes import choices_of, draw_codes
from archsearch.cost import NetCost, count, detail
from archsearch.cost.population import PopulationCosts
from archsearch.network import build
from archsearch.seeds import derive
from archsearch.space import SearchSpace, load_space

ROOT = Path(__file__).resolve().parents[1]
SPACES = {
    name: load_space(ROOT / "search_spaces" / f"{name}.yaml") for name in ("mobile", "published")
}
COSTS = {name: PopulationCosts(space.tree) for name, space in SPACES.items()}
NAMES = published.names()
CHUNKS, MEMBERS = 10, 200  # 2,000 members of each space, in parts that two workers share
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def members(space: SearchSpace, number: int, chunk: int) -> list[Architecture]:
    """Random members, the same in every run.

    As ``space.sample`` draws them; but of published.yaml 2 points in 100 are valid, and which ones
    the population's costs say at once.
    """
    rng = np.random.default_rng(derive(chunk, f"costs of {space.name}"))
    costs, found = COSTS[space.name], []
    while len(found) < number:
        codes = draw_codes(space.tree, rng, 1000)
        found += [choices_of(space.tree, row) for row in codes[costs.count(codes).valid]]
    return [space.decode(choices) for choices in found[:number]]


@pytest.mark.parametrize("name", NAMES)
def test_a_published_net_costs_what_its_module_costs(name: str) -> None:
    """Parameters, MACs, activations and peak memory, to the last one; so do its parts."""
    architecture = published.load(name)
    assert count(architecture) == measured_net(architecture) == measured_parts(architecture)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@each_space
def test_random_members_cost_what_their_modules_cost(space: SearchSpace, chunk: int) -> None:
    """Two thousand of each space; every layer is built and run at every site where it stands."""
    for architecture in members(space, MEMBERS, chunk):
        assert count(architecture) == measured_parts(architecture), architecture.canonical()


@each_space
def test_random_members_as_whole_modules(space: SearchSpace) -> None:
    """The chain of its layers is the net."""
    for architecture in members(space, 5, chunk=-1):
        assert count(architecture, 10) == measured_net(architecture, 10)


@pytest.mark.parametrize("name", ["cmt_ti", "edgenext_x_small", "hornet_tiny_gf", "parcnet_xs"])
@pytest.mark.parametrize("size", [(96, 160), (65, 47), (33, 97)])
def test_it_is_exact_at_any_resolution(name: str, size: tuple[int, int]) -> None:
    """Odd and oblong images too."""
    architecture = published.load(name).at(size)
    assert count(architecture, 7) == measured_net(architecture, 7)


@pytest.mark.parametrize("name", NAMES)
def test_the_detail_sums_up_to_the_count(name: str) -> None:
    """Every layer, shared parameters and the head are a row; the largest memory is the peak."""
    architecture = published.load(name)
    rows = detail(architecture)
    sums = NetCost(
        sum(row.params for row in rows),
        sum(row.macs for row in rows),
        sum(row.activations for row in rows),
        max(row.peak_memory_bytes for row in rows),
    )
    assert sums == count(architecture)
    paths = [row.path for row in rows]
    assert len(set(paths)) == len(paths)
    assert {place.path for place in architecture.places()} < set(paths)
    assert paths[-1] == "head"


def test_the_detail_says_what_each_layer_gives() -> None:
    """Its kind and the size of its map; what blocks share stands behind their stage."""
    rows = {row.path: row for row in detail(published.load("cmt_ti"), classes=10)}
    assert rows["stem"].kind == "cmt_stem"
    assert rows["stem"].size == (16, 80, 80)
    assert rows["stages.3.blocks.1"].size == (368, 5, 5)
    assert rows["head"].size == (10, 1, 1)
    shared = rows["stages.0.shared.relative_pos/1/8"]
    assert (shared.kind, shared.params, shared.macs) == ("shared relative_pos/1/8", 40000, 0)
    assert [path for path in rows if path.startswith("stages.0")][-1] == shared.path


def test_weights_are_four_bytes_each() -> None:
    """A float32 each."""
    assert count(published.load("resnet50")).weight_bytes == 4 * 25_557_032


def test_equal_layers_of_two_nets_cost_the_same() -> None:
    """Whether they are one object or not, and whatever was counted before."""
    architecture = published.load("mobilevit_xxs")
    again = Architecture(
        architecture.channels,
        architecture.resolution,
        architecture.stem.model_copy(),
        architecture.stem_width,
        tuple(
            type(stage)(
                stage.width,
                stage.downsample and stage.downsample.model_copy(),
                tuple(block.model_copy() for block in stage.blocks),
            )
            for stage in architecture.stages
        ),
        architecture.head,
    )
    assert count(again) == count(architecture)


def test_quick_shapes_change_no_shape() -> None:
    """The stand-in for elementwise operators that keeps these tests short."""
    for architecture in [*members(SPACES["mobile"], 3, -2), *members(SPACES["published"], 2, -2)]:
        with torch.device("meta"):
            module = build(architecture).eval()
            x = torch.empty(1, 3, *architecture.size)
        with QuickShapes():
            quick = largest_live_set(module, x)
        assert quick == largest_live_set(module, x)

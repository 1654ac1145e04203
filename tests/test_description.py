"""A description says of every part what the counts say of the whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archsearch
from archsearch import published
from archsearch.blocks import BLOCKS
from archsearch.cost import count
from archsearch.description import describe
from archsearch.documents import dump
from archsearch.errors import InputError
from archsearch.lookup import find_net
from archsearch.network import build
from archsearch.results import open_run
from archsearch.space import load_space

MOBILE = load_space(Path(__file__).parents[1] / "search_spaces" / "mobile.yaml")


@pytest.mark.parametrize("name", published.names())
def test_the_parts_of_a_published_net_add_up(name: str) -> None:
    """Layers to stages, stages to the totals, the totals to the counts."""
    net = published.load(name)
    said = describe(net, 10)
    assert count(net, 10) == (
        said.params, said.macs, said.activations, said.peak_memory_bytes,
    )  # fmt: skip
    assert (said.id, said.name, said.resolution) == (net.id, name, net.resolution)
    for stage in said.stages:
        assert stage.params == sum(layer.params for layer in stage.layers)
        assert stage.macs == sum(layer.macs for layer in stage.layers)
        assert stage.activations == sum(layer.activations for layer in stage.layers)
        assert stage.peak_memory_bytes == max(layer.peak_memory_bytes for layer in stage.layers)
    assert [s.name for s in said.stages] == [
        "stem", *(f"stages.{i}" for i in range(len(net.stages))), "head",
    ]  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_stages_have_the_params_and_the_maps_of_the_built_module(seed: int) -> None:
    """Stage by stage, for random members; the last stage is the head."""
    net = MOBILE.sample(np.random.default_rng(seed))
    said = describe(net, 7)
    with torch.device("meta"), torch.no_grad():
        module = build(net, 7).eval()
        maps = module.features(torch.empty(1, 3, *net.size))
    for stage, found, built in zip(said.stages[1:-1], maps, module.stages, strict=True):
        assert (stage.channels, stage.height, stage.width) == tuple(found.shape[1:])
        assert stage.params == sum(p.numel() for p in built.parameters())
    assert said.stages[0].params == sum(p.numel() for p in module.stem.parameters())
    assert said.stages[-1].params == sum(p.numel() for p in module.head.parameters())
    assert said.stages[-1].channels == 7


def test_rows_fold_equal_layers_and_keep_their_sums() -> None:
    """A stage's row is the sum of the rows below it, and tells only leaves that were changed."""
    rows = describe(published.load("edgenext_xx_small")).rows()
    third = [row.stage for row in rows].index("stages.2")
    stage, *layers = rows[third : third + 4]
    assert [row.layer for row in layers] == [
        "conv", "5 x conv_encoder kernel=7", "sdta splits=3",
    ]  # fmt: skip
    assert stage.size == layers[-1].size == "88 x 16 x 16"
    assert stage.params == sum(row.params for row in layers)
    assert stage.macs == sum(row.macs for row in layers)
    assert stage.peak_memory_bytes == max(row.peak_memory_bytes for row in layers)
    assert rows[-1][3:] == count(published.load("edgenext_xx_small"))


def test_a_stage_without_a_layer_gives_what_it_gets() -> None:
    """Its map is the one before it and it costs nothing."""
    net = published.load("edgenext_xx_small")
    bare = replace(net, stages=(replace(net.stages[0], blocks=()), *net.stages[1:]))
    stage = describe(bare).stages[1]
    assert (stage.channels, stage.height, stage.width, stage.params) == (24, 64, 64, 0)
    assert describe(bare).params == count(bare).params


def test_the_data_is_plain_json() -> None:
    """With the promised keys, every leaf of every layer, and sums that hold in it."""
    said = describe(published.load("cmt_ti").at((160, 192)))
    data = json.loads(json.dumps(said.to_data()))
    assert list(data) == [
        "id", "name", "params", "macs", "activations", "peak_memory_bytes", "resolution", "stages",
    ]  # fmt: skip
    assert data["resolution"] == [160, 192]
    assert data["params"] == sum(stage["params"] for stage in data["stages"])
    block = data["stages"][1]["layers"][1]
    assert block["kind"] == "cmt"
    assert set(block["leaves"]) == set(BLOCKS["cmt"].model_fields)
    assert (block["leaves"]["expand"], block["leaves"]["reduction"]) == (3.6, 8)
    assert data["stages"][1]["layers"][-1]["kind"].startswith("shared relative_pos")


# Naming nets


def test_a_net_is_found_by_name_by_alias_and_by_file(tmp_path: Path) -> None:
    """All give the same architecture."""
    net = published.load("parcnet_xs")
    file = tmp_path / "mine.yaml"
    file.write_text(dump(net.to_data()))
    for text in ("parcnet_xs", "paccnet_xs", str(file)):
        assert find_net(text).architecture.id == net.id
        assert find_net(text).classes == 1000


def test_a_trial_is_found_in_its_run_with_the_study_s_classes(tiny_run: Path) -> None:
    """So that it is counted as the run counted it."""
    run = open_run(tiny_run)
    net, classes = find_net(f"{tiny_run}:3")
    assert net.id == run.architecture(3).id
    assert classes == run.study.settings.classes
    assert count(net, classes).params == run.trials.set_index("number").loc[3, "params"]


def test_what_names_no_net_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    """The message says what was looked for and what to give."""
    for text, said in (
        ("hornet_tiny_gff", "did you mean 'hornet_tiny_gf'.*or RUN:TRIAL"),
        (str(tmp_path / "no.yaml"), "no such file"),
        (str(tiny_run), r"is a folder; name one trial of a run, as in .*:0"),
        (f"{tiny_run}:x", r"'x' is no number of a trial"),
        (f"{tiny_run}:99", "has no trial 99"),
        (f"{tmp_path / 'nowhere'}:1", "no such folder"),
    ):
        with pytest.raises(InputError, match=said):
            find_net(text)


# The maps of the stages


SMALL = [name for name in published.names() if count(published.load(name)).params < 8e6]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(1, 1), (33, 70)])
def test_features_have_their_channels_and_strides_at_any_size(
    name: str, size: tuple[int, int]
) -> None:
    """One map a stage; no input is too small, too long or too odd for any of the nets."""
    with torch.device("meta"), torch.no_grad():
        module = archsearch.build(name, 5, features_only=True).eval()
        maps = module(torch.empty(1, 3, *size))
    assert [m.shape[1] for m in maps] == list(module.channels)
    for found, stride in zip(maps, module.strides, strict=True):
        for pixels, length in zip(size, found.shape[2:], strict=True):
            assert max(pixels // stride, 1) <= length <= -(-pixels // stride)


def test_features_are_those_of_the_whole_net() -> None:
    """The same weights under the same names, head left out; strides are the papers'."""
    whole = archsearch.build("edgenext_xx_small", 5, seed=3).eval()
    module = archsearch.build("edgenext_xx_small", 5, seed=3, features_only=True).eval()
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert all(map(torch.equal, module(x), whole.features(x)))
    kept = {key for key in whole.state_dict() if not key.startswith("head.")}
    assert set(module.state_dict()) == kept
    assert module.channels == (24, 48, 88, 168)
    assert module.strides == (4, 8, 16, 32)


def test_features_of_a_row_of_tokens_are_a_map_again() -> None:
    """Without the class token, pixel by pixel in the order of the image."""
    whole = archsearch.build("deit_tiny", 5, seed=3, resolution=(32, 48)).eval()
    module = archsearch.build(
        "deit_tiny", 5, seed=3, resolution=(32, 48), features_only=True
    ).eval()
    x = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        (found,), (row,) = module(x), whole.features(x)
    assert module.strides == (16,)
    assert found.shape == (1, 192, 2, 3)
    assert torch.equal(found[0, :, 1, 2], row[0, :, 1 + 5, 0])


def test_strides_do_not_depend_on_the_resolution() -> None:
    """At a tiny or odd one the sizes are rounded, the strides are not."""
    net = published.load("mobilenetv2_100").at((19, 33))
    module = archsearch.build(net, 5, seed=0, features_only=True)
    expected = archsearch.build("mobilenetv2_100", 5, seed=0, features_only=True).strides
    assert module.strides == expected
    assert module.strides[-1] == 32


def test_building_by_an_unknown_name_is_refused() -> None:
    """With the nearest one."""
    with pytest.raises(InputError, match="did you mean 'cmt_xs'"):
        archsearch.build("cmt-xs")

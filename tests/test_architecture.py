"""An architecture is a value: one id for one net, however it is written."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from small_spaces import closings, point_count, space_data, spaces

from archsearch import published
from archsearch.architecture import Architecture, Stage
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.cmt import Cmt
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.head import Head
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.layer import Site
from archsearch.blocks.stems import PatchStem
from archsearch.documents import Document, dump, parse
from archsearch.errors import InputError
from archsearch.space import architecture_of, load_space

ROOT = Path(__file__).resolve().parents[1]
MOBILE = load_space(ROOT / "search_spaces" / "mobile.yaml")
Data = dict[str, Any]

NET: Data = space_data(
    {"width": 16, "blocks": ["conv_encoder", "conv_encoder", {"sdta": {"splits": 3, "heads": 2}}]},
    {"width": 32, "downsample": "conv", "blocks": [{"cmt": {"heads": 2, "expand": 3.6}}]},
    name="net",
)


def read(data: Data) -> Architecture:
    """The architecture that plain data stands for."""
    return architecture_of(Document("net", data))


def changed(*path: str | int, value: Any) -> Data:
    """The net's data with one value changed or added."""
    data = copy.deepcopy(NET)
    at: Any = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return data


def turned(data: Any) -> Any:
    """The same data with the keys of every mapping in reverse order."""
    if isinstance(data, dict):
        return {key: turned(data[key]) for key in reversed(data)}
    return [turned(item) for item in data] if isinstance(data, list) else data


WRITTEN_OUT = {"kernel": 3, "position": False, "expand": 4.0, "norm": "layer"}
SAME = {
    "another name": changed("name", value="other"),
    "no name": {key: value for key, value in NET.items() if key != "name"},
    "notes": changed("notes", value=["who", "why"]),
    "keys in another order": turned(NET),
    "defaults written out": changed("stages", 0, "blocks", 0, value={"conv_encoder": WRITTEN_OUT}),
    "an int for a float": changed("stages", 0, "blocks", 0, value={"conv_encoder": {"expand": 4}}),
    "repeats folded": changed(
        "stages", 0, "blocks",
        value=[{"repeat": 2, "conv_encoder": {}}, {"sdta": {"heads": 2, "splits": 3}}],
    ),
    "an empty group": changed(
        "stages", 1, "blocks", value=[*NET["stages"][1]["blocks"], {"repeat": 0, "sdta": {}}]
    ),
    "a stage that is left out": changed(
        "stages", value=[*NET["stages"], {"repeat": 0, "width": 8, "blocks": []}]
    ),
    "an empty head": changed("head", value={}),
    "channels written out": changed("input", value={"resolution": 32, "channels": 3}),
    "a square": changed("input", value={"resolution": [32, 32]}),
    "the stem's width written out": changed("stem", value={"patch": {}, "width": 16}),
    "no downsample written out": changed("stages", 0, "downsample", value="none"),
    "a choice of one layer": changed("stages", 1, "blocks", 0, value={"choice": [
        {"cmt": {"heads": 2, "expand": 3.6}}]}),
}  # fmt: skip
OTHER = {
    "resolution": changed("input", value={"resolution": 64}),
    "height and width": changed("input", value={"resolution": [32, 64]}),
    "width and height": changed("input", value={"resolution": [64, 32]}),
    "channels": changed("input", value={"resolution": 32, "channels": 1}),
    "stem": changed("stem", value={"patch": {"size": 2}}),
    "another stem": changed("stem", value={"conv": {}}),
    "head": changed("head", value={"norm": "none"}),
    "a leaf": changed("stages", 1, "blocks", 0, "cmt", "heads", value=4),
    "a small change": changed("stages", 1, "blocks", 0, "cmt", "expand", value=3.6000001),
    "a width": changed("stages", 1, "width", value=64),
    "a downsample": changed("stages", 1, "downsample", value="cmt_patch"),
    "the order of blocks": changed(
        "stages", 0, "blocks",
        value=["conv_encoder", {"sdta": {"splits": 3, "heads": 2}}, "conv_encoder"],
    ),
    "one block less": changed("stages", 0, "blocks", value=NET["stages"][0]["blocks"][1:]),
    "one stage less": changed("stages", value=NET["stages"][:1]),
    "a stage's split in two": changed("stages", value=[
        {"width": 16, "blocks": ["conv_encoder"]},
        {"width": 16, "blocks": NET["stages"][0]["blocks"][1:]}, NET["stages"][1]]),
}  # fmt: skip


DEFAULTS: dict[str, Data] = {
    "Bottleneck": {"kernel": 3, "expand": 4.0, "stride": 1, "position": False},
    "Cmt": {
        "heads": 1,
        "reduction": 1,
        "expand": 4.0,
        "perception": True,
        "position": True,
        "depthwise": True,
    },
    "CmtPatch": {},
    "CmtStem": {},
    "ConvDown": {"kernel": 2, "stride": 2, "norm": "layer", "norm_first": True},
    "ConvEncoder": {"kernel": 3, "position": False, "expand": 4.0, "norm": "layer"},
    "ConvStem": {"kernel": 3, "stride": 2, "activation": "silu"},
    "GnConv": {"order": 3, "kernel": 7, "scale": 0.3333333333333333, "expand": 4.0},
    "Head": {
        "project": None,
        "activation": "silu",
        "bias": False,
        "norm": "layer",
        "pool": "mean",
        "eps": 1e-6,
    },
    "InvertedResidual": {
        "kernel": 3,
        "expand": 4.0,
        "stride": 1,
        "activation": "silu",
        "position": False,
        "squeeze": 0.0,
    },
    "MobileVit": {"heads": 4, "expand": 2.0, "patch": 2},
    "Nb201Cell": {},
    "Nb201Down": {},
    "Pacc": {
        "kernel": "global",
        "position": True,
        "attention": True,
        "generation": "interpolate",
        "padding": "circular",
        "crossed": True,
        "expand": 2.0,
    },
    "PaccFrame": {
        "kernel": "global",
        "position": True,
        "attention": True,
        "generation": "interpolate",
        "padding": "circular",
        "crossed": True,
        "expand": 2.0,
        "fusion": "concat",
    },
    "PatchMerge": {},
    "PatchStem": {"size": 4, "norm": "layer", "eps": 1e-6},
    "ResnetStem": {"kernel": 7},
    "Sdta": {"splits": 2, "heads": 4, "position": False, "expand": 4.0, "norm": "layer"},
    "Swin": {"heads": 3, "window": 7, "shift": False, "expand": 4.0},
    "Tokens": {},
    "Vit": {"heads": 3, "expand": 4.0},
}


@pytest.mark.parametrize("spelling", SAME)
def test_the_id_does_not_depend_on_how_a_net_is_written(spelling: str) -> None:
    """One net has one canonical form."""
    assert read(SAME[spelling]).canonical() == read(NET).canonical()
    assert read(SAME[spelling]).id == read(NET).id


def test_different_nets_have_different_ids() -> None:
    """Everything that a net is enters its id."""
    ids = {name: read(data).id for name, data in OTHER.items()} | {"": read(NET).id}
    assert len(set(ids.values())) == len(ids)


def test_the_canonical_form_leaves_defaults_out() -> None:
    """So that a block can gain a leaf without changing the ids of older nets."""
    assert read(NET).canonical() == (
        '{"head":{},"input":{"channels":3,"resolution":32},"stages":['
        '{"blocks":[{"conv_encoder":{}},{"conv_encoder":{}},{"sdta":{"heads":2,"splits":3}}],'
        '"width":16},{"blocks":[{"cmt":{"expand":3.6,"heads":2}}],"downsample":{"conv":{}},'
        '"width":32}],"stem":{"patch":{}}}'
    )


def test_the_id_of_a_published_net_is_for_ever() -> None:
    """Runs and caches of measured latencies are keyed by it: a change here loses them."""
    assert published.load("edgenext_xx_small").id == "2e2db34efef2"
    assert published.load("edgenext_x_small").id == "2e8b1ad14360"


def test_defaults_never_change() -> None:
    """Ids leave defaults out, so that another default would make another net under an old id.

    A new leaf is added here with the default that leaves older nets as they were.
    """
    layers = {*STEMS.values(), *DOWNSAMPLES.values(), *BLOCKS.values(), Head}
    assert {
        layer.__name__: {
            name: field.default
            for name, field in layer.model_fields.items()
            if not field.is_required()
        }
        for layer in layers
    } == DEFAULTS


def test_ids_are_the_same_in_every_process() -> None:
    """Neither Python's hash seed nor the order of its sets enters."""
    code = "from archsearch import published as p; print(*[p.load(n).id for n in p.names()])"
    expected = " ".join(published.load(name).id for name in published.names())
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.decode().split() == expected.split()


def round_trip(architecture: Architecture) -> Architecture:
    """Written as a YAML file, read, written as JSON, and read again."""
    once = architecture_of(parse(dump(architecture.to_data()), "yaml"))
    return architecture_of(parse(json.dumps(once.to_data()), "json"))


@pytest.mark.parametrize("name", published.names())
def test_published_nets_survive_a_file(name: str) -> None:
    """From file to architecture to file, name included."""
    net = published.load(name)
    assert round_trip(net) == net
    assert round_trip(net).name == name


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_members_survive_a_file(seed: int) -> None:
    """The folded form says all that there is."""
    member = MOBILE.sample(np.random.default_rng(seed))
    again = round_trip(member)
    assert again == member
    assert again.canonical() == member.canonical()


@settings(max_examples=60, deadline=None)
@given(spaces(), st.randoms(use_true_random=False))
def test_any_closed_file_survives_a_file(data: Data, random: Any) -> None:
    """So it is for blocks, downsamples and heads outside the mobile space."""
    if point_count(data) > 3000:
        return
    closed = random.choice(list(closings(data)))
    try:
        architecture = read(closed)
    except InputError:
        return
    assert round_trip(architecture).id == architecture.id
    assert turned(closed) == closed or read(turned(closed)).id == architecture.id


def test_equal_neighbours_are_folded() -> None:
    """A file for people has each repeated block once; singles carry no repeat."""
    assert read(NET).to_data()["stages"][0]["blocks"] == [
        {"repeat": 2, "conv_encoder": {}},
        {"sdta": {"splits": 3, "heads": 2}},
    ]


def test_a_name_is_written_where_there_is_one() -> None:
    """An architecture without a name has no such key."""
    assert read(NET).to_data()["name"] == "net"
    assert "name" not in read(SAME["no name"]).to_data()


def test_an_architecture_is_immutable() -> None:
    """Neither its fields nor its layers' leaves can be set, and it can be a key."""
    net = read(NET)
    with pytest.raises(FrozenInstanceError):
        net.resolution = 64  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        net.stem.size = 2  # type: ignore[attr-defined]
    assert {net: 1}[read(NET)] == 1


def test_another_resolution_is_another_architecture() -> None:
    """``at`` changes the resolution alone; height and width are told apart."""
    net = read(NET)
    assert net.at(64).size == (64, 64)
    assert net.at((48, 64)).size == (48, 64)
    assert net.at((64, 64)).id == net.at(64).id != net.id
    assert net.at(64).at(32) == net


def test_places_are_the_layers_in_order_with_their_sites() -> None:
    """Channels and sizes as the map goes through the net, odd sizes rounded as each layer says."""
    net = read(changed("input", value={"resolution": [37, 50]}))
    assert [(place.path, place.stage, place.layer.kind, place.site) for place in net.places()] == [
        ("stem", -1, "patch", Site(3, 16, 37, 50)),
        ("stages.0.blocks.0", 0, "conv_encoder", Site(16, 16, 9, 12)),
        ("stages.0.blocks.1", 0, "conv_encoder", Site(16, 16, 9, 12)),
        ("stages.0.blocks.2", 0, "sdta", Site(16, 16, 9, 12)),
        ("stages.1.downsample", 1, "conv", Site(16, 32, 9, 12)),
        ("stages.1.blocks.0", 1, "cmt", Site(32, 32, 4, 6)),
    ]
    assert net.out_site() == Site(32, 32, 4, 6)


def test_a_stage_may_be_empty() -> None:
    """The head then gets what the downsample or even the stem made."""
    down: Data = {"width": 8, "blocks": [], "downsample": "conv"}
    assert read(space_data({"width": 8, "blocks": []})).out_site() == Site(8, 8, 8, 8)
    behind = read(space_data(down, down, stem={"patch": {}, "width": 4}))
    assert behind.out_site() == Site(8, 8, 2, 2)


def test_shared_parameters_are_named_by_stage() -> None:
    """Blocks with the same heads and reduction share a table, in one stage only."""
    cmt = {"cmt": {"reduction": 2}}
    stage: Data = {"width": 8, "blocks": [cmt, cmt, "cmt"]}
    net = read(space_data(stage, {**stage, "downsample": "conv"}))
    assert net.shared() == {
        (0, "relative_pos/1/2"): (1, 64, 16),
        (0, "relative_pos/1/1"): (1, 64, 64),
        (1, "relative_pos/1/2"): (1, 16, 4),
        (1, "relative_pos/1/1"): (1, 16, 16),
    }


def bare(*stages: Stage, stem_width: int | None = None) -> Architecture:
    """An architecture put together in Python."""
    width = stem_width or stages[0].width
    return Architecture(3, 32, PatchStem(), width, stages, Head())


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (bare(Stage(8, None, ())), None),
        (bare(Stage(8, None, ()), stem_width=8), None),
        (bare(Stage(8, None, ()), stem_width=9),
         "stages.0: gets 9 channels and has width 8; give it a downsample or the same width"),
        (bare(Stage(8, None, ()), Stage(16, None, ())),
         "stages.1: gets 8 channels and has width 16; give it a downsample or the same width"),
        (bare(Stage(8, InvertedResidual(stride=2), ())), None),
        (bare(Stage(8, None, (ConvEncoder(), Cmt(heads=3)))),
         "stages.0.blocks.1: cmt: heads: 3 cannot share 8 channels equally; make the channels a "
         "multiple of the heads"),
        (bare(Stage(8, InvertedResidual(stride=2, kernel="global"), ()), stem_width=8),
         "stages.0.downsample: inverted_residual: kernel: global keeps the size of the map, but "
         "stride is 2; give stride: 1"),
        (bare(Stage(8, None, (InvertedResidual(stride=2),))),
         "stages.0.blocks.0: inverted_residual: makes the map smaller, which only a downsample "
         "may; use stride: 1"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_with_an_architecture_is_told(net: Architecture, reason: str | None) -> None:
    """The path comes first, then the layer, then its own reason with the remedy."""
    assert net.problem() == reason


def test_blocks_in_short_fit_in_a_table() -> None:
    """Widths, kinds and counts on one line, for every kind of block."""
    assert read(NET).blocks_in_short() == "16: 2xconv_encoder sdta | 32: cmt"
    for kind in BLOCKS:
        assert kind in bare(Stage(8, None, (BLOCKS[kind].model_construct(),))).blocks_in_short()

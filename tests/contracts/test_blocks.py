"""What every layer of the language promises; a new one is tested here as soon as it is registered.

See README.md in this folder for the steps to add one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from layer_checks import check_cost, check_gradients, check_onnx, check_sizes, made, noise
from operator_checks import check_operators, check_written
from torch import Tensor

from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS, Layer, Site
from archsearch.blocks.bottleneck import Bottleneck
from archsearch.blocks.cmt import Cmt
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.downsamples import CmtPatch, ConvDown
from archsearch.blocks.gnconv import GnConv
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.mobilevit import MobileVit
from archsearch.blocks.nb201 import Nb201Cell, Nb201Down, Operation
from archsearch.blocks.pacc import Pacc
from archsearch.blocks.pacc_frame import PaccFrame
from archsearch.blocks.sdta import Sdta
from archsearch.blocks.stems import CmtStem, ConvStem, PatchStem, ResnetStem
from archsearch.blocks.swin import PatchMerge, Swin
from archsearch.blocks.tokens import Tokens
from archsearch.blocks.vit import Vit

TABLES = {"BLOCKS": BLOCKS, "STEMS": STEMS, "DOWNSAMPLES": DOWNSAMPLES}
IN_CHANNELS = {"BLOCKS": 16, "STEMS": 3, "DOWNSAMPLES": 12}
CHANNELS = 16
SITES = ((8, 8), (5, 9), (2, 3), (1, 1))
EXPORT_SITE, EXPORT_SIZE = (6, 8), (7, 5)


def cell(*operations: Operation) -> Nb201Cell:
    """A cell of NAS-Bench-201, by its operations in the order of ``EDGES``."""
    return Nb201Cell(**dict(zip(Nb201Cell.model_fields, operations, strict=True)))


# Settings that take every path of a layer at 16 channels, on maps of 1x1 to 20x17. The last one of
# each, its richest, is exported to ONNX.
SETTINGS: Mapping[type[Layer], tuple[Layer, ...]] = {
    Bottleneck: (
        Bottleneck(),
        Bottleneck(kernel=5, expand=2.0, stride=2),
        Bottleneck(kernel="global"),
        Bottleneck(kernel="global", position=True),
    ),
    Cmt: (
        Cmt(),
        Cmt(heads=4, expand=3.6, perception=False),
        Cmt(reduction=2, position=False),
        Cmt(expand=2.5, depthwise=False),
        Cmt(heads=2, reduction=3),
    ),
    CmtPatch: (CmtPatch(),),
    CmtStem: (CmtStem(),),
    ConvDown: (
        ConvDown(),
        ConvDown(norm="batch", norm_first=False),
        ConvDown(kernel=1, stride=1, norm="none"),
        ConvDown(kernel=5),
    ),
    ConvEncoder: (
        ConvEncoder(),
        ConvEncoder(kernel=9, expand=0.7, norm="batch"),
        ConvEncoder(kernel="global"),
        ConvEncoder(kernel="global", position=True),
    ),
    ConvStem: (
        ConvStem(kernel=7, activation="relu"),
        ConvStem(stride=1, activation="hardswish"),
        ConvStem(stride=1, activation="none"),
        ConvStem(),
    ),
    GnConv: (
        GnConv(),
        GnConv(order=1, kernel=3, expand=2.0),
        GnConv(order=5, scale=1.0),
        GnConv(order=4, kernel="global"),
    ),
    InvertedResidual: (
        InvertedResidual(),
        InvertedResidual(kernel=5, expand=1.0, activation="relu6"),
        InvertedResidual(stride=2, expand=2.5, activation="hardswish"),
        InvertedResidual(expand=1.0, squeeze=0.01),
        InvertedResidual(kernel="global"),
        InvertedResidual(kernel="global", position=True, squeeze=0.25),
    ),
    MobileVit: (
        MobileVit(inner=8, depth=1, heads=2, expand=1.5, patch=3),
        MobileVit(inner=12, depth=2),
    ),
    Nb201Cell: (
        cell("avg_pool_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "nor_conv_3x3"),
        cell("none", "none", "skip_connect", "nor_conv_3x3", "skip_connect", "avg_pool_3x3"),
        cell(
            "skip_connect", "skip_connect", "skip_connect", "nor_conv_1x1", "none", "skip_connect"
        ),
        cell(
            "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect", "none", "nor_conv_1x1"
        ),
    ),
    Nb201Down: (Nb201Down(),),
    Pacc: (
        Pacc(),
        Pacc(position=False, attention=False, expand=1.3),
        Pacc(kernel=5, generation="crop"),
        Pacc(kernel=7, padding="zero", crossed=False),
        Pacc(kernel=4),
    ),
    PaccFrame: (
        PaccFrame(inner=20, depth=1, fusion="add"),
        PaccFrame(inner=24, depth=2),
    ),
    PatchMerge: (PatchMerge(),),
    PatchStem: (
        PatchStem(),
        PatchStem(size=3, norm="batch"),
        PatchStem(size=2, norm="none"),
        PatchStem(eps=1e-5),
    ),
    ResnetStem: (
        ResnetStem(kernel=3),
        ResnetStem(),
    ),
    Sdta: (
        Sdta(),
        Sdta(splits=1, heads=1, expand=1.5),
        Sdta(splits=3, heads=8, norm="batch", position=True),
        Sdta(splits=6, position=True),
    ),
    Swin: (
        Swin(heads=1),
        Swin(heads=4, window=2, expand=1.5),
        Swin(heads=2, window=3, shift=True),
    ),
    Tokens: (Tokens(),),
    Vit: (
        Vit(heads=1, expand=1.3),
        Vit(heads=4),
    ),
}

KEEPING = {"tokens"}  # downsampling layers that keep the channels


def in_channels_of(table: str, kind: str) -> int:
    """Channels that a layer gets to make ``CHANNELS`` of them."""
    return CHANNELS if kind in KEEPING else IN_CHANNELS[table]


ENTRIES = [
    pytest.param(table, kind, id=f"{table}-{kind}") for table in TABLES for kind in TABLES[table]
]
CASES = [
    pytest.param(layer, in_channels_of(table, kind), id=f"{table}-{layer!r}")
    for table, layers in TABLES.items()
    for kind in layers
    for layer in SETTINGS.get(layers[kind], ())
]
EXPORTS = [
    pytest.param(SETTINGS[layers[kind]][-1], in_channels_of(table, kind), id=f"{table}-{kind}")
    for table, layers in TABLES.items()
    for kind in layers
    if layers[kind] in SETTINGS
]
RESHAPING = {"bottleneck", "inverted_residual"}  # blocks that may change channels and size
each_case = pytest.mark.parametrize(("layer", "in_channels"), CASES)
each_site = pytest.mark.parametrize("size", SITES, ids=str)


@pytest.mark.parametrize(("table", "kind"), ENTRIES)
def test_every_layer_is_registered_by_its_kind_and_has_settings(table: str, kind: str) -> None:
    """A layer that nobody wrote settings for is not tested; so writing them is asked for."""
    layer = TABLES[table][kind]
    assert layer.kind == kind
    assert layer in SETTINGS, (
        f"{layer.__name__} is in {table} but not tested: add to SETTINGS in {__file__} an entry "
        f"`{layer.__name__}: ({layer.__name__}(...), ...)` whose settings take all its paths"
    )


@each_case
def test_a_layer_is_a_plain_value(layer: Layer, in_channels: int) -> None:  # noqa: ARG001
    """It survives JSON, can be hashed, and cannot be changed."""
    again = type(layer).model_validate_json(layer.model_dump_json())
    assert again == layer
    assert hash(again) == hash(layer)
    assert layer.model_config.get("frozen")
    assert layer.model_config.get("extra") == "forbid"


@each_site
@each_case
def test_the_closed_forms_are_the_costs_of_the_module(
    layer: Layer, in_channels: int, size: tuple[int, int]
) -> None:
    """Parameters, MACs, activations and the largest live set, at every size of site."""
    check_cost(layer, Site(in_channels, CHANNELS, *size))


@each_site
@each_case
def test_the_operators_are_those_of_the_module(
    layer: Layer, in_channels: int, size: tuple[int, int]
) -> None:
    """Product by product: its MACs and what it writes."""
    site = Site(in_channels, CHANNELS, *size)
    check_operators(layer, site)
    check_written(layer, site)


@each_site
@each_case
def test_a_module_runs_at_any_size(layer: Layer, in_channels: int, size: tuple[int, int]) -> None:
    """Wherever it was built for, on whatever map: the promised size, and finite."""
    check_sizes(layer, Site(in_channels, CHANNELS, *size))


@each_case
def test_every_parameter_learns(layer: Layer, in_channels: int) -> None:
    """No parameter is idle, at the site's size and at another."""
    check_gradients(layer, Site(in_channels, CHANNELS, 5, 9))


@each_case
def test_a_module_trains_on_the_smallest_map(layer: Layer, in_channels: int) -> None:
    """In training mode too, two images of one pixel give a finite output."""
    module = made(layer, Site(in_channels, CHANNELS, 1, 1)).train()
    out: Tensor = module(noise(2, in_channels, 1, 1))
    assert out.isfinite().all()


@each_case
def test_building_depends_on_the_seed_only(layer: Layer, in_channels: int) -> None:
    """The same seed gives the same numbers, another seed gives others."""

    def built(seed: int) -> list[Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            site = Site(in_channels, CHANNELS, 6, 6)
            shared = {
                name: torch.nn.Parameter(torch.zeros(shape))
                for name, shape in layer.shared(site).items()
            }
            return list(layer.build(site, shared).state_dict().values())

    first, same, other = built(1), built(1), built(2)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@each_case
def test_the_rule_is_the_same_on_every_map(layer: Layer, in_channels: int) -> None:
    """It depends on channels only, so that it can be asked before sizes are known."""
    for channels in (1, 7, 12, 16, 30):
        answers = {layer.problem(Site(in_channels, channels, *size)) for size in SITES}
        assert len(answers) == 1


@each_case
def test_what_the_rule_allows_can_be_built_and_what_it_refuses_is_explained(
    layer: Layer, in_channels: int
) -> None:
    """For channels of all kinds: the module runs, or a message says what to do instead."""
    for given, channels in ((in_channels, 16), (12, 20), (1, 1), (6, 6), (20, 20)):
        site = Site(given, channels, 4, 5)
        problem = layer.problem(site)
        if problem is None:
            check_cost(layer, site)
        else:
            what, _, remedy = problem.partition("; ")
            assert what
            assert remedy


@pytest.mark.parametrize("kind", sorted(set(BLOCKS) - RESHAPING))
def test_a_residual_block_refuses_to_change_channels(kind: str) -> None:
    """It says what it gets, what it should give, and what to do."""
    for layer in SETTINGS[BLOCKS[kind]]:
        message = r"gets 16 channels and should give 32.*downsampling layer"
        assert re.search(message, str(layer.problem(Site(16, 32, 8, 8))))


@pytest.mark.parametrize(("layer", "in_channels"), EXPORTS)
def test_onnxruntime_gives_the_same_output(layer: Layer, in_channels: int, tmp_path: Path) -> None:
    """Exported at an odd oblong size for which it was not built."""
    site = Site(in_channels, CHANNELS, *EXPORT_SITE)
    check_onnx(layer, site, tmp_path, EXPORT_SIZE)

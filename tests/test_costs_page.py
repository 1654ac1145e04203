"""docs/costs.md is true: its formulas are evaluated, its tables made again."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from typing import Any

import pytest

from archsearch import published
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.cmt import Cmt
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.gnconv import GnConv
from archsearch.blocks.head import Head
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.mobilevit import MobileVit
from archsearch.blocks.pacc import Pacc
from archsearch.blocks.pacc_frame import PaccFrame
from archsearch.cost.counters import COUNTERS
from archsearch.second_opinions import second_opinions

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
LINES = PAGE.split("## The closed forms")[1].split("\n## ")[0].split("\n")
FORMULAS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", "\n".join(LINES), re.MULTILINE))
SAME, OTHER = Site(64, 64, 14, 12), Site(64, 96, 14, 12)
GNCONV = {"widths": [16, 32, 64], "G": 112, "lifts": 2 * (16**2 + 32**2), "h": 256, "k": 7}
TRANSFORM = math.ceil(1.25 * 168 * math.log2(168))
PACC = "C*(2*(H + W) + 2*h + 2*r + 7) + h + 2*r"

CASES: dict[str, tuple[Layer, Site, dict[str, Any]]] = {
    "`patch`, side k": (STEMS["patch"](), OTHER, {"k": 4}),
    "`conv` (stem)": (STEMS["conv"](), OTHER, {"k": 3}),
    "`resnet_stem`, M pixels before pooling": (STEMS["resnet_stem"](), OTHER, {"M": 42}),
    "`cmt_stem`": (STEMS["cmt_stem"](), OTHER, {}),
    "`conv` (downsampling)": (DOWNSAMPLES["conv"](), OTHER, {"k": 2}),
    "`cmt_patch`": (DOWNSAMPLES["cmt_patch"](), OTHER, {}),
    "`patch_merge`": (DOWNSAMPLES["patch_merge"](), OTHER, {}),
    "`tokens`": (DOWNSAMPLES["tokens"](), SAME, {}),
    "`conv_encoder`": (ConvEncoder(kernel=5), SAME, {"k": 5, "h": 256}),
    "`conv_encoder`, global": (ConvEncoder(kernel="global"), SAME, {"h": 256}),
    "`pacc`, r = C // 16": (Pacc(), SAME, {"h": 128, "r": 4}),
    "`gnconv`, widths d_k, G their sum": (GnConv(), SAME, GNCONV),
    "`gnconv`, global": (GnConv(kernel="global"), SAME, GNCONV),
    "`sdta`, f channels convolved": (BLOCKS["sdta"](), SAME, {"f": 32, "heads": 4, "h": 256}),
    "`cmt`, K keys, reduction r > 1": (Cmt(reduction=2), SAME, {"K": 42, "r": 2, "h": 256}),
    "`vit`": (BLOCKS["vit"](heads=4), SAME, {"h": 256}),
    "`swin`, windows of N pixels, S pixels in whole windows": (
        BLOCKS["swin"](heads=4), SAME, {"N": 49, "S": 14 * 14, "h": 256, "heads": 4, "window": 7},
    ),
    "`mobilevit`, inner d, S pixels in whole patches, N patches": (
        MobileVit(inner=48, depth=2), Site(64, 64, 13, 12),
        {"d": 48, "depth": 2, "S": 168, "N": 42, "h": 96},
    ),
    "`inverted_residual`": (InvertedResidual(stride=2), OTHER, {"h": 256, "k": 3}),
    "`inverted_residual`, squeezed to s": (
        InvertedResidual(squeeze=0.25), OTHER, {"h": 256, "k": 3, "s": 16}
    ),
    "`bottleneck`": (BLOCKS["bottleneck"](), SAME, {"h": 16, "k": 3}),
    "`bottleneck`, other channels or stride 2": (
        BLOCKS["bottleneck"](stride=2), OTHER, {"h": 24, "k": 3}
    ),
    "`nb201_cell`, a 3x3 and b 1x1 convolutions": (
        BLOCKS["nb201_cell"](**dict.fromkeys(("edge01", "edge12", "edge03"), "nor_conv_3x3"),
                             edge02="nor_conv_1x1", edge13="avg_pool_3x3", edge23="none"),
        SAME, {"a": 3, "b": 1},
    ),
    "`nb201_down`": (DOWNSAMPLES["nb201_down"](), OTHER, {}),
}  # fmt: skip


def evaluated(line: str, names: dict[str, Any]) -> tuple[float, float]:
    """MACs and params of one line of the page: the first formula of either cell."""
    macs, params = (re.findall(r"`(.+?)`", cell)[0] for cell in FORMULAS[line].split(" | "))
    # The page is ours, and its formulas see nothing but the numbers and ``sum``.
    scope = {"__builtins__": {"sum": sum}, "T": lambda _: TRANSFORM, **names}
    return eval(macs, scope), eval(params, scope)  # noqa: S307


@pytest.mark.parametrize("line", CASES)
def test_a_layer_costs_what_its_line_says(line: str) -> None:
    """Exactly, on a map that is not square."""
    layer, site, names = CASES[line]
    assert layer.problem(site) is None
    height, width = layer.out_size(site.height, site.width)
    places = {"C": site.in_channels, "D": site.channels, "H": height, "W": width}
    pixels = {"P": height * width, "Q": site.height * site.width}
    cost = layer.cost(site)
    assert evaluated(line, {**places, **pixels, **names}) == (cost.macs, cost.params)


def test_a_frame_costs_what_its_line_says() -> None:
    """Its blocks by their own line; the second one has no position embeddings."""
    layer, line = PaccFrame(inner=48, depth=2), "`pacc_frame`, inner d, g = gcd(C, d), blocks at d"
    names = {"C": 48, "H": 14, "W": 12, "P": 168, "h": 96, "r": 3}
    macs, params = evaluated("`pacc`, r = C // 16", names)
    outer = {**names, "C": 64, "d": 48, "g": 16}
    cost = layer.cost(SAME)
    assert evaluated(line, {**outer, "blocks": 2 * macs})[0] == cost.macs
    blocks = 2 * params - 48 * (14 + 12)
    assert evaluated(line, {**outer, "blocks": blocks})[1] == cost.params


@pytest.mark.parametrize(
    ("line", "head"), [("head", Head()), ("head, projected to h", Head(project=128))]
)
def test_the_head_costs_what_its_line_says(line: str, head: Head) -> None:
    """With a layer norm after pooling."""
    cost = head.cost(64, 14, 12, 10)
    names = {"C": 64, "P": 168, "h": 128, "classes": 10}
    assert evaluated(line, names) == (cost.macs, cost.params)


def test_every_layer_has_a_line_and_every_line_a_test() -> None:
    """Kinds as the language calls them."""
    tested = {*CASES, "`pacc_frame`, inner d, g = gcd(C, d), blocks at d"}
    tested |= {"head", "head, projected to h", "layer", "---"}
    assert set(FORMULAS) == tested
    kinds = {word for line in FORMULAS for word in re.findall(r"`(\w+)`", line)}
    assert kinds == {*BLOCKS, *STEMS, *DOWNSAMPLES}


def tables() -> Any:
    """The benchmark that writes the page's tables."""
    file = ROOT / "benchmarks" / "counters_table.py"
    spec = importlib.util.spec_from_file_location("counters_table", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["edgenext_xx_small", "mobilenetv2_100", "parcnet_xs", "cmt_ti"])
def test_the_tables_are_what_the_command_makes(name: str) -> None:
    """Line by line, for nets that are counted in a second."""
    opinions = second_opinions(published.load(name))
    made = tables()
    assert made.counts_row(name, opinions) in PAGE
    for opinion in opinions:
        section = PAGE.split(f"\n### {opinion.counter}\n")[1].split("\n### ")[0]
        if opinion.lines:
            assert made.reasons_row(name, opinion) in section
            assert all(
                f"- {line.name}: {line.why}." in section for line in opinion.lines if line.why
            )
        else:
            assert re.search(rf"No difference: .*\b{name}\b", section)


def test_the_tables_have_every_net_and_every_counter() -> None:
    """Once each in the first one."""
    first = PAGE.split("<!-- counters_table: begin -->")[1].split("\n### ")[0]
    assert re.findall(r"^\| (\w+) \|", first, re.MULTILINE) == ["net", *published.names()]
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == list(COUNTERS)
    assert "unexplained |" not in PAGE
    assert "x unexplained" not in PAGE


def test_writing_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    """And nothing else."""
    made, page = tables(), tmp_path / "page.md"
    page.write_text(f"before\n{made.BEGIN}\nold\n{made.END}\nafter\n", encoding="utf-8")
    made.write(page, "new")
    assert page.read_text() == f"before\n{made.BEGIN}\n\nnew\n\n{made.END}\nafter\n"

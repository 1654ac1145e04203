"""Drawings of blocks and nets: they show what runs, and they can be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import commands
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from layer_checks import made, noise
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from archsearch import published
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS, Layer, Site
from archsearch.blocks.bottleneck import Bottleneck
from archsearch.blocks.conv_encoder import ConvEncoder
from archsearch.blocks.inverted_residual import InvertedResidual
from archsearch.blocks.pacc import Pacc
from archsearch.description import describe
from archsearch.drawing import block_figure, net_figure
from archsearch.drawing.block import piled
from archsearch.drawing.graph import MULTIPLYING, Edge, Graph
from archsearch.drawing.layout import placed
from archsearch.drawing.repeats import runs
from archsearch.drawing.routing import Frame, Routed, routed
from archsearch.drawing.subjects import drawings, kinds
from archsearch.drawing.tracing import layer_graph, module_graph
from archsearch.errors import InputError
from archsearch.figures.style import save

DOCS = Path(__file__).parents[1] / "docs"
DRAWINGS = drawings()
each_drawing = pytest.mark.parametrize("name", sorted(DRAWINGS))

# What torch's dispatcher calls the operators with MACs, whatever function asked for them.
COUNTED = {
    "convolution": "convolution",
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), "matrix product"),
    **dict.fromkeys(("_fft_r2c", "_fft_c2r", "_fft_c2c"), "fourier"),
}
DRAWN = {
    "convolution": "convolution",
    "linear": "matrix product",
    "product": "matrix product",
    "fourier": "fourier",
}


class Dispatched(TorchDispatchMode):
    """Counts the operators with MACs that reach torch's kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in COUNTED:
            self.counts[COUNTED[name]] += 1
        return func(*args, **(kwargs or {}))


def small(site: Site) -> Site:
    """The same site with less to compute."""
    return Site(site.in_channels, site.channels, min(site.height, 8), min(site.width, 8))


def dispatched(layer: Layer, site: Site) -> Counter[str]:
    module = made(layer, site)
    mode = Dispatched()
    with torch.no_grad(), mode:
        module(noise(1, site.in_channels, site.height, site.width))
    return mode.counts


def reachable(graph: Graph, start: int) -> set[int]:
    """Operators after ``start``, itself with them."""
    found, waiting = {start}, [start]
    while waiting:
        new = set(graph.after(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def laid_out(layer: Layer, site: Site) -> Routed:
    units, links = piled(layer_graph(layer, site))
    return routed(placed([unit.box() for unit in units], links))


def residuals(graph: Graph) -> int:
    """Sums of a value and of what was made of that very value, not of another part of a split."""

    def made_of(edge: Edge, number: int, end: int) -> bool:
        value = (edge.source, edge.part)
        users = {e.target for e in graph.edges if (e.source, e.part) == value} - {end}
        return any(number in reachable(graph, user) for user in users)

    count = 0
    for end, operator in graph.operators.items():
        into = [edge for edge in graph.edges if edge.target == end]
        if operator.role == "add" and len(into) == 2:
            count += any(made_of(a, b.source, end) for a, b in (into, into[::-1]))
    return count


def ends(graph: Graph) -> list[int]:
    """Numbers of the input and the output."""
    return [n for n, operator in graph.operators.items() if operator.role == "end"]


@each_drawing
def test_a_drawing_has_every_multiplying_operator_once(name: str) -> None:
    """As many convolutions, matrix products and transforms as reach torch's kernels."""
    layer, site = DRAWINGS[name]
    site = small(site)
    graph = layer_graph(layer, site)
    shown = Counter(DRAWN[o.role] for o in graph.operators.values() if o.role in MULTIPLYING)
    assert shown == dispatched(layer, site)


@each_drawing
def test_every_operator_lies_between_input_and_output(name: str) -> None:
    """Each leads to the output, and there is one way at least from the input to it."""
    graph = layer_graph(*DRAWINGS[name])
    start, end = ends(graph)
    assert end in reachable(graph, start)
    assert all(end in reachable(graph, number) for number in graph.operators)


def test_every_registered_kind_is_drawn() -> None:
    """A new kind is drawn as soon as it is registered, without a line here."""
    tables = (BLOCKS, STEMS, DOWNSAMPLES)
    assert {layer for table in tables for layer in table.values()} == {
        layer for _, layer in kinds().values()
    }
    assert set(kinds()) <= set(DRAWINGS)


# Sums of a value and of what became of it, read in the papers' figures and our docstrings.
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("bottleneck", 1), ("cmt", 4), ("conv_encoder", 1), ("gnconv", 2), ("inverted_residual", 1),
        ("mobilevit", 2), ("pacc", 3), ("pacc_frame", 3), ("sdta", 2), ("swin", 2), ("vit", 2),
        ("patch_merge", 0), ("stem.conv", 0),
    ],
)  # fmt: skip
def test_residual_paths_are_drawn(name: str, count: int) -> None:
    """Each residual path of the block has its edge."""
    assert residuals(layer_graph(*DRAWINGS[name])) == count


@pytest.mark.parametrize("kind", sorted(BLOCKS))
def test_every_block_passes_its_input_by(kind: str) -> None:
    """All blocks of a stage have a path around something, to a sum or a concatenation."""
    graph = layer_graph(*DRAWINGS[kind])
    joins = [n for n, o in graph.operators.items() if o.role in ("add", "join")]
    assert any(len(set(graph.before(n))) > 1 for n in joins)


@each_drawing
def test_boxes_do_not_overlap(name: str) -> None:
    """No two boxes share a point."""
    for a, b in combinations(laid_out(*DRAWINGS[name]).frames, 2):
        beside = a.right < b.left or b.right < a.left
        assert beside or a.bottom < b.top or b.bottom < a.top


def crosses(frame: Frame, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether a straight piece of a line runs through the inside of a box."""
    (low_x, high_x), (low_y, high_y) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    inside = 0.005
    return (
        low_x < frame.right - inside
        and high_x > frame.left + inside
        and low_y < frame.bottom - inside
        and high_y > frame.top + inside
    )


@each_drawing
def test_lines_are_upright_or_level_and_cross_no_box(name: str) -> None:
    """Whatever line, whatever box."""
    drawing = laid_out(*DRAWINGS[name])
    for line in drawing.lines.values():
        for start, end in pairwise(line):
            assert min(abs(start[0] - end[0]), abs(start[1] - end[1])) < 2e-3
            assert not any(crosses(frame, start, end) for frame in drawing.frames)


def texts_outside(figure: Figure) -> list[str]:
    """Texts that reach out of the figure, or of the box around their middle."""
    figure.draw_without_rendering()
    [ax] = figure.axes
    boxes = [patch.get_window_extent() for patch in ax.patches if patch.get_label() == "box"]
    outside = []
    for text in ax.findobj(Text):
        assert isinstance(text, Text)
        if not text.get_text() or not text.get_visible() or text not in ax.texts:
            continue
        extent = text.get_window_extent()
        x, y = (extent.x0 + extent.x1) / 2, (extent.y0 + extent.y1) / 2
        around = [box for box in boxes if box.contains(x, y)]
        box = min(around, key=lambda box: box.width * box.height, default=figure.bbox)
        room = 0.5  # pixels
        fits = box.x0 - room <= extent.x0 and extent.x1 <= box.x1 + room
        if not (fits and box.y0 - room <= extent.y0 and extent.y1 <= box.y1 + room):
            outside.append(text.get_text())
    return outside


@each_drawing
def test_texts_fit_into_their_boxes(name: str) -> None:
    """By the renderer's own measure."""
    figure = block_figure(*DRAWINGS[name])
    assert figure.axes[0].texts
    assert texts_outside(figure) == []


@pytest.mark.parametrize("name", ["hornet_tiny_gf", "swin_tiny", "efficientnet_b0", "deit_tiny"])
def test_texts_of_a_net_fit_into_their_boxes(name: str) -> None:
    """By the renderer's own measure."""
    assert texts_outside(net_figure(published.load(name))) == []


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("name", ["parcnet_s", "hornet_tiny_gf", "cmt_ti", "edgenext_small"])
def test_a_net_shows_its_stages_with_sizes_and_block_counts(name: str) -> None:
    """Width and size of every stage, and as many blocks as there are."""
    architecture = published.load(name)
    shown = words(net_figure(architecture))
    for stage in describe(architecture).stages[:-1]:
        assert f"{stage.channels} × {stage.height} × {stage.width}" in shown
    kinds_there = {block.kind for stage in architecture.stages for block in stage.blocks}
    layers = Counter(place.layer.kind for place in architecture.places())
    for kind in kinds_there:
        pattern = rf"(?:(\d+) × )?{kind.replace('_', ' ')}"
        found = [match for text in shown if (match := re.fullmatch(pattern, text))]
        assert sum(int(match[1] or 1) for match in found) == layers[kind]


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_folding_repeats_loses_no_layer(looks: list[str]) -> None:
    """Written out again, the runs are the layers."""
    out: list[str] = []
    for run in runs(looks):
        once = [looks[item.start] for item in run.items for _ in range(item.times)]
        out += once * run.times
    assert out == looks


@pytest.mark.parametrize("looks", ["ababab", "aabaab", "abcabc"])
def test_a_pattern_is_told_once(looks: str) -> None:
    """Alternating blocks, as those of Swin, are one run."""
    assert len(runs(looks)) == 1


def test_circular_padding_is_part_of_its_convolution() -> None:
    """The map that is wrapped around is no concatenation for a reader."""
    graph = layer_graph(ConvEncoder(kernel="global"), Site(16, 16, 6, 8))
    labels = Counter(operator.label for operator in graph.operators.values())
    assert labels["Circular conv 6×1"] == labels["Circular conv 1×8"] == labels["Concat"] == 1
    assert "Part" not in labels


def test_shapes_are_those_of_the_site() -> None:
    """A shape at the site, the kernel as long as its axis, and what a stride makes of it."""
    graph = layer_graph(Pacc(), Site(32, 32, 9, 5))
    labels = {operator.label for operator in graph.operators.values()}
    assert {"Circular conv 9×1", "Circular conv 1×5"} <= labels
    graph = layer_graph(Bottleneck(stride=2), Site(16, 32, 9, 7))
    assert [graph.operators[n].note for n in ends(graph)] == ["16 × 9 × 7", "32 × 5 × 4"]


class Unheard(nn.Module):
    """A block as nobody registered it: other functions, a gate, parts of one map."""

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Linear(8, 16)
        self.slope = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.lift(x.permute(0, 2, 3, 1)).chunk(2, dim=-1)
        out: Tensor = x + (a * torch.erfinv(b) * self.slope).permute(0, 3, 1, 2)
        return out


def test_a_block_with_unknown_functions_is_drawn() -> None:
    """By the functions' own names, its parameters by theirs."""
    with torch.device("meta"):
        graph = module_graph(Unheard(), (1, 8, 4, 4))
    labels = [operator.label for operator in graph.operators.values()]
    assert labels == ["Input", "Linear", "Split", "erfinv", "×", "× slope", "+", "Output"]
    assert residuals(graph) == 1


def test_drawing_draws_no_random_number_and_leaves_no_hook() -> None:
    """Torch's generator is untouched."""
    before = torch.random.get_rng_state()
    layer_graph(InvertedResidual(), Site(16, 16, 8, 8))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("ending", [".svg", ".png", ".pdf"])
def test_the_same_drawing_gives_the_same_file(ending: str, tmp_path: Path) -> None:
    """Byte by byte."""
    files = [tmp_path / f"{name}{ending}" for name in "ab"]
    for file in files:
        save(block_figure(*DRAWINGS["sdta"]), file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_drawing_can_stand_in_given_axes() -> None:
    """In the caller's figure, text shrunk with it, and no figure is registered with pyplot."""
    from matplotlib import pyplot as plt

    open_before = plt.get_fignums()
    figure = Figure(figsize=(2.0, 2.5))
    ax = figure.add_subplot()
    assert block_figure(*DRAWINGS["pacc"], ax=ax) is figure
    assert net_figure(published.load("parcnet_xs"), ax=figure.add_subplot()) is figure
    assert max(float(text.get_fontsize()) for text in ax.texts) < 7
    assert plt.get_fignums() == open_before


def svg_texts(svg: str) -> list[str]:
    return sorted(re.findall(r">([^<>\n]+)</text>", svg))


@each_drawing
def test_the_drawings_in_the_docs_are_up_to_date(name: str, tmp_path: Path) -> None:
    """docs/blocks shows what the code does, as text, and docs/blocks.md shows every drawing."""
    file = f"{name.replace('.', '_')}.svg"
    save(block_figure(*DRAWINGS[name]), tmp_path / file)
    old = DOCS / "blocks" / file
    assert old.exists(), "run `archsearch draw --all docs/blocks`"
    new = svg_texts((tmp_path / file).read_text(encoding="utf-8"))
    assert new
    assert svg_texts(old.read_text(encoding="utf-8")) == new, "run `archsearch draw --all ...`"
    assert f"(blocks/{file})" in (DOCS / "blocks.md").read_text(encoding="utf-8")


def sections() -> Mapping[str, str]:
    """The page of blocks by the kinds in its headings."""
    page = (DOCS / "blocks.md").read_text(encoding="utf-8")
    parts = re.split(r"^### ", page, flags=re.MULTILINE)[1:]
    return {part.split("`")[1]: re.split(r"^## ", part, flags=re.MULTILINE)[0] for part in parts}


@pytest.mark.parametrize("name", sorted(kinds()))
def test_the_docs_state_every_leaf_with_its_default(name: str) -> None:
    """In the table of the kind's section; "required" where there is no default."""
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", sections()[name], flags=re.MULTILINE))
    fields = kinds()[name][1].model_fields
    assert set(rows) == set(fields)
    for leaf, field in fields.items():
        value = field.default
        text = str(value).lower() if isinstance(value, bool) else str(value)
        text = "1/3" if value == 1 / 3 else text
        assert rows[leaf] == ("required" if field.is_required() else f"`{text}`"), leaf


call = partial(commands.call, "draw")


@pytest.mark.parametrize(
    "args",
    [
        ("pacc", "--leaves", "kernel=5", "--site", "32x9x7"),
        ("downsample.conv", "--width", "48"),
        ("mobilevit", "--leaves", "heads=2"),
        ("parcnet_xs",),
        ("cmt_ti", "--layer", "stages.1.blocks.0"),
    ],
    ids=str,
)
def test_the_command_writes_a_figure(args: tuple[str, ...], tmp_path: Path) -> None:
    """Of a kind with leaves and a site, of a net, and of one layer of a net."""
    target = tmp_path / "x.svg"
    result = call(*args, "--output", target)
    assert result.exit_code == 0, result.output
    assert svg_texts(target.read_text(encoding="utf-8"))


def test_the_command_shows_the_leaves_and_the_site_that_it_is_given(tmp_path: Path) -> None:
    """Five taps on a map of 9 x 7."""
    target = tmp_path / "x.svg"
    call("pacc", "--leaves", "kernel=5", "--site", "32x9x7", "--output", target)
    texts = svg_texts(target.read_text(encoding="utf-8"))
    assert {"Circular conv 5×1", "Circular conv 1×5", "32 × 9 × 7"} <= set(texts)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("gncov",), r"gncov: .*kind of layer \(did you mean 'gnconv'\?\)"),
        (("conv",), "conv: there are two; give stem.conv or downsample.conv"),
        (("pacc", "--leaves", "kernl=5"), "unknown key 'kernl'; did you mean 'kernel'"),
        (("pacc", "--leaves", "kernel"), "kernel: give LEAF=VALUE"),
        (("gnconv", "--leaves", "order=9"), "order: got 9; expected less than or equal to 5"),
        (("pacc", "--site", "32x9"), "--site 32x9: give channels x height x width"),
        (("pacc", "--site", "33x9x9"), "pacc: splits its channels in halves.* even width"),
        (("patch", "--width", "0"), "--width 0: give one channel"),
        (("pacc", "--layer", "stem"), "--layer is of a net, and pacc is a kind"),
        (("parcnet_xs", "--site", "3x8x8"), "of a kind, and parcnet_xs is none"),
        (("parcnet_xs", "--layer", "stage.2"), "--layer stage.2: parcnet_xs has none there"),
        (("pacc", "--output", "x.gif"), r"x.gif: ends in none of .png, .svg, .pdf"),
        ((), "nothing to draw; give a kind"),
    ],
    ids=str,
)
def test_a_mistake_is_explained(args: tuple[str, ...], said: str) -> None:
    """In one line, with what holds or what to do."""
    result = call(*args)
    assert result.exit_code == 2
    assert re.search(said, result.stderr)


def test_a_layer_that_cannot_stand_at_its_site_is_refused() -> None:
    """With the layer's own words."""
    with pytest.raises(InputError, match=r"pacc: splits its channels in halves"):
        block_figure(Pacc(), Site(33, 33, 8, 8))

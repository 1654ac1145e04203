"""What values show of themselves in a notebook."""

from __future__ import annotations

import base64
import io
import pickle
import re
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from sys import modules
from xml.etree.ElementTree import Element, fromstring

import matplotlib as mpl
import numpy as np
import pytest
from pandas import DataFrame
from pandas.testing import assert_frame_equal
from PIL import Image

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.colours import look
from archsearch.cost import count
from archsearch.description import describe
from archsearch.notation import engineering
from archsearch.results import open_run

SVG = "{http://www.w3.org/2000/svg}"


def rows(html: str) -> list[list[str]]:
    """Cells of a table, row by row."""
    return [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", html)
    ]


def svg(html: str) -> Element:
    """The drawing in a page, which must be well formed."""
    return fromstring(html[html.index("<svg") : html.index("</svg>") + len("</svg>")])  # noqa: S314 (made here)


def picture(html: str) -> Image.Image:
    """The one picture in a page, which it must hold itself."""
    (source,) = re.findall(r'<img src="([^"]*)"', html)
    kind, data = source.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def inked(image: Image.Image) -> float:
    """Share of the pixels that are not white."""
    return float((np.asarray(image) < 240).any(axis=2).mean())


@pytest.mark.parametrize("name", published.names())
def test_a_net_is_a_table_of_its_stages(name: str) -> None:
    """Costs and maps are those of the description, the last row those of the counts."""
    net = published.load(name)
    _, *shown, total = rows(net._repr_html_())
    stages = [stage for stage in describe(net).stages if stage.layers]
    for row, stage in zip(shown, stages, strict=True):
        assert row[3:] == [engineering(stage.params), engineering(stage.macs)]
    for row, stage in zip(shown[:-1], stages[:-1], strict=True):
        assert row[2] == f"{stage.channels} × {stage.height} × {stage.width}"
    cost = count(net)
    assert total == ["total", "", "", engineering(cost.params), engineering(cost.macs)]


@pytest.mark.parametrize("name", published.names())
def test_a_net_is_drawn_stage_by_stage(name: str) -> None:
    """A box a stage, wider with more channels, higher with larger maps, in its family's colour."""
    net = published.load(name)
    boxes, drawing = net.stage_boxes(), svg(net._repr_html_())
    drawn = [shape for shape in drawing.iter(f"{SVG}rect") if shape.get("class") == "stage"]
    families = [box.family for box in boxes if box.family]
    for box, shape in zip(boxes, drawn, strict=True):
        colour = look(box.family, families)[0] if box.family else "none"
        assert shape.attrib["fill"] == colour
    channels, heights = [box.channels for box in boxes], [box.height for box in boxes]
    for side, sizes in (("width", channels), ("height", heights)):
        lengths = [float(shape.attrib[side]) for shape in drawn]
        by_length = sorted(range(len(boxes)), key=lengths.__getitem__)
        assert [sizes[place] for place in by_length] == sorted(sizes)
        assert min(lengths) > 5


def test_a_drawing_says_shares_of_the_costs() -> None:
    """EdgeNeXt-XXS: a third of the params and four ninths of the MACs are in its third stage."""
    net = published.load("edgenext_xx_small")
    drawing = svg(net._repr_html_())
    words = [text.text for text in drawing.iter(f"{SVG}text")]
    assert {"34% of params", "44% of MACs", "5 × conv encoder", "88 × 16 × 16"} <= set(words)
    bars = [shape for shape in drawing.iter(f"{SVG}rect") if shape.get("class") != "stage"]
    lengths = [float(bar.attrib["width"]) for bar in bars]
    costs = [cost for which in (0, 1) for cost in shares(net, which)]
    assert lengths == pytest.approx(costs, abs=0.06)


def shares(net: Architecture, which: int) -> list[float]:
    """Lengths of the bars of one cost: in proportion, the longest 28 pixels."""
    costs = [box.costs[which] for box in net.stage_boxes()]
    return [28 * cost / max(costs) for cost in costs]


def test_a_drawing_stays_in_its_place() -> None:
    """Every text begins and ends within the columns that the picture has, at any length of name."""
    for name in published.names():
        drawing = svg(published.load(name)._repr_html_())
        left, _, width, height = map(float, drawing.attrib["viewBox"].split())
        for text in drawing.iter(f"{SVG}text"):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            assert left <= x <= left + width
            assert 0 < y < height


def test_a_net_shows_its_layers_in_short() -> None:
    """Runs of equal kinds are counted."""
    table = rows(published.load("edgenext_xx_small")._repr_html_())
    assert table[0] == ["", "layers", "map", "params", "MACs"]
    assert [row[0] for row in table[1:]] == [
        "stem", "stage 1", "stage 2", "stage 3", "stage 4", "head", "total",
    ]  # fmt: skip
    assert table[2][1] == "2 × conv encoder"
    assert table[4][1] == "↓ conv, 5 × conv encoder, sdta"


def test_a_name_cannot_bring_html_along() -> None:
    """It comes from files."""
    net = replace(published.load("edgenext_xx_small"), name="<script>alert(1)</script>")
    assert "<script>" not in net._repr_html_()


def test_a_net_that_is_none_says_why(odd: Architecture) -> None:
    """Instead of a table; showing a value never raises."""
    assert odd.problem() in unescape(odd._repr_html_())
    assert "<table>" not in odd._repr_html_()


@pytest.fixture
def odd() -> Architecture:
    """A net whose second stage gets another width than it has."""
    net = published.load("edgenext_xx_small")
    first, second, *rest = net.stages
    return replace(net, stages=(first, replace(second, downsample=None), *rest))


def test_a_front_is_a_table_and_a_picture(tiny_run: Path) -> None:
    """A row a net with numbers as people read them; the figure of its first two measures."""
    run = open_run(tiny_run)
    front = run.pareto()
    html = front._repr_html_()
    assert all(net in html for net in front["net"])
    assert escape(front.attrs["footnote"]) in html
    assert "val_accuracy over macs: the front of these two" in html
    image = picture(html)
    assert len(html) < 200_000
    assert 0.01 < inked(image) < 0.5


def test_a_front_of_other_measures_shows_those(tiny_run: Path) -> None:
    """Of three, the first two; of one, another beside it."""
    run = open_run(tiny_run)
    caption = "{}: the front of these two, and all trials that have both"
    three = run.pareto(["macs", "val_accuracy", "params"])
    assert three.caption == caption.format("macs over val_accuracy")
    assert run.pareto(["macs"]).caption.startswith("macs over ")
    axes = three.draw().axes[0]
    assert "multiply-accumulates" in axes.get_ylabel()
    assert "accuracy" in axes.get_xlabel()


def test_what_is_made_of_a_front_is_a_plain_table(tiny_run: Path) -> None:
    """A part of it is not the run's front, and a picture does not go to another process."""
    front = open_run(tiny_run).pareto()
    sent = pickle.loads(pickle.dumps(front))  # noqa: S301 (made here)
    for made in (front[front["number"] >= 0], front.copy(), front.assign(x=1), sent):
        assert type(made) is DataFrame
        assert made.attrs == front.attrs
    assert_frame_equal(sent, DataFrame(front))


def test_a_run_is_tables_and_a_picture(tiny_run: Path) -> None:
    """Its summary, its front's figure, its front; drawing changes no setting of matplotlib."""
    before = dict(mpl.rcParams)
    html = open_run(tiny_run)._repr_html_()
    assert html.count("<table") == 2
    assert "8 of 8 done" in html
    assert inked(picture(html)) > 0.01
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in modules or not modules["matplotlib.pyplot"].get_fignums()

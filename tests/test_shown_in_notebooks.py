"""What values show of themselves in a notebook."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.description import describe
from archsearch.notation import engineering
from archsearch.results import open_run


def rows(html: str) -> list[list[str]]:
    """Cells of a table, row by row."""
    return [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", html)
    ]


@pytest.mark.parametrize("name", published.names())
def test_a_net_is_a_table_of_its_stages(name: str) -> None:
    """Costs and maps are those of the description, the last row those of the counts."""
    net = published.load(name)
    _, *shown, total = rows(net._repr_html_())
    stages = [stage for stage in describe(net).stages if stage.layers]
    for row, stage in zip(shown, stages, strict=True):
        assert row[3:] == [engineering(stage.params), engineering(stage.macs)]
    for row, stage in zip(shown[:-1], stages, strict=False):
        assert row[2] == f"{stage.channels} × {stage.height} × {stage.width}"
    cost = count(net)
    assert total == ["total", "", "", engineering(cost.params), engineering(cost.macs)]


def test_a_net_shows_its_layers_in_short() -> None:
    """Runs of equal kinds are counted."""
    table = rows(published.load("edgenext_xx_small")._repr_html_())
    assert table[0] == ["", "layers", "map", "params", "MACs"]
    assert [row[0] for row in table[1:]] == [
        "stem", "stage 1", "stage 2", "stage 3", "stage 4", "head", "total",
    ]  # fmt: skip
    assert table[2][1] == "2xconv_encoder"
    assert "sdta" in table[3][1]


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


def test_a_front_is_a_table(tiny_run: Path) -> None:
    """The data frame shows a row a net."""
    front = open_run(tiny_run).pareto()
    html = front._repr_html_()
    assert all(net in html for net in front["net"])

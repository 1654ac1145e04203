"""``archsearch measure``: what it prints and how it ends."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import commands
import pytest

from archsearch import published
from archsearch.cost import count
from archsearch.cost.counters import COUNTERS
from archsearch.cost.static import detail
from archsearch.documents import dump

NET = "edgenext_xx_small"


call = partial(commands.call, "measure")


def printed(*args: object) -> str:
    """What the command prints that ends well."""
    result = call(*args)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def test_it_prints_every_cost_exactly() -> None:
    """In full and in short, at the net's own resolution."""
    cost, out = count(published.load(NET)), printed(NET)
    assert re.search(rf"net +{NET}\n", out)
    assert re.search(r"resolution +256 x 256\n", out)
    assert re.search(r"params +1,327,216 \(1\.33 M\)\n", out)
    assert re.search(r"MACs +257,905,088 \(258 M\)\n", out)
    assert re.search(rf"activations +{cost.activations:,} \(", out)
    assert re.search(rf"peak memory +{cost.peak_memory_bytes:,} B \(.* MB\)\n", out)
    assert re.search(r"weights +5,308,864 B \(5\.31 MB\)", out)


def test_resolution_and_classes_can_be_given() -> None:
    """One side or two; the net may be a file."""
    architecture = published.load(NET)
    assert f"{count(architecture.at(64)).macs:,} " in printed(NET, "--resolution", 64)
    oblong = count(architecture.at((64, 96)), 10)
    out = printed(NET, "--resolution", "64x96", "--classes", 10)
    assert f"{oblong.params:,} " in out
    assert f"{oblong.macs:,} " in out
    assert re.search(r"resolution +64 x 96\n", out)


def test_a_file_is_a_net(tmp_path: Path) -> None:
    """As for every command about nets."""
    file = tmp_path / "mine.yaml"
    file.write_text(dump(published.load("cmt_ti").to_data()), encoding="utf-8")
    assert printed(file) == printed("cmt_ti")


@pytest.mark.parametrize("given", ["0", "64x", "64x64x3", "large", "-1", "64x0"])
def test_a_resolution_that_is_none_is_refused(given: str) -> None:
    """It says what would be one."""
    result = call(NET, f"--resolution={given}")
    assert result.exit_code == 2
    assert f"error: --resolution {given}: is no size in pixels; give one side" in result.stderr


def test_json_has_every_layer() -> None:
    """Their sums are the totals."""
    data = json.loads(printed("cmt_ti", "--json", "--resolution", "64x32"))
    cost = count(published.load("cmt_ti").at((64, 32)))
    assert {name: data[name] for name in cost._fields} == cost._asdict()
    assert data["weight_bytes"] == 4 * data["params"]
    assert data["resolution"] == [64, 32]
    assert data["counters"] == []
    assert len(data["layers"]) == len(detail(published.load("cmt_ti")))
    for name in ("params", "macs", "activations"):
        assert sum(layer[name] for layer in data["layers"]) == data[name]


def test_counters_stand_in_one_table_and_their_differences_below() -> None:
    """The lines of each counter sum to what the table says it differs by."""
    out = printed("parcnet_xs", "--counters", "--resolution", 64)
    cost = count(published.load("parcnet_xs").at(64))
    exact = cost.macs
    assert re.search(rf"exact +{cost.params:,} +{exact:,}\s", out)
    for name in COUNTERS:
        params, macs, difference = re.search(
            rf"^\s*{name} +\S+ +(\S+) +(\S+) +(\S+) +\S+\s*$", out, re.MULTILINE
        ).groups()
        assert (params, number(macs) - exact) == ("+0", number(difference))
        if number(difference) == 0:
            assert f"{name}: no difference" in out
            continue
        block = out.split(f"\n{name}:\n")[1].split(" sum ")[0]
        lines = re.findall(r" ([\d,]+) +([+-][\d,]+)\s*$", block, re.MULTILINE)
        assert sum(number(macs) for _, macs in lines) == number(difference)
    assert re.search(r"convolution in CircularConv: not counted, it hooks the modules", out)
    assert "unexplained" not in out


def number(text: str) -> int:
    """A number as the command writes it."""
    return int(text.replace(",", ""))


def test_json_has_the_counters_with_their_lines() -> None:
    """For scripts."""
    data = json.loads(printed(NET, "--counters", "--resolution", 64, "--json"))
    assert [counter["counter"] for counter in data["counters"]] == list(COUNTERS)
    for counter in data["counters"]:
        assert counter["macs"] - data["macs"] == counter["macs_difference"]
        assert sum(line["macs"] for line in counter["lines"]) == counter["macs_difference"]

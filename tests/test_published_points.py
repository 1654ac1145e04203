"""The published nets as figures show them, and the command that draws them."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import commands
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from archsearch import published
from archsearch.cost import count
from archsearch.errors import InputError
from archsearch.figures import Quantity, plot_published
from archsearch.published_numbers import published_summary
from archsearch.published_points import QUANTITIES, published_points

TABLE = Path(published.__file__).parent / "published.csv"
PARAMS = Quantity("params", "parameters", maximize=False)
TOP1 = Quantity("top1", "%", maximize=True)


@pytest.mark.parametrize("quantity", ["params", "macs"])
def test_costs_are_counted_and_top1_is_stated(quantity: str) -> None:
    """Every net with a stated top-1 has one row, with its own counts."""
    found = published_points(quantity, "top1").set_index("net")
    stated = published_summary().dropna(subset=["top1"]).set_index("net")["top1"]
    assert found["top1"].to_dict() == stated.to_dict()
    assert len(found) > 30
    for net, counted in found[quantity].items():
        assert counted == getattr(count(published.load(str(net))), quantity)


def test_every_net_but_none_twice_has_a_family_and_a_size() -> None:
    """No two nets of a family have one size, and every net fits some family's pattern."""
    found = published_points("params", "macs")
    assert list(found["net"].sort_values()) == list(published.names())
    assert not found.duplicated(["family", "size"]).any()
    assert set(found["net"]).isdisjoint(found["family"])
    assert (found["size"] != "").all()


def test_sizes_of_one_design_are_joined_and_what_was_only_changed_is_not() -> None:
    """EdgeNeXt is a family in four sizes; ParC's changes of other nets are three baselines."""
    found = published_points("params", "top1")
    edgenext = found[found["family"] == "EdgeNeXt"]
    assert list(edgenext["size"]) == ["XXS", "XS", "S", "B"]
    assert edgenext["joined"].all()
    changed = found[found["family"] == "ParC in other nets"]
    assert sorted(changed["net"]) == ["parc_convnext_xt", "parc_mobilenetv2", "parc_resnet50"]
    assert not changed["joined"].any()


def test_a_latency_is_what_the_csv_states_for_its_device() -> None:
    """ParC-Net's own board: the two nets and milliseconds of its README."""
    found = published_points("latency", "top1", "RK3288")
    assert found.attrs["device"] == "Rockchip RK3288 (ARM), ONNX->MNN, mean of 100"
    assert dict(zip(found["net"], found["latency_ms"], strict=True)) == {
        "mobilevit_s": 457.0,
        "parcnet_s": 353.0,
    }
    assert all("hkzhang91/ParC-Net" in source for source in found["source"])


def test_a_latency_at_another_resolution_is_left_out() -> None:
    """timm times nets at several sizes; only the net's own belongs to its top-1."""
    with TABLE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["latency_device"].startswith("RTX 4090")]
    stated = {(row["resolution"], float(row["latency_ms"])) for row in rows}
    found = published_points("latency", "top1", "RTX 4090")
    assert len({size for size, _ in stated}) > 1
    for net, latency in zip(found["net"], found["latency_ms"], strict=True):
        assert (str(published.load(net).resolution), latency) in stated


@pytest.mark.parametrize(
    ("x", "y", "device", "said"),
    [
        ("parms", "top1", None, r"unknown quantity 'parms'.*params.*params,top1"),
        ("params", "", None, r"unknown quantity ''"),
        ("top1", "top1", None, r"'top1' was given twice"),
        ("latency", "top1", None, r"none was given; give one of: .*RTX 4090.*\(\d+ nets\)"),
        ("latency", "top1", "iPhone 12", r"'iPhone 12' is part of several.*CPU \(CoreML\)"),
        ("latency", "top1", "abacus", r"'abacus' is no device.*Jetson Nano"),
        ("params", "top1", "RK3288", r"are of no device; leave the device out"),
    ],
)
def test_what_does_not_hold_is_refused(x: str, y: str, device: str | None, said: str) -> None:
    """With what was given and what there is."""
    with pytest.raises(InputError, match=said):
        published_points(x, y, device)


def axes() -> Axes:
    return plot_published(published_points("params", "top1"), PARAMS, TOP1).axes[0]


def test_every_net_is_at_its_place_in_the_line_of_its_family() -> None:
    """Sorted by cost; only families of several sizes are joined."""
    found = published_points("params", "top1").sort_values("net", ignore_index=True)
    (ax,) = plot_published(found, PARAMS, TOP1).axes
    lines = {str(line.get_label()): line for line in ax.lines}
    for family, rows in found.groupby("family"):
        line, rows = lines[str(family)], rows.sort_values("params")
        assert np.array_equal(np.asarray(line.get_xydata()), rows[["params", "top1"]].to_numpy())
        joined = len(rows) > 1 and rows["joined"].all()
        assert (line.get_linestyle() != "None") == joined


def test_every_size_is_written_and_every_source_is_named() -> None:
    """Sizes at the points, sources below the axes."""
    found = published_points("params", "top1")
    figure = plot_published(found, PARAMS, TOP1)
    assert [text.get_text() for text in figure.axes[0].texts] == list(found["size"])
    caption = figure.get_supxlabel().replace("\n", " ")
    assert all(source in caption for source in found["source"])


def test_families_are_told_apart_without_colour() -> None:
    """All markers differ; those that share a colour have other dashes too."""
    lines = axes().lines
    assert len({line.get_marker() for line in lines}) == len(lines)


def test_a_family_that_is_not_known_gets_a_look() -> None:
    """A reader's own table can be drawn."""
    own = pd.DataFrame(
        {
            "family": ["mine", "mine"],
            "size": ["1", "2"],
            "joined": True,
            "source": "me",
            "params": [1e6, 2e6],
            "top1": [70.0, 72.0],
        }
    )
    (line,) = plot_published(own, PARAMS, TOP1).axes[0].lines
    assert line.get_linestyle() != "None"


call = partial(commands.call, "published")


def test_the_command_draws_the_fronts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is called after the quantities unless it is named; its ending chooses the format."""
    monkeypatch.chdir(tmp_path)
    result = call("--plot", "params,top1")
    assert result.exit_code == 0, result.output
    assert result.stdout == "34 nets drawn in published_params_top1.png\n"
    assert Path("published_params_top1.png").read_bytes().startswith(b"\x89PNG")
    assert call("--plot", "latency,top1", "--device", "rk3288", "--out", "a.svg").exit_code == 0
    assert Path("a.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--plot", "params"], "give two, such as params,top1"),
        (["--plot", "params,top1", "--ablations"], "exclude each other"),
        (["--device", "rk3288"], "give --plot as well"),
        (["--plot", "params,top1", "--out", "a.gif2"], "no figure has the format 'gif2'"),
    ],
)
def test_the_command_refuses_what_does_not_hold(
    args: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with nothing written."""
    monkeypatch.chdir(tmp_path)
    result = call(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_quantity_can_be_drawn() -> None:
    """Each against each other one, by the column that the table gives it."""
    for x in QUANTITIES:
        for y in QUANTITIES.keys() - {x}:
            device = "RK3288" if "latency" in (x, y) else None
            assert {QUANTITIES[x], QUANTITIES[y]} <= set(published_points(x, y, device).columns)

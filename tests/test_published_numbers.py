"""Published numbers: every row with its source, beside counts, nothing filled in."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from archsearch import published
from archsearch.cost import count
from archsearch.errors import InputError
from archsearch.published_numbers import (
    discrepancies,
    published_ablations,
    published_summary,
    published_table,
    standing,
)

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
STATED = ("top1", "params_m", "gmacs", "latency_ms")


def rows_of(name: str) -> list[dict[str, str]]:
    """A table of the package as it is stored."""
    text = (files(published) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("name", ["published.csv", "ablations.csv"])
def test_the_tables_are_the_collected_ones(name: str) -> None:
    """Byte for byte."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no reference tables: {REFERENCE} is absent")
    assert (files(published) / name).read_bytes() == (REFERENCE / name).read_bytes()


def test_the_table_states_what_the_file_states_and_fills_nothing_in() -> None:
    """Each number of each row is the file's, each gap stays a gap, each row has its source."""
    frame = published_table()
    stored = rows_of("published.csv")
    assert len(frame) == len(stored)
    assert frame["source"].notna().all()
    for row, line in zip(frame.to_dict("records"), stored, strict=True):
        assert row["source"] == line["source"]
        for name in STATED:
            assert math.isnan(row[name]) if line[name] == "" else row[name] == float(line[name])


def test_every_variant_leads_to_a_net_that_exists_and_is_used() -> None:
    """No line of the alias table is without rows, and none names an unknown net."""
    known = {(line["family"], line["variant"]) for line in rows_of("published.csv")}
    for line in rows_of("variants.csv"):
        assert (line["family"], line["variant"]) in known
        assert line["net"] in {"", *published.names()}


@pytest.mark.parametrize(
    ("variant", "resolution", "note", "net"),
    [
        ("HorNetLargeGF", "384", "", "hornet_large_gf_img384"),
        ("HorNetLargeGF", "224", "", "hornet_large_gf"),
        ("ConvNeXt-S", "224", "isotropic", None),
        ("ConvNeXt-S", "384", "22k", "convnext_small"),
        ("edgenext_small_rw.sw_in1k", "256", "", None),
        ("DeiT-small distilled", "224", "", None),
        ("ParC-Net-S (EdgeFormer-S)", "320", "", "parcnet_s"),
    ],
)
def test_a_row_is_about_the_net_that_it_means(
    variant: str, resolution: str, note: str, net: str | None
) -> None:
    """Variants of the same name that are other nets are told apart; other nets are none of ours."""
    frame = published_table()
    rows = frame[
        (frame["variant"] == variant)
        & (frame["resolution"] == resolution)
        & frame["notes"].fillna("").str.contains(note)
    ]
    assert len(rows)
    for found in rows["net"]:
        assert found == net if net else found is None or math.isnan(found)


def test_counts_are_of_the_stated_resolution() -> None:
    """They are the package's own, and missing where another head or task was measured."""
    table = published_table("edgenext_small")
    for row in table.to_dict("records"):
        if row["dataset"] != "ImageNet-1K":
            assert math.isnan(row["counted_params_m"])
            assert math.isnan(row["counted_gmacs"])
            continue
        size = int(row["resolution"]) if str(row["resolution"]).isdigit() else 256
        params, macs, *_ = count(published.load("edgenext_small").at(size))
        assert row["counted_params_m"] == params / 1e6
        assert row["counted_gmacs"] == macs / 1e9
    assert {"224", "256", "320"} <= set(table["resolution"].dropna())


@pytest.mark.parametrize(
    ("quantity", "stated", "counted"),
    [("params", "params_m", "counted_params_m"), ("macs", "gmacs", "counted_gmacs")],
)
def test_whatever_differs_is_explained(quantity: str, stated: str, counted: str) -> None:
    """A stated number 4 % beside the counted one has an explanation at its net."""
    frame = published_table()
    far = frame[(frame[stated] / frame[counted] - 1).abs() > 0.04]
    assert len(far) >= 7
    for net in far["net"].unique():
        assert quantity in discrepancies(net), f"{net}: {quantity} differ and nobody says why"


def test_every_explanation_is_of_a_published_net() -> None:
    """And of one of the two counts; most nets need none."""
    for line in rows_of("discrepancies.csv"):
        assert line["net"] in published.names()
        assert line["quantity"] in ("params", "macs")
        assert discrepancies(line["net"])[line["quantity"]] == line["explanation"]
    assert not discrepancies("edgenext_small")


def test_the_summary_has_every_net_once_with_the_paper_s_own_training() -> None:
    """Official where it is as complete as another, and without a number where none was found."""
    frame = published_summary().set_index("net")
    assert sorted(frame.index) == list(published.names())
    assert frame["counted_params_m"].is_monotonic_increasing
    assert frame["counted_params_m"].notna().all()
    assert frame.loc["edgenext_base", "top1"] == 82.47
    assert frame.loc["convnext_small", "top1"] == 83.1
    assert frame.loc["parcnet_s", ["top1", "params_m", "gmacs"]].tolist() == [78.6, 5.0, 1.74]
    assert frame.loc[["parcnet_xs", "parcnet_h"], list(STATED)].isna().all(axis=None)
    assert math.isnan(frame.loc["hornet_large_7x7", "top1"])


def test_aliases_and_unknown_names() -> None:
    """PaCC-Net's rows are ParC-Net's; an unknown net is refused with the nearest name."""
    assert published_table("paccnet_s").equals(published_table("parcnet_s"))
    assert discrepancies("paccnet_s") == discrepancies("parcnet_s")
    for asked in (published_table, discrepancies):
        with pytest.raises(InputError, match="did you mean 'cmt_xs'"):
            asked("cmt_xxs")


def test_a_table_is_the_caller_s_own() -> None:
    """Changing it changes no other."""
    frame = published_table()
    frame["top1"] = 0.0
    assert published_table()["top1"].max() > 80


def test_ablations_keep_words_apart_from_numbers_and_gaps_as_gaps() -> None:
    """What was not found has no number at all, and every row its source."""
    frame = published_ablations()
    assert frame["source"].notna().all()
    missing = frame[frame["status"] == "MISSING"]
    assert len(missing) == 3
    assert missing[["top1", "delta_top1", "params_m", "gmacs"]].isna().all(axis=None)
    words = frame["finding"].notna()
    assert words.sum() == 7
    assert not (words & frame["delta_top1"].notna()).any()
    stated = sum(line["delta_top1"] != "" for line in rows_of("ablations.csv"))
    assert words.sum() + frame["delta_top1"].notna().sum() == stated


def test_where_a_net_stands() -> None:
    """A published net with what is stated about it; any other among the published ones."""
    smallest = published_summary()["net"][0]
    total = len(published.names())
    said = standing(published.load(smallest))
    assert said["by params"].startswith(f"1 of {total} from the smallest: below ")
    assert "above" not in said["by params"]
    best = published_summary().sort_values("top1", ascending=False)["net"].iloc[0]
    assert standing(published.load(best))["by top-1"].startswith("1 of ")
    unstated = standing(published.load("parcnet_h"))
    assert unstated["published"] == "top-1 not found, params not found, MACs not found"
    assert "by top-1" not in unstated
    net = published.load("parcnet_s")
    other = replace(net, stages=net.stages[:-1])
    assert set(standing(other)) == {"by params", "by MACs"}
    assert f" of {total + 1} from the smallest" in standing(other)["by MACs"]

"""The commands about nets: what they print and how they end."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from commands import call, printed, refused

from archsearch import published
from archsearch.cost import count
from archsearch.documents import dump
from archsearch.published_numbers import discrepancies
from archsearch.results import open_run
from archsearch.runs import work_on
from archsearch.space import load_space
from archsearch.study import load_study

MOBILE = Path(__file__).parents[1] / "search_spaces" / "mobile.yaml"
STUDY = Path(__file__).parent / "data" / "tiny_study.yaml"


# describe


def test_describe_prints_the_tree_with_totals_and_standing() -> None:
    """A published net, by its other name too."""
    out = printed("describe", "paccnet_s")
    assert re.search(r"net +parcnet_s\n", out)
    assert re.search(r"stages\.2 +96 x 32 x 32 ", out)
    assert re.search(r"total +5\.04 M +1\.66 G", out)
    assert re.search(r"published +top-1 78\.6 %, params 5 M, MACs 1\.74 G \(official README", out)
    assert re.search(r"by params +\d+ of \d+ from the smallest", out)


def test_describe_gives_json() -> None:
    """And nothing else."""
    data = json.loads(printed("describe", "edgenext_xx_small", "--json"))
    cost = count(published.load("edgenext_xx_small"))._asdict()
    assert {name: data[name] for name in cost} == cost
    assert data["name"] == "edgenext_xx_small"


def test_describe_takes_files_and_trials(tiny_run: Path, tmp_path: Path) -> None:
    """A trial has the id that its run says, and the params that it was counted with."""
    file = tmp_path / "mine.yaml"
    file.write_text(dump(published.load("cmt_ti").at((96, 128)).to_data() | {"name": "mine"}))
    assert re.search(r"resolution +96 x 128", printed("describe", file))
    data = json.loads(printed("describe", f"{tiny_run}:2", "--json"))
    trials = open_run(tiny_run).trials.set_index("number")
    assert data["id"] == open_run(tiny_run).architecture(2).id
    assert data["params"] == trials.loc[2, "params"]
    assert data["name"] is None
    assert "without a name" in printed("describe", f"{tiny_run}:2")


def test_describe_refuses_what_is_no_net() -> None:
    """With the nearest name."""
    assert "did you mean 'cmt_ti'" in refused("describe", "cmt_tii")


# space contains


def test_a_member_is_told_with_its_choices() -> None:
    """Which decode to the net."""
    out = printed("space", "contains", MOBILE, "edgenext_xx_small")
    assert out.startswith("yes: edgenext_xx_small is in mobile\n")
    space, net = load_space(MOBILE), published.load("edgenext_xx_small")
    for path, label in space.encode(net).items():
        shown = str(label).lower() if isinstance(label, bool) else str(label)
        assert re.search(rf"{re.escape(path)} +{re.escape(shown)}\s*\n", out)


def test_what_is_no_member_is_told_with_the_first_misfit() -> None:
    """On stdout, because it is an answer; exit code 1."""
    result = call("space", "contains", MOBILE, "cmt_ti")
    assert result.exit_code == 1
    assert result.stdout == (
        "no: cmt_ti is not in mobile; input.resolution: 160; the space has [192, 224, 256]\n"
    )
    assert result.stderr == ""


def test_a_wrong_name_is_no_answer() -> None:
    """Neither yes nor no: exit code 2."""
    assert "no published net" in refused("space", "contains", MOBILE, "edgenext")


# published


def test_published_prints_every_net_and_why_numbers_differ() -> None:
    """Stated beside counted; what was not found says so."""
    out = printed("published")
    for name in published.names():
        assert re.search(rf"^ {name} ", out, re.MULTILINE)
    assert re.search(r"parcnet_xs +not found +not found +not found +2\.185 +not found", out)
    assert discrepancies("cmt_s")["params"] in out


def test_published_prints_all_rows_of_one_net() -> None:
    """With devices and sources; only that net is explained."""
    out = printed("published", "--table", "paccnet_s")
    assert re.search(r"ParC-Net-S .* 1\.74 +1\.657 +353 +Rockchip", out)
    assert "MS-COCO SSDLite" in out
    assert "official README hkzhang91/ParC-Net@f6780d0" in out
    assert discrepancies("parcnet_s")["macs"] in out
    assert "cmt_s" not in out
    assert "no published number was found" in printed("published", "--table", "parcnet_h")


def test_published_prints_ablations() -> None:
    """With their status; what is missing is not found."""
    out = printed("published", "--ablations")
    assert re.search(r"CMT .* not found +not found .* MISSING", out)
    assert "SDTA encoders replaced by convolution encoders" in out


def test_published_refuses_what_does_not_hold() -> None:
    """An unknown net, and two questions at once."""
    assert "did you mean 'cmt_ti'" in refused("published", "--table", "cmt_tiny")
    assert "exclude each other" in refused("published", "--table", "cmt_ti", "--ablations")


# pareto --published


@pytest.fixture(scope="module")
def mobile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that scores members of the mobile space; one of them is a published net."""
    folder = tmp_path_factory.mktemp("runs") / "mobile"
    changes = [
        f"space={MOBILE}", "constraints={}", "budget.trials=2", "budget.generation=2",
        "start={nets: [edgenext_xx_small], screen: 1, keep: 1}", "training.scale=0.125",
    ]  # fmt: skip
    work_on(load_study(STUDY, changes), folder, lambda _: lambda: None)
    return folder


def test_pareto_adds_the_published_nets_of_the_space(mobile_run: Path) -> None:
    """Below the front, marked, counted by the same code; the front's rows stay as they are."""
    run = open_run(mobile_run)
    front = run.pareto(["params", "macs"])
    table = run.beside_published(front)
    assert list(table["net"][: len(front)]) == list(front["net"])
    assert list(table.columns) == [*front.columns[:2], "published", *front.columns[2:]]
    assert not table["net"].duplicated().any()
    members = table[table["published"]].set_index("net")
    assert {"edgenext_xx_small", "edgenext_x_small"} <= set(members.index)
    for name, row in members.iterrows():
        cost = count(published.load(str(name)), run.study.settings.classes)
        assert (row["params"], row["macs"]) == cost[:2]
        assert row["blocks"] == published.load(str(name)).blocks_in_short()
    assert members.loc["edgenext_xx_small", "number"] == 0
    assert members["number"].isna().loc["edgenext_x_small"]
    assert table.attrs == front.attrs


def test_the_command_marks_them_in_every_format(mobile_run: Path) -> None:
    """As text, as CSV and as JSON; without the option there are none."""
    asked = ("pareto", mobile_run, "--objectives", "params,macs")
    text = printed(*asked, "--published")
    assert re.search(r" - +edgenext_x_small +yes +2\.15 M", text)
    assert "published" not in printed(*asked)
    rows = list(csv.DictReader(io.StringIO(printed(*asked, "--published", "--csv", "-"))))
    marked = {row["net"] for row in rows if row["published"] == "True"}
    assert {"edgenext_xx_small", "edgenext_x_small"} <= marked
    data = json.loads(printed(*asked, "--published", "--json", "-"))
    assert {row["net"] for row in data if row["published"]} == marked
    assert next(row for row in data if row["net"] == "edgenext_x_small")["number"] is None

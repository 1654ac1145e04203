"""``archsearch space`` and ``archsearch schema``: spaces described, sampled, and their schemas."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import printed, refused
from tiny_files import SPACE, STUDY

from archsearch.cost.extremes import extremes
from archsearch.documents import read
from archsearch.schema import architecture_schema, space_schema
from archsearch.space import architecture_of, load_space
from archsearch.study_schema import study_schema

PROCESS = [sys.executable, "-m", "archsearch"]


def test_describe_prints_size_leaves_and_costs() -> None:
    """Every open leaf with its values, as the file writes them."""
    output = printed("space", "describe", SPACE, "-n", 50)
    space = load_space(SPACE)
    assert f"{space.size:,} points, 10^2.51; no two give the same architecture" in output
    for path, domain in space.leaves():
        assert re.search(rf"{re.escape(path)} +{', '.join(map(str, domain.labels))}", output)
    assert "between them, 50 random ones" in output
    assert re.search(r"params( +\d+(\.\d+)? k){7}", output)
    ends = extremes(space.tree)
    assert re.search(rf"smallest params +{ends.smallest['params'].value:,} +16x16 ", output)
    assert re.search(rf"largest macs +{ends.largest['macs'].value:,} +24x24 +16: ", output)


def test_describe_counts_the_members_within_a_study_s_limits() -> None:
    """And what each limit refuses, together with others and alone."""
    output = printed("space", "describe", SPACE, "--study", STUDY, "-n", 1000)
    found = re.search(r"(\d+) of 1,000 random members meet the limits of tiny: (\S+) %", output)
    refuses = re.search(r"params: at_most 20,000 +(\S+) % +(\S+) %", output)
    assert found is not None
    assert refuses is not None
    assert float(found[2]) == int(found[1]) / 10
    assert float(found[2]) + float(refuses[1]) == pytest.approx(100)
    assert refuses[1] == refuses[2]
    low, high = (float(text) for text in re.findall(r"(\S+) %", output.split("interval:")[1])[:2])
    assert low < float(found[2]) < high


def test_describe_says_which_limit_refuses_most_and_which_no_member_meets(
    changed_study: Callable[..., Path], tmp_path: Path
) -> None:
    """A limit that cannot be met with the exact value that comes closest."""
    impossible = changed_study(
        ("{params: {at_most: 20000}}", "{params: {at_most: 12}, macs: {at_least: 9}}")
    )
    output = printed("space", "describe", tmp_path / "tiny.yaml", "--study", impossible)
    least = extremes(load_space(SPACE).tree, 10).smallest["params"].value
    assert f"no member meets params: at_most 12; the closest has exactly {least:,}" in output
    assert "the limit on params refuses most, and most that no other limit refuses" in output
    assert (
        "0 of 10,000 random members meet the limits of tiny: 0.0 % (95 % interval: 0.0 %" in output
    )


def test_sample_prints_or_writes_members(tmp_path: Path) -> None:
    """The files are the members of the table."""
    output = printed("space", "sample", SPACE, "-n", 3, "--yaml", tmp_path / "nets")
    files = sorted((tmp_path / "nets").iterdir())
    assert len(files) == 3
    for file in files:
        assert architecture_of(read(file)).id == file.stem
        assert file.stem in output
    assert printed("space", "sample", SPACE, "-n", 3, "--seed", 1) != output


def test_a_space_that_is_wrong_is_refused(
    changed_study: Callable[..., Path], tmp_path: Path
) -> None:
    """By both commands, with file and line."""
    changed_study(("conv_encoder:", "conv_encodr:"))
    for command in ("describe", "sample"):
        message = refused("space", command, tmp_path / "tiny.yaml")
        assert re.search(r"tiny\.yaml:9: .*did you mean 'conv_encoder'", message)
    assert "has 320 points" in refused("space", "sample", SPACE, "-n", 321)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [("architecture", architecture_schema), ("space", space_schema), ("study", study_schema)],
)
def test_schema_prints_or_writes(kind: str, schema: Callable[[], object], tmp_path: Path) -> None:
    """The same JSON."""
    assert json.loads(printed("schema", "--kind", kind)) == schema()
    printed("schema", "--kind", kind, "--out", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == schema()
    assert "did you mean" in refused("schema", "--kind", kind[:-1])

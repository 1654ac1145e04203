"""``archsearch importance``: tables, files, figures and what it refuses."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

import commands
import pytest
from made_questions import drawn
from small_runs import finish, new_run, small_study
from small_runs import folder as folder
from small_spaces import space_data, space_of

from archsearch import predictor
from archsearch.importance import METHODS
from archsearch.importance import fanova as fanova_module
from archsearch.importance.frame import COLUMNS
from archsearch.importance.nets import Nets
from archsearch.preferences import COLUMNS as PREFERENCE_COLUMNS
from archsearch.runs import DATABASE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "TREES", 5)
    monkeypatch.setattr(fanova_module, "TREES", 8)
    monkeypatch.setattr(fanova_module, "SHUFFLED_TREES", 2)


@pytest.fixture
def a_run(folder: Path) -> Path:
    """A finished run of 30 trials, half of them trained."""
    finish(new_run(small_study(), folder / DATABASE))
    return folder


call = partial(commands.call, "importance")


def test_it_prints_a_table_for_each_objective(a_run: Path) -> None:
    """With what was looked at above, all methods beside each other, and what a star means below."""
    result = call(a_run, "--top", 3)
    assert result.exit_code == 0, result.output
    text = result.stdout
    for said in ("val_accuracy: ", "macs: 30 nets", "front: ", *METHODS, "beyond chance"):
        assert said in text
    assert text.count("stages.") == 9


def test_it_writes_all_rows_and_a_figure(a_run: Path, tmp_path: Path) -> None:
    """The CSV has every leaf and method; the figure is of the method that was named."""
    figure = tmp_path / "importance.svg"
    asked = ("--objective", "macs", "--csv", "-", "--plot", figure, "--method", "permutation")
    result = call(a_run, *asked)
    assert result.exit_code == 0, result.output
    table = result.stdout[: result.stdout.index("wrote")]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert tuple(rows[0]) == COLUMNS
    assert {row["method"] for row in rows} == set(METHODS)
    assert figure.read_text().startswith("<?xml")


def test_it_says_what_the_front_prefers(a_run: Path, tmp_path: Path) -> None:
    """As a table, as CSV and as a figure."""
    printed = call(a_run, "--preferences", "--top", 4)
    assert printed.exit_code == 0, printed.output
    assert "in the space" in printed.stdout
    assert "Front of " in printed.stdout
    table, figure = tmp_path / "front.csv", tmp_path / "front.png"
    assert call(a_run, "--preferences", "--csv", table, "--plot", figure).exit_code == 0
    assert table.read_text().splitlines()[0] == ",".join(PREFERENCE_COLUMNS)
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--objective", "mac"), "error: mac: was not measured in this run; did you mean 'macs'?"),
        (("--method", "fanov"), "error: unknown method 'fanov'; did you mean 'fanova'?"),
        (("--preferences", "--objective", "mac"), "error: unknown measure 'mac'"),
        (("--plot", "x.doc", "--preferences"), "error: no figure has the format 'doc'"),
    ],
)
def test_mistakes_end_with_one_line(a_run: Path, asked: tuple[str, ...], message: str) -> None:
    """Exit code 2, what was given and what to do."""
    result = call(a_run, *asked)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_a_leaf_of_many_numbers_is_put_into_groups() -> None:
    """Of 48 widths neighbours go together, sixteen groups in all, and names say which."""
    tree = space_of(space_data({"width": {"int": [1, 48]}, "blocks": []})).tree
    nets: Nets = drawn(tree, 50)
    assert nets.groups(0) == 16
    assert nets.names(0) == [f"{3 * k + 1} to {3 * k + 3}" for k in range(16)]
    members = nets.members(0)
    assert (members.sum(axis=1) == 1).all()
    assert (members.argmax(axis=1) == nets.codes[:, 0] // 3).all()

"""``archsearch table``: from a run folder to a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from archsearch.cli import app
from archsearch.progress import progress
from archsearch.runs import work_on
from archsearch.study import load_study

ABLATION = """
schema: 1
kind: ablation
name: tiny_ablation
base:
  input: {resolution: 8}
  stem: {patch: {size: 2}}
  stages: [{width: 8, blocks: [{conv_encoder: {kernel: 5}}]}]
factors:
  kernel_3: {set: {conv_encoder.kernel: 3}}
design: one_at_a_time
seeds: 2
training: {epochs: 1, batch_size: 20}
data: {name: digits, train: 40, validation: 30}
engine: {name: local}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of two arms with two seeds. Tests only read it."""
    folder = tmp_path_factory.mktemp("ablation")
    (folder / "study.yaml").write_text(ABLATION, encoding="utf-8")
    with progress(Console(quiet=True)) as watch:
        work_on(load_study(folder / "study.yaml"), folder / "run", watch)
    return folder / "run"


def invoke(*arguments: object) -> tuple[int, str]:
    """Exit code and everything printed."""
    result = CliRunner().invoke(app, ["table", *map(str, arguments)])
    return result.exit_code, result.output


def test_prints_the_table(run: Path) -> None:
    """As text, with the arms, what was done to them, and the footnote."""
    code, output = invoke(run)
    assert code == 0
    assert output.startswith("Ablation tiny_ablation\n")
    for part in ("kernel_3", "conv_encoder.kernel = 3 (was 5)", "sign-flip test", "over 2 seeds"):
        assert part in output


@pytest.mark.parametrize("name", ["a.md", "a.tex", "a.html", "a.csv", "a.txt"])
def test_writes_a_file_twice_the_same(run: Path, tmp_path: Path, name: str) -> None:
    """In the format of its ending, equal to the byte."""
    first, second = tmp_path / f"1{name}", tmp_path / f"2{name}"
    for target in (first, second):
        code, output = invoke(run, "-o", target)
        assert (code, output) == (0, f"wrote {target}\n")
    assert first.read_bytes() == second.read_bytes()
    assert b"kernel" in first.read_bytes()


def test_numbers_of_single_trainings(run: Path) -> None:
    """``--format csv --table seeds`` has a row a training."""
    code, output = invoke(run, "--format", "csv", "--table", "seeds")
    lines = output.splitlines()
    assert (code, lines[0], len(lines)) == (0, "seed,arm,accuracy,failed", 1 + 2 * 2)


def test_a_search_has_no_such_table(tiny_run: Path) -> None:
    """It says what the run is and which command shows it."""
    code, output = invoke(tiny_run)
    assert code == 2
    assert "is the run of a search" in output.replace("\n", " ")


def test_no_run_is_said(tmp_path: Path) -> None:
    """A folder without a run is a mistake of the user's."""
    assert invoke(tmp_path / "nothing")[0] == 2


def test_draws_the_differences(run: Path, tmp_path: Path) -> None:
    """The picture beside the table; the table's stdout stays the table's."""
    target = tmp_path / "a.svg"
    result = CliRunner().invoke(app, ["table", str(run), "--plot", str(target)])
    assert result.exit_code == 0
    assert "wrote" not in result.stdout
    assert f"wrote {target}" in result.stderr
    assert "kernel_3" in target.read_text(encoding="utf-8")

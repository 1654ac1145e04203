"""The command line: help, what looks at runs, how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import printed, refused

import archsearch
from archsearch.results import open_run

PROCESS = [sys.executable, "-m", "archsearch"]

HEAVY = ("torch", "numpy", "pandas", "ray", "optuna", "pydantic", "matplotlib", "sqlalchemy")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["space", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """So that it answers at once; a real process, as heavy modules are loaded in this one.

    Some versions of typer import pydantic for the help of a command that has parameters.
    """
    code = (
        "import sys\nfrom archsearch.cli import main\n"
        f"sys.argv = ['archsearch', *{arguments}]\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout
    unavoidable = {"pydantic"} if len(arguments) > 1 else set()
    assert set(HEAVY) & set(done.stderr.split()) <= unavoidable


def test_every_command_has_help() -> None:
    """With one line on each in the list."""
    listed = printed("--help")
    for command in ("run", "status", "pareto", "list", "schema", "space"):
        assert re.search(rf"{command} +\w", listed)
        assert "Usage" in printed(command, "--help")


def test_the_version_is_the_package_s() -> None:
    """And nothing else is printed."""
    assert printed("--version") == archsearch.__version__ + "\n"


def test_status_says_how_far_a_run_is(tiny_run: Path) -> None:
    """A line each; by folder or by database."""
    output = printed("status", tiny_run)
    assert "8 of 8 done: 4 complete, 4 stopped, 0 failed; 0 waiting" in output
    assert re.search(r"best +val_accuracy 0\.\d{3} ± 0\.\d{3} \(trial \d\)", output)
    assert printed("status", tiny_run / "run.sqlite") == output


def test_pareto_prints_the_front(tiny_run: Path) -> None:
    """Numbers to the right, the spread explained below."""
    output = printed("pareto", tiny_run)
    front = open_run(tiny_run).pareto()
    lines = [line for line in output.splitlines() if re.match(r" +\d+ ", line)]
    assert [line.split()[1] for line in lines] == list(front["net"])
    assert "± is the standard deviation" in output


def test_pareto_writes_csv_and_json_to_stdout(tiny_run: Path) -> None:
    """Nothing else is on it, so that it can be piped."""
    front = open_run(tiny_run).pareto()
    rows = list(csv.DictReader(io.StringIO(printed("pareto", tiny_run, "--csv", "-"))))
    records = json.loads(printed("pareto", tiny_run, "--json", "-"))
    assert [row["net"] for row in rows] == [record["net"] for record in records]
    assert [record["macs"] for record in records] == list(front["macs"])


def test_pareto_writes_files(tiny_run: Path, tmp_path: Path) -> None:
    """Each in its format, with the paths on stdout."""
    targets = [tmp_path / name for name in ("a.csv", "a.json", "a.svg", "a.png")]
    output = printed("pareto", tiny_run, "--csv", targets[0], "--json", targets[1], "--plot",
                     targets[2])  # fmt: skip
    assert output == "".join(f"wrote {path}\n" for path in targets[:3])
    printed("pareto", tiny_run, "--x", "params", "--plot", targets[3])
    assert targets[0].read_text().startswith("number,net,val_accuracy,")
    assert len(json.loads(targets[1].read_text())) >= 1
    assert "<svg" in targets[2].read_text()
    assert targets[3].read_bytes().startswith(b"\x89PNG")


def test_pareto_takes_other_measures(tiny_run: Path) -> None:
    """As objectives by name, or as the axes of a figure."""
    results = open_run(tiny_run)
    for arguments, objectives in (
        (["--objectives", "naswot,params"], ["naswot", "params"]),
        (["--x", "params"], ["val_accuracy", "params"]),
        (["--x", "params", "--y", "naswot"], ["naswot", "params"]),
    ):
        records = json.loads(printed("pareto", tiny_run, *arguments, "--json", "-"))
        assert [r["number"] for r in records] == list(results.pareto(objectives)["number"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--x", "parms"], "unknown measure 'parms'; did you mean 'params'"),
        (["--objectives", "latency_ms"], "latency_ms was not measured in this run"),
        (["--plot", "front.xyz"], "no figure has the format 'xyz'"),
        (["--csv", "/nowhere/at/all.csv"], "/nowhere/at/all.csv: No such file"),
    ],
)
def test_pareto_refuses_what_it_cannot_do(
    tiny_run: Path, arguments: list[str], message: str
) -> None:
    """In one line."""
    assert message in refused("pareto", tiny_run, *arguments)


@pytest.mark.parametrize("command", ["status", "pareto"])
def test_looking_at_what_is_no_run_is_refused(command: str, tmp_path: Path) -> None:
    """With what was found instead."""
    assert f"{tmp_path}: is empty; give the folder of a run" in refused(command, tmp_path)


def test_looking_leaves_a_run_as_it_was(untouched: Path) -> None:
    """Byte for byte: the fixture looks after the test."""
    printed("status", untouched)
    printed("pareto", untouched, "--plot", "-")
    printed("list", untouched.parent)


def test_list_shows_every_run(run_copy: Path) -> None:
    """Also one that cannot be read; a folder without runs says so."""
    broken = run_copy.parent / "broken"
    broken.mkdir()
    (broken / "run.sqlite").write_text("?" * 500)
    output = printed("list", run_copy.parent)
    assert re.search(r"broken +unreadable: .*is no run of archsearch", output)
    assert re.search(
        r"tiny +finished +8/8 +val_accuracy 0\.\d+.* \d{4}-\d\d-\d\d \d\d:\d\d", output
    )
    assert printed("list", broken) == f"{broken}: holds no run\n"
    assert "no such folder" in refused("list", broken / "no")


def test_a_real_process_ends_like_the_others(tmp_path: Path) -> None:
    """Exit code 2 and one line on stderr outside of the test runner too."""
    done = subprocess.run(
        [*PROCESS, "status", tmp_path / "no"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: {tmp_path}/no: no such folder; give the folder of a run" + (
        " (archsearch list)\n"
    )

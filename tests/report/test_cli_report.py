"""``archsearch report`` and ``archsearch check``: what they write and print."""

from __future__ import annotations

import shutil
from pathlib import Path

from commands import call
from run_files import contents

STUDY = Path(__file__).parents[1] / "data" / "tiny_study.yaml"


def test_a_report_is_written_into_the_run_s_folder(run_copy: Path) -> None:
    """Beside its database, which stays as it was."""
    before = contents(run_copy)
    result = call("report", run_copy, "--quick")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"wrote {run_copy / 'report.html'}\n"
    after = contents(run_copy)
    assert after.pop("report.html").startswith(b"<!doctype html>")
    assert after == before


def test_a_report_of_several_runs_stands_beside_them(run_copy: Path, tmp_path: Path) -> None:
    """Each run once, however often it is given."""
    other = shutil.copytree(run_copy, tmp_path / "runs" / "other")
    result = call("report", run_copy, other, run_copy, "--quick")
    assert result.exit_code == 0, result.output
    html = (tmp_path / "runs" / "report.html").read_text(encoding="utf-8")
    assert f"tiny ({run_copy}), tiny ({other}): report" in html


def test_a_report_goes_where_it_is_told(run_copy: Path, tmp_path: Path) -> None:
    """And a folder that holds no run is refused before anything is written."""
    target = tmp_path / "mine.html"
    assert call("report", run_copy, "--quick", "-o", target).exit_code == 0
    assert target.exists()
    result = call("report", tmp_path / "none", "-o", tmp_path / "no.html")
    assert result.exit_code == 2
    assert "give the folder of a run" in result.stderr
    assert not (tmp_path / "no.html").exists()


def test_a_run_is_checked(run_copy: Path) -> None:
    """Question, evidence and what is to be done, and how many of each answer."""
    result = call("check", run_copy)
    assert result.exit_code == 0, result.output
    assert "✓ Are the random seeds stated? seed 3; every other seed" in result.stdout
    assert "✗ Is there a random search" not in result.stdout
    assert "      to do: archsearch audit STUDY" in result.stdout
    assert "(after Lindauer and Hutter, JMLR 21(243), 2020)" in result.stdout


def test_a_study_is_checked_before_it_runs() -> None:
    """As far as it decides."""
    result = call("check", STUDY)
    assert result.exit_code == 0, result.output
    assert "✗ Is each net trained with several seeds? one seed a net" in result.stdout
    assert "? Is the code identified? known after the run" in result.stdout


def test_runs_are_checked_as_reported_together(run_copy: Path, tmp_path: Path) -> None:
    """Each under its folder."""
    other = shutil.copytree(run_copy, tmp_path / "runs" / "other")
    result = call("check", run_copy, other)
    assert result.exit_code == 0, result.output
    assert f"{run_copy}\n" in result.stdout
    assert f"{other}\n" in result.stdout
    assert "the runs have the same code" in result.stdout

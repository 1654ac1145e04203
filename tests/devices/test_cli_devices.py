"""``archsearch devices``: the table, fits of one's own, and refusals."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import commands
import pytest
from made_counts import TRUE_NS, count_rows, made_counts, time_rows, true_ms, write_csv

from archsearch.devices import profile

call = partial(commands.call, "devices")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    times = time_rows() + time_rows(board="other", threads=4)
    return (
        write_csv(tmp_path / "counts.csv", count_rows()),
        write_csv(tmp_path / "times.csv", times),
    )


def test_the_table_has_a_line_for_each_fit() -> None:
    """Device, core, clock, threads, counts and errors, as the profile has them."""
    result = call()
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    for name in profile.names():
        assert sum(line[:1] == [name] for line in lines) == len(profile.load(name).fits)
    errors = profile.load("raspberry_pi_4").fit(1).cross_validated
    told = ["raspberry_pi_4", "Cortex-A72", "1.8", "1", "ncnn", "1.0.20261020,", "aarch64-fp32"]
    assert [*told, f"{errors.mape:.1%}", f"{errors.spearman:.3f}", "25"] in lines
    assert "21 % or more" in result.output


def test_a_fit_of_ones_own_is_written_and_true(files: tuple[Path, Path], tmp_path: Path) -> None:
    """A made board without noise: its profile gives back its times, and says that it is exact."""
    out = tmp_path / "made" / "profiles"
    result = call("fit", *files, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["mine.yaml", "other.yaml"]
    mine = profile.read_profile(out / "mine.yaml")
    assert mine.core == "Cortex-X"
    assert mine.source.table == "times.csv"
    fresh = made_counts(20, seed=8)
    assert mine.milliseconds(fresh) == pytest.approx(true_ms(fresh), rel=0.02)
    assert mine.expected_error() < 0.02
    assert set(mine.fits[0].coefficients) >= {f"ns_per_{name}" for name in TRUE_NS}


def test_board_and_threads_choose(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Only what was asked for is printed and written."""
    for option in (["--board", "other"], ["--threads", 4]):
        out = tmp_path / str(option[0])
        result = call("fit", *files, *option, "--out", out)
        assert result.exit_code == 0, result.output
        assert [path.name for path in out.iterdir()] == ["other.yaml"]


def test_a_fit_without_out_writes_nothing(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table alone."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert "mine" in call("fit", *files, "--threads", 1).output
    assert sorted(tmp_path.iterdir()) == before


def test_what_cannot_be_fitted_is_refused_in_one_line(files: tuple[Path, Path]) -> None:
    """Exit code 2 and the reason."""
    for arguments, told in (
        ((files[1], files[1]), "times.csv:1: the column 'runtime' is missing"),
        ((*files, "--board", "othr"), "did you mean 'other'?"),
        ((*files, "--threads", "3"), "no timing with 3 threads; threads in the table: 1, 4"),
    ):
        result = call("fit", *arguments)
        assert result.exit_code == 2
        assert told in result.output
        assert result.stderr.count("\n") == 1

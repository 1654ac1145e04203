"""Reading counts and timings: what is taken, what is joined, and what is told of a bad file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from made_counts import PUBLISHED_NETS, count_rows, time_rows, write_csv

from archsearch.devices.board_table import Timings, join, read_counts, read_timings
from archsearch.errors import InputError

PI_4 = "Raspberry Pi 4 Model B Broadcom BCM2711B0, Cortex-A72 (ARMv8) (1.8GHz x 4)"


def test_counts_and_times_are_joined_by_net(tmp_path: Path) -> None:
    """Every counted and timed net with its family, instruction set and board."""
    counts = read_counts(write_csv(tmp_path / "c.csv", count_rows()))
    (sample,) = join(counts, read_timings(write_csv(tmp_path / "t.csv", time_rows())))
    assert sample.nets == PUBLISHED_NETS
    assert sample.board[:4] == ("mine", "mine", "Cortex-X", 2.0)
    assert (sample.isa, sample.runtime, sample.threads) == ("aarch64-fp32", "made 1.0", 1)
    assert dict(zip(sample.nets, sample.families, strict=True))["mobilenet_v2"] == "mobilenetv2"
    assert list(sample.ms) == pytest.approx([row["min_ms"] for row in time_rows()])


def test_several_rows_are_joined_by_the_least_time(tmp_path: Path) -> None:
    """A board, net and number of threads that stands twice counts once, undisturbed."""
    rows = time_rows()
    slower = [{**row, "min_ms": 2 * float(str(row["min_ms"]))} for row in rows]
    once = read_timings(write_csv(tmp_path / "t.csv", rows))
    assert read_timings(write_csv(tmp_path / "t.csv", slower + rows + slower)) == once


def published(path: Path, **changes: object) -> Timings:
    row = {"device": PI_4, "powersave": 0, "gpu": -1, "threads": 1, "model": "mobilenet"}
    rows = [{**row, "min_ms": 30.0}, {**row, **changes, "min_ms": 10.0}]
    return read_timings(write_csv(path / "t.csv", rows))


@pytest.mark.parametrize(
    "changes",
    [{"gpu": 0}, {"threads": 16}, {"device": "Intel Atom x5-Z8350"}, {"powersave": 1}],
    ids=str,
)
def test_rows_of_the_published_table_that_say_nothing_here_are_left_out(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """GPUs, many threads, devices that are no listed board, other clusters."""
    ((board, threads), times), *others = published(tmp_path, **changes).items()
    assert (board.name, board.core, threads, times) == (
        "raspberry_pi_4", "Cortex-A72", 1, {"mobilenet": 30.0},
    )  # fmt: skip
    assert not others


def test_the_runtime_is_the_one_whose_nets_were_timed(tmp_path: Path) -> None:
    """Counts of another runtime's nets do not get in the way; packed files are read."""
    rows = count_rows()
    foreign = [{**row, "runtime": "MNN", "model": f"{row['model']}@256"} for row in rows]
    packed = tmp_path / "c.csv.gz"
    plain = write_csv(tmp_path / "c.csv", foreign + rows).read_bytes()
    packed.write_bytes(gzip.compress(plain))
    timings = read_timings(write_csv(tmp_path / "t.csv", time_rows()))
    assert [s.runtime for s in join(read_counts(packed), timings)] == ["made 1.0"]


def test_few_nets_and_quantised_nets_make_no_sample(tmp_path: Path) -> None:
    """Eleven nets are too few, and quantised nets do not count."""
    rows = count_rows()
    rows[:2] = [{**row, "model": f"{row['model']}_int8"} for row in rows[:2]]
    counts = read_counts(write_csv(tmp_path / "c.csv", rows))
    assert join(counts, read_timings(write_csv(tmp_path / "t.csv", time_rows()))) == []


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("fma_q", "many", r"c\.csv:4: column 'fma_q': got 'many'; expected a number of at least 0"),
        ("ld_bytes", "-1", r"c\.csv:4: column 'ld_bytes': got '-1'; expected a number"),
        ("br", "nan", r"c\.csv:4: column 'br': got 'nan'"),
        ("isa", "x86 (-cpu max)", r"c\.csv:4: column 'isa': got .*expected one of aarch64-fp32,"),
        ("model", "alexnet", r"c\.csv:4: column 'model': got 'alexnet'; this net was counted"),
    ],
)
def test_a_bad_count_is_told_with_line_and_column(
    tmp_path: Path, column: str, value: str, told: str
) -> None:
    """The file, the line, the column, what stands there and what should."""
    rows = count_rows()
    rows[2][column] = value
    with pytest.raises(InputError, match=told):
        read_counts(write_csv(tmp_path / "c.csv", rows))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("min_ms", "0", r"t\.csv:3: column 'min_ms': got '0'"),
        ("threads", "0", r"t\.csv:3: column 'threads': got '0'; expected a number of at least 1"),
        ("clock_ghz", "fast", r"t\.csv:3: column 'clock_ghz': got 'fast'"),
    ],
)
def test_a_bad_time_is_told_with_line_and_column(
    tmp_path: Path, column: str, value: str, told: str
) -> None:
    """The same for timings."""
    rows = time_rows()
    rows[1][column] = value
    with pytest.raises(InputError, match=told):
        read_timings(write_csv(tmp_path / "t.csv", rows))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r":1: the column 'model' is missing; the file is empty"),
        ("modl,threads,min_ms\n", r":1: the column 'model' is missing; did you mean 'modl'"),
        ("model,threads,min_ms\na,1,2\n", r":1: the column 'board' \(or 'device'\) is missing"),
        ("model,threads,min_ms,board\na,1,2,b\n", r":1: the column 'core' is missing"),
        ("model,threads,min_ms,device\na,1\n", r":2: expected 4 values"),
        ("model,threads,min_ms,device\na,1,2,3,4\n", r":2: expected 4 values"),
        ("model,threads,min_ms,device\na,1,2,toaster\n", r"no row is of a known board"),
    ],
)
def test_a_file_that_is_no_table_of_timings_is_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    """A missing column, a line that is too short or too long, nothing known in it."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_timings(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Absent, no text, not packed."""
    with pytest.raises(InputError, match="no such file"):
        read_timings(tmp_path / "none.csv")
    for name in ("t.csv", "t.csv.gz"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputError, match="cannot be read as CSV"):
            read_timings(tmp_path / name)

"""Counts and published timings, read from CSV files, and joined into samples to fit.

``profiles/boards.csv`` says which rows of the published table are which board (its ``powersave``
chooses the cluster: 2 the fast cores, 1 the slow ones), and which counts describe what it executes:
half precision where the core has it. ``profiles/families.csv`` groups the nets into families.
Quantised nets and vgg16 (138 M params, more memory than some boards have) are in none and left out;
so are laptops.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, NoReturn, get_args

import numpy as np

from archsearch.devices.profile import CLASSES, FloatArray, Isa, Source
from archsearch.errors import InputError, nearest

TIME = "min_ms"
"""The fitted column: the undisturbed run, because counts know nothing of other load."""

PUBLISHED = Source(
    table="ncnn benchmark/README.md",
    commit="Tencent/ncnn@a4d2ea1",
    licence="BSD-3-Clause",
    time=TIME,
)
"""Whence the boards of ``boards.csv`` have their timings."""

_FEWEST_NETS, _FEWEST_FAMILIES = 12, 6
_MOST_THREADS = 8
_ON_CPU = ("", "-1")


class Board(NamedTuple):
    """A board as profiles describe it; ``isas`` are those whose counts it is fitted with."""

    name: str
    title: str
    core: str
    clock_ghz: float | None
    isas: tuple[Isa, ...]
    source: Source


@dataclass(frozen=True)
class Sample:
    """The nets that were both counted and timed on a board.

    Attributes:
        board: where they were timed.
        isa: whose instructions were counted.
        runtime: that was counted.
        threads: that were timed.
        nets: their names.
        families: of each net.
        counts: shape (nets, classes).
        ms: shape (nets,).
    """

    board: Board
    isa: Isa
    runtime: str
    threads: int
    nets: tuple[str, ...]
    families: tuple[str, ...]
    counts: FloatArray
    ms: FloatArray


Counted = Mapping[Isa, Mapping[str, Mapping[str, FloatArray]]]
"""Counts of each net, shape (classes,), by instruction set, runtime and net."""
Timings = Mapping[tuple[Board, int], Mapping[str, float]]
"""Milliseconds by net, for each board and number of threads."""


@dataclass(frozen=True)
class Row:
    """A line of a CSV file whose errors name the line and the column."""

    source: str
    line: int
    values: Mapping[str, str]

    def number(self, column: str, least: float = 0.0) -> float:
        """Read a number of at least ``least``."""
        try:
            value = float(self.values[column])
        except ValueError:
            value = np.nan
        if not (least <= value < np.inf):
            self.fail(column, f"expected a number of at least {least:g}")
        return value

    def fail(self, column: str, expected: str) -> NoReturn:
        """Raise the error for the value in ``column``."""
        at = f"{self.source}:{self.line}: column {column!r}"
        raise InputError(f"{at}: got {self.values[column]!r}; {expected}")


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Read a CSV file, packed by gzip or not, that has at least ``columns``.

    Raises:
        InputError: it cannot be read, a column is missing, or a line is too short or too long.
    """
    try:
        packed = path.read_bytes()
        data = gzip.decompress(packed) if path.suffix == ".gz" else packed
        reader = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
        found = list(reader.fieldnames or ())
        for column in columns:
            if column not in found:
                there = nearest(column, found) if found else "the file is empty"
                raise InputError(f"{path}:1: the column {column!r} is missing; {there}")
        for values in reader:
            if None in values or None in values.values():
                raise InputError(f"{path}:{reader.line_num}: expected {len(found)} values")
            yield Row(str(path), reader.line_num, values)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from None


def read_counts(path: Path) -> Counted:
    """Read executed instructions: ``isa``, ``runtime``, ``model`` and a column for each class.

    Raises:
        InputError: names the line and the column of what does not hold.
    """
    counted: dict[Isa, dict[str, dict[str, FloatArray]]] = defaultdict(lambda: defaultdict(dict))
    for row in read_rows(path, ("isa", "runtime", "model", *CLASSES)):
        nets = counted[_isa(row)][row.values["runtime"]]
        if row.values["model"] in nets:
            row.fail("model", "this net was counted before; keep one line")
        nets[row.values["model"]] = np.array([row.number(name) for name in CLASSES])
    return counted


def read_timings(path: Path) -> Timings:
    """Read the published table, or a table of one's own.

    Columns: ``model``, ``threads``, ``min_ms``; and either ``device`` and ``powersave`` (rows of
    devices that ``boards.csv`` does not list, with more than 8 threads or on a GPU are left out),
    or ``board``, ``core``, ``clock_ghz`` and ``isa``. Several rows of one board, net and number of
    threads are joined by the least time.

    Raises:
        InputError: names the line and the column of what does not hold.
    """
    known = _boards()
    joined: dict[tuple[Board, int], dict[str, float]] = defaultdict(dict)
    for row in read_rows(path, ("model", "threads", TIME)):
        if "board" in row.values:
            board: Board | None = _own_board(row)
        elif "device" in row.values:
            board = known.get((row.values["device"], row.values.get("powersave", "0")))
        else:
            raise InputError(f"{path}:1: the column 'board' (or 'device') is missing")
        if board is None or row.values.get("gpu", "") not in _ON_CPU:
            continue
        threads = int(row.number("threads", least=1))
        if threads <= _MOST_THREADS:
            times, net = joined[board, threads], row.values["model"]
            ms = row.number(TIME, least=1e-6)
            times[net] = min(ms, times.get(net, ms))
    if not joined:
        raise InputError(f"{path}: no row is of a known board; give the columns board, core, "
                         "clock_ghz and isa")  # fmt: skip
    return joined


def join(counted: Counted, timings: Timings) -> list[Sample]:
    """Join counts and timings; what has under 12 nets or under 6 families is left out.

    Of several runtimes counted, that is taken whose nets were timed most often.
    """
    families = _families()
    samples = []
    for (board, threads), times in timings.items():
        for isa in board.isas:
            runtimes = counted.get(isa, {})
            if not runtimes:
                continue
            runtime = max(runtimes, key=lambda name: len(runtimes[name].keys() & times.keys()))
            counts = runtimes[runtime]
            nets = tuple(sorted(counts.keys() & times.keys() & families.keys()))
            of = tuple(families[net] for net in nets)
            if len(nets) >= _FEWEST_NETS and len(set(of)) >= _FEWEST_FAMILIES:
                array = np.stack([counts[net] for net in nets])
                ms = np.array([times[net] for net in nets])
                samples.append(Sample(board, isa, runtime, threads, nets, of, array, ms))
    return samples


def _isa(row: Row) -> Isa:
    name = row.values["isa"].partition("(")[0].strip().replace(" ", "-")
    known: dict[str, Isa] = {isa: isa for isa in get_args(Isa)}
    if name not in known:
        row.fail("isa", f"expected one of {', '.join(known)}")
    return known[name]


def _own_board(row: Row) -> Board:
    for column in ("core", "clock_ghz", "isa"):
        if column not in row.values:
            raise InputError(f"{row.source}:1: the column {column!r} is missing")
    name = row.values["board"]
    source = Source(table=Path(row.source).name, commit="", licence="not stated", time=TIME)
    return Board(name, name, row.values["core"], _clock(row), (_isa(row),), source)


def _clock(row: Row) -> float | None:
    return row.number("clock_ghz", least=1e-3) if row.values["clock_ghz"] else None


def _folder() -> Path:
    return Path(str(files("archsearch.devices"))) / "profiles"


def _boards() -> dict[tuple[str, str], Board]:
    """Boards by what the published table calls them."""
    boards = {}
    for row in read_rows(_folder() / "boards.csv", ("board", "device", "powersave", "counts")):
        isas = tuple(isa for isa in get_args(Isa) if isa in row.values["counts"].split())
        v = row.values
        board = Board(v["board"], v["device"], v["core"], _clock(row), isas, PUBLISHED)
        boards[v["device"], v["powersave"]] = board
    return boards


def _families() -> dict[str, str]:
    rows = read_rows(_folder() / "families.csv", ("net", "family"))
    return {row.values["net"]: row.values["family"] for row in rows}

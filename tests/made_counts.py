"""Counts and timings of boards that do not exist, as samples and as CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from archsearch.devices.board_table import Board, Sample
from archsearch.devices.profile import CLASSES, FloatArray, Source, class_weights

FAMILIES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
SOURCE = Source(table="made", commit="", licence="none", time="min_ms")
TRUE_NS = {"instruction": 0.3, "fma": 0.4, "store_byte": 0.2, "scalar": 0.1}
SHARED = Path(__file__).resolve().parents[2] / "shared"


def made_counts(nets: int, seed: int) -> FloatArray:
    """Counts of some million instructions a net, shape (nets, classes)."""
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(0, 2, (nets, 1))
    return np.round(size * rng.uniform(1e4, 1e6, (nets, len(CLASSES))))


def true_ms(counts: FloatArray, scale: float = 1.0) -> FloatArray:
    """Milliseconds of a board that costs exactly ``TRUE_NS``, times ``scale``."""
    ns: FloatArray = class_weights(list(TRUE_NS)) @ np.array(list(TRUE_NS.values()))
    return counts @ ns * scale / 1e6


def made_sample(
    name: str,
    seed: int = 0,
    nets: int = 15,
    scale: float = 1.0,
    noise: float = 0.0,
    threads: int = 1,
) -> Sample:
    """Nets of six families on one board; ``noise`` is the standard deviation of log time."""
    counts = made_counts(nets, seed)
    wrong = np.exp(noise * np.random.default_rng(seed + 1).standard_normal(nets))
    return Sample(
        board=Board(name, name, "Cortex-X", 2.0, ("aarch64-fp32",), SOURCE),
        isa="aarch64-fp32",
        runtime="made 1.0",
        threads=threads,
        nets=tuple(f"net{i}" for i in range(nets)),
        families=tuple(FAMILIES[i % len(FAMILIES)] for i in range(nets)),
        counts=counts,
        ms=true_ms(counts, scale) * wrong,
    )


PUBLISHED_NETS = (
    "alexnet", "blazeface", "efficientnet_b0", "googlenet", "mnasnet", "mobilenet", "mobilenet_v2",
    "mobilenet_v3", "regnety_400m", "resnet18", "resnet50", "shufflenet", "squeezenet",
)  # fmt: skip


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    """Write rows that have the same keys."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def count_rows(seed: int = 0) -> list[dict[str, object]]:
    """Rows of a COUNTS.csv."""
    about: dict[str, object] = {"isa": "aarch64 fp32 (-cpu cortex-a72)", "runtime": "made 1.0"}
    return [
        {**about, "model": net, **dict(zip(CLASSES, counts, strict=True))}
        for net, counts in zip(PUBLISHED_NETS, made_counts(len(PUBLISHED_NETS), seed), strict=True)
    ]


def time_rows(seed: int = 0, board: str = "mine", threads: int = 1) -> list[dict[str, object]]:
    """Rows of a TIMINGS.csv of one's own that fit ``count_rows``."""
    about = {"board": board, "core": "Cortex-X", "clock_ghz": 2.0, "isa": "aarch64-fp32"}
    ms = true_ms(made_counts(len(PUBLISHED_NETS), seed))
    return [
        {**about, "threads": threads, "model": net, "min_ms": value}
        for net, value in zip(PUBLISHED_NETS, ms, strict=True)
    ]

"""What the shipped profiles are worth: their errors as a table, and board by board as a figure.

    python benchmarks/latency_boards.py --write docs/latency.md
    python benchmarks/latency_boards.py COUNTS.csv TIMINGS.csv --plot docs/latency/boards.png

The table needs nothing but the profiles: Markdown to stdout, or between the marks of a page. The
figure fits anew, because profiles keep errors and not the predictions behind them: each net's time
comes from a fit that saw no net of its family, on any board. It takes about half a minute of a
core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from archsearch.devices.board_table import join, read_counts, read_timings
from archsearch.devices.fitting import groups_of
from archsearch.devices.profile import Errors, Fit, Profile, load, names
from archsearch.figures.latency import predicted_against_measured

BEGIN, END = "<!-- latency_boards: begin -->", "<!-- latency_boards: end -->"
THREADS = (1, 2, 4, 6, 8)
HEADS = ("device", "core", "GHz", "counts of", "nets", "families")

SHOWN = {
    "rk3288": "RK3288",
    "raspberry_pi_3b_plus": "Raspberry Pi 3B+",
    "raspberry_pi_4": "Raspberry Pi 4",
    "raspberry_pi_5": "Raspberry Pi 5",
    "khadas_vim3": "Khadas VIM3",
    "orange_pi_cm4": "Orange Pi CM4",
}
"""Boards of the figure, and how people write them."""


def row(*cells: str) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def kinds(profile: Profile) -> list[list[Fit]]:
    """A profile's fits, those of one instruction set together."""
    return [[fit for fit in profile.fits if fit.counts == isa] for isa in profile.isas]


def board_row(profile: Profile, fits: Sequence[Fit]) -> str:
    """One board and instruction set, its errors by number of threads."""
    errors = {fit.threads: fit.cross_validated for fit in fits}
    said = [cell(errors[n]) if n in errors else "" for n in THREADS]
    clock = f"{profile.clock_ghz:g}" if profile.clock_ghz else ""
    nets = span(error.nets for error in errors.values())
    families = span(error.families for error in errors.values())
    return row(f"`{profile.board}`", profile.core, clock, fits[0].counts, nets, families, *said)


def cell(errors: Errors) -> str:
    """MAPE and Spearman."""
    return f"{100 * errors.mape:.1f} % / {errors.spearman:.3f}"


def span(numbers: Iterable[int]) -> str:
    """One number, or the least and the most."""
    found = sorted(set(numbers))
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"


def boards_table() -> str:
    """Every shipped profile."""
    rows = [board_row(profile, fits) for profile in map(load, names()) for fits in kinds(profile)]
    threads = [f"{n} thread{'s' * (n > 1)}" for n in THREADS]
    rule = row(*("---" if head in HEADS[:2] else "---:" for head in (*HEADS, *threads)))
    return "\n".join([row(*HEADS, *threads), rule, *rows])


def medians_table() -> str:
    """Medians over the boards of an instruction set; ARMv7 boards by their own counts alone."""
    found: dict[tuple[str, int], list[Errors]] = {}
    for profile in map(load, names()):
        for fit in profile.fits:
            if "armv7" not in profile.isas or fit.counts == "armv7":
                found.setdefault((fit.counts, fit.threads), []).append(fit.cross_validated)
    heads = ("counts of", "threads", "boards", "median MAPE", "median Spearman")
    lines = [row(*heads), row("---", *["---:"] * 4)]
    for (isa, threads), errors in sorted(found.items()):
        mape = 100 * float(np.median([error.mape for error in errors]))
        spearman = float(np.median([error.spearman for error in errors]))
        lines.append(row(isa, f"{threads}", f"{len(errors)}", f"{mape:.1f} %", f"{spearman:.3f}"))
    return "\n".join(lines)


def predictions(counts: Path, timings: Path) -> pd.DataFrame:
    """Every net on the boards of the figure with one thread, by fits without its family."""
    rows = []
    for group in groups_of(join(read_counts(counts), read_timings(timings))):
        wanted = [is_shown(s.board.name, s.isa, s.threads) for s in group.samples]
        if not any(wanted):
            continue
        found = zip(group.samples, group.cross_validated(), wanted, strict=True)
        for sample, predicted, want in found:
            if want:
                nets = zip(sample.nets, sample.ms, predicted, strict=True)
                rows += [(sample.board.name, *one) for one in nets]
    frame = pd.DataFrame(rows, columns=["board", "net", "measured_ms", "predicted_ms"])
    order = {board: place for place, board in enumerate(SHOWN)}
    return frame.sort_values("board", key=lambda names: names.map(order), kind="stable")


def is_shown(board: str, isa: str, threads: int) -> bool:
    """One thread, and the instruction set that the board executes."""
    return board in SHOWN and threads == 1 and isa == load(board).isas[-1]


def title(board: str) -> str:
    """Name, core and clock."""
    profile = load(board)
    return f"{SHOWN[board]}, {profile.core} {profile.clock_ghz:g} GHz"


def draw(frame: pd.DataFrame, target: Path) -> None:
    """Write the figure, and print the errors that stand in it."""
    titled = frame.assign(board=frame["board"].map(title))
    predicted_against_measured(titled, measured="published").savefig(target)
    for board, rows in frame.groupby("board", sort=False):
        wrong = (rows["predicted_ms"] / rows["measured_ms"] - 1).abs()
        profile = load(str(board))
        kept = profile.fit(1, profile.isas[-1]).cross_validated
        print(f"{board}: MAPE {wrong.mean():.2%}; its profile says {kept.mape:.2%}")


def write(page: Path, text: str) -> None:
    """Put ``text`` between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Print the tables, write them into a page, or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="?", type=Path, metavar="COUNTS.csv")
    parser.add_argument("timings", nargs="?", type=Path, metavar="TIMINGS.csv")
    parser.add_argument("--plot", type=Path, metavar="FIGURE")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args()
    if asked.plot:
        if asked.timings is None:
            parser.error("--plot needs COUNTS.csv and TIMINGS.csv")
        draw(predictions(asked.counts, asked.timings), asked.plot)
        return
    text = f"{medians_table()}\n\n{boards_table()}"
    if asked.write:
        write(asked.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()

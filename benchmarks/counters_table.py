"""What the counters that people know say of the published nets, and why it is not the exact number.

    python benchmarks/counters_table.py --nets parcnet_s cmt_ti
    python benchmarks/counters_table.py --write docs/costs.md

Counts each net at its published resolution with 1000 classes by the closed forms, by fvcore, by
both backends of ptflops and by PyTorch, and writes Markdown: to stdout, or between the marks of a
page. All of them take about 75 seconds of one core and 3 GB of memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.cost.counters import COUNTERS
from archsearch.second_opinions import Opinion, second_opinions

BEGIN, END = "<!-- counters_table: begin -->", "<!-- counters_table: end -->"


def table(heads: Sequence[str], rows: Iterable[str]) -> str:
    """Markdown of rows that are written already; text stands left and numbers right."""
    rule = ("---" if head in ("net", "made of") else "---:" for head in heads)
    return "\n".join([row(*heads), row(*rule), *rows])


def row(*cells: str) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def counts_row(name: str, opinions: Iterable[Opinion]) -> str:
    """The exact costs of a net, and each counter's MACs with the difference in percent."""
    architecture = published.load(name)
    exact = count(architecture)
    said = [f"{o.macs:,} ({100 * o.macs_difference / exact.macs:+.2f} %)" for o in opinions]
    return row(name, size(architecture), f"{exact.params:,}", f"{exact.macs:,}", *said)


def size(architecture: Architecture) -> str:
    """The resolution as one side, or as height x width."""
    height, width = architecture.size
    return str(height) if height == width else f"{height} x {width}"


def reasons_row(name: str, opinion: Opinion) -> str:
    """The difference between a counter and the exact MACs, and what it is made of."""
    lines = [f"{line.macs:+,}: {line.occurrences} x {line.name}" for line in opinion.lines]
    return row(name, f"{opinion.macs_difference:+,}", "<br>".join(lines))


def reasons(counter: str, opinions: dict[str, Opinion]) -> str:
    """The section about one counter."""
    differ = {name: opinion for name, opinion in opinions.items() if opinion.lines}
    rows = [reasons_row(name, opinion) for name, opinion in differ.items()]
    parts = [f"### {counter}"]
    if rows:
        parts.append(table(["net", "to exact", "made of"], rows))
    if same := [name for name in opinions if name not in differ]:
        parts.append(f"No difference: {', '.join(same)}.")
    whys = {line.name: line.why for o in opinions.values() for line in o.lines if line.why}
    if whys:
        parts.append("\n".join(f"- {name}: {why}." for name, why in sorted(whys.items())))
    return "\n\n".join(parts)


def document(names: Sequence[str]) -> str:
    """All tables about these nets."""
    said = {name: second_opinions(published.load(name)) for name in names}
    counts = table(
        ["net", "size", "params", "exact MACs", *COUNTERS],
        [counts_row(name, opinions) for name, opinions in said.items()],
    )
    sections = [
        reasons(counter, {name: opinions[number] for name, opinions in said.items()})
        for number, counter in enumerate(COUNTERS)
    ]
    return "\n\n".join([counts, *sections])


def write(page: Path, text: str) -> None:
    """Put ``text`` between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="+", default=published.names())
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args()
    text = document(asked.nets)
    if asked.write:
        write(asked.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()

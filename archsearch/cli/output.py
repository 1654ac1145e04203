"""Tables and files as the commands print them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pandas import DataFrame

    from archsearch.results import RunResults

_LEFT = (
    "net", "blocks", "leaf", "values", "run", "state", "best", "limit", "", "stage", "layer",
    "variant", "recipe", "dataset", "source", "latency_device", "paper", "study", "setting",
    "finding", "status", "device", "core", "counts of", "ordered by", "kind", "strategy",
)  # fmt: skip


def print_table(frame: DataFrame, footnote: str | None = None) -> None:
    """Print a table of text: numbers to the right, as wide as it is where there is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in frame.columns:
        left = name in _LEFT
        table.add_column(name, justify="left" if left else "right", no_wrap=name != "blocks")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(str(value)) for value in row))
    console = Console()
    if not console.is_terminal:
        wide = console.options.update(max_width=10_000)
        console = Console(width=max(80, console.measure(table, options=wide).maximum))
    console.print(table)
    if footnote is not None and len(frame):
        console.print(Text(footnote, style="dim"), soft_wrap=True)


def print_rows(rows: dict[str, str]) -> None:
    """Print labels with their texts, aligned."""
    width = max(map(len, rows))
    for label, text in rows.items():
        typer.echo(f"{label:{width}}  {text}")


def print_trust(results: RunResults) -> None:
    """Print what stands behind a run's accuracies, a line each."""
    for label, text in results.trust().items():
        typer.echo(f"{label}: {text}")


def write(target: Path, content: str | bytes) -> None:
    """Write a file and say so, or write to stdout where ``target`` is "-"."""
    data = content.encode() if isinstance(content, str) else content
    if str(target) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    target.write_bytes(data)
    typer.echo(f"wrote {target}")

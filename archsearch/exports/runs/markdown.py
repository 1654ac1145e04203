"""Markdown: a table with pipes, as GitHub and notebooks show it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from archsearch.exports.runs.format import TableFormat
from archsearch.exports.runs.frames import Table, Titled, as_text
from archsearch.results import RunResults

_LEFT = frozenset(("net", "state", "origin", "blocks"))


def markdown(table: Titled) -> str:
    """Write a table and its footnote."""
    footnote = ["", escaped(table.footnote)] if table.footnote else []
    return "\n".join([*piped(table.frame, _LEFT), *footnote, ""])


def piped(frame: pd.DataFrame, left: Collection[str]) -> list[str]:
    """Write a data frame of texts as lines, columns ``left`` to the left."""
    columns = list(frame.columns)
    sides = [":---" if name in left else "---:" for name in columns]
    rows = [_row(list(row)) for row in frame.itertuples(index=False)]
    return [_row(columns), f"| {' | '.join(sides)} |", *rows]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(text: str) -> str:
    """Text whose every character stands for itself in a cell."""
    return "".join(f"\\{letter}" if letter in "\\|*_`<[" else letter for letter in text)


def _content(results: RunResults, table: Table) -> bytes:
    return markdown(as_text(results, table)).encode()


MARKDOWN = TableFormat("md", _content, "table for a page")

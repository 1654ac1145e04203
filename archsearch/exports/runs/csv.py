"""CSV: numbers in full, nothing where nothing is known."""

from __future__ import annotations

from archsearch.exports.runs.format import TableFormat
from archsearch.exports.runs.frames import Table, raw
from archsearch.results import RunResults


def _content(results: RunResults, table: Table) -> bytes:
    return raw(results, table).to_csv(index=False, lineterminator="\n").encode()


CSV = TableFormat("csv", _content, "table, numbers in full")

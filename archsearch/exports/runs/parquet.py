"""Parquet: numbers in full, with their types."""

from __future__ import annotations

import importlib.util
import io

import pandas as pd

from archsearch.errors import InputError
from archsearch.exports.runs.format import TableFormat
from archsearch.exports.runs.frames import Table, raw
from archsearch.results import RunResults


def _content(results: RunResults, table: Table) -> bytes:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            "pyarrow is not installed, Parquet cannot be written; run 'pip install "
            "archsearch[export]', or take --to csv"
        )
    frame = raw(results, table)
    frame.attrs = {}  # a footnote belongs under a table for people
    buffer = io.BytesIO()
    frame.apply(_of_one_type).to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def _of_one_type(column: pd.Series) -> pd.Series:
    """A column as Parquet can hold it: labels of several types (7, "global") as text."""
    if column.dtype != object:
        return column
    return column.map(str, na_action="ignore").astype("string")


PARQUET = TableFormat("parquet", _content, "table, numbers in full with their types")

"""Formats of an ablation's table: one function each, and one line here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from archsearch.ablation.table import Table
from archsearch.errors import InputError, nearest
from archsearch.exports.runs import latex as tex
from archsearch.exports.runs import markdown as md

_LEFT = frozenset({"arm", "against", "paper", "term", "aliases", ""})
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1240px; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark; color: CanvasText; background: Canvas; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px;
  font-variant-numeric: tabular-nums; }
thead th { border-top: 2px solid; border-bottom: 1px solid; }
tbody tr:last-child td { border-bottom: 2px solid; }
th, td { padding: .3rem .5rem; text-align: right; white-space: nowrap; vertical-align: top; }
th.left, td.left { text-align: left; }
dt { font-weight: 600; } dd { margin: 0 0 .3rem 1.5rem; }
ul { padding-left: 1.2rem; font-size: 13px; }
"""


class Format(NamedTuple):
    """A format of the whole table.

    Attributes:
        ending: of its file.
        content: the table in this format.
    """

    ending: str
    content: Callable[[Table], str]


def markdown(table: Table) -> str:
    """Pipes, as forges show them; the legend and the notes as lists."""
    lines = [f"**{md.escaped(table.title)}**", "", *md.piped(table.arms, _LEFT), ""]
    if table.effects is not None:
        lines += [*md.piped(table.effects, _LEFT), ""]
    lines += [f"- {md.escaped(name)}: {md.escaped(told)}" for name, told in table.legend.items()]
    return "\n".join([*lines, "", *(f"- {md.escaped(note)}" for note in table.notes), ""])


def latex(table: Table) -> str:
    """One float as wide as the page, with the rules of booktabs."""
    label = re.sub("[^A-Za-z0-9-]", "-", table.name)
    said = [*(f"{name}: {told}." for name, told in table.legend.items()), *table.notes]
    below = [] if table.effects is None else [r"  \par\medskip", *tex.tabular(table.effects, _LEFT)]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table*}",
            r"  \centering\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"  \caption{{{tex.escaped(table.title)}}}",
            rf"  \label{{tab:{label}}}",
            *tex.tabular(table.arms, _LEFT),
            *below,
            r"  \par\smallskip\raggedright\scriptsize",
            *(f"  {tex.escaped(one)}" for one in said),
            r"\end{table*}",
            "",
        ]
    )


def html(table: Table) -> str:
    """A page that needs nothing else."""
    title = escape(table.title)
    tables = [table.arms, *([] if table.effects is None else [table.effects])]
    legend = [
        f"<dt>{escape(name)}</dt><dd>{escape(told)}</dd>" for name, told in table.legend.items()
    ]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            *(line for frame in tables for line in _html_table(frame)),
            *(["<dl>", *legend, "</dl>"] if legend else []),
            "<ul>",
            *(f"<li>{escape(note)}</li>" for note in table.notes),
            "</ul>",
            "</body></html>",
            "",
        ]
    )


def _html_table(frame: pd.DataFrame) -> list[str]:
    sides = [' class="left"' if name in _LEFT else "" for name in frame.columns]
    head = [f"<th{side}>{escape(str(name))}</th>" for name, side in zip(frame, sides, strict=True)]
    rows = [
        [f"<td{side}>{escape(cell)}</td>" for cell, side in zip(row, sides, strict=True)]
        for row in frame.itertuples(index=False)
    ]
    return [
        '<div class="wide"><table>',
        f"<thead><tr>{''.join(head)}</tr></thead>",
        "<tbody>",
        *(f"<tr>{''.join(row)}</tr>" for row in rows),
        "</tbody></table></div>",
    ]


def text(table: Table) -> str:
    """Columns of the same width on every terminal."""
    lines = [table.title, "", *_columns(table.arms), ""]
    if table.effects is not None:
        lines += [*_columns(table.effects), ""]
    lines += [f"{name}: {told}" for name, told in table.legend.items()]
    return "\n".join([*lines, "", *table.notes, ""])


def _columns(frame: pd.DataFrame) -> list[str]:
    shown = [list(map(str, frame.columns)), *(list(row) for row in frame.itertuples(index=False))]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    left = [name in _LEFT for name in frame.columns]
    lines = [
        "  ".join(
            cell.ljust(width) if side else cell.rjust(width)
            for cell, width, side in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in shown
    ]
    return [lines[0], "-" * sum(widths, 2 * (len(widths) - 1)), *lines[1:]]


def csv(frame: pd.DataFrame) -> str:
    """Numbers in full, nothing where nothing is known."""
    return frame.to_csv(index=False, lineterminator="\n")


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format("txt", text),
        "markdown": Format("md", markdown),
        "latex": Format("tex", latex),
        "html": Format("html", html),
    }
)
"""Formats of the whole; ``csv`` writes one of its data frames."""

CSV = "csv"


def rendered(table: Table, to: str | None, target: Path, part: str | None) -> str:
    """A table in the format ``to``; without one, in that of the file's ending, else as text.

    Args:
        table: what to write.
        to: name of a format.
        target: the file that it is for.
        part: which of the table's ``numbers``, of csv alone.

    Raises:
        InputError: there is no such format or part, or a format that has no parts was given one.
    """
    endings = {f".{format_.ending}": name for name, format_ in FORMATS.items()} | {".csv": CSV}
    name = to or endings.get(target.suffix, "text")
    if name == CSV:
        return csv(_part(table, part or "arms"))
    if name not in FORMATS:
        raise InputError(
            f"--format {name}: there is no such format; {nearest(name, [*FORMATS, CSV])}"
        )
    if part is not None:
        raise InputError(f"--table {part}: {name} shows the whole; add --format csv, or drop it")
    return FORMATS[name].content(table)


def _part(table: Table, part: str) -> pd.DataFrame:
    if part in table.numbers:
        return table.numbers[part]
    factorial = " (effects are of factorial designs)" if part == "effects" else ""
    raise InputError(
        f"--table {part}: this table has no such numbers{factorial}; {nearest(part, table.numbers)}"
    )

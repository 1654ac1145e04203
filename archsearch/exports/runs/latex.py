"""LaTeX: a table with the rules of booktabs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from archsearch.exports.runs.format import TableFormat
from archsearch.exports.runs.frames import Table, Titled, as_text
from archsearch.results import RunResults

_LEFT = frozenset(("net", "state", "origin"))
_WIDER_THAN_A_PAGE = ["blocks"]
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "≈": r"$\approx$",
    "▲": r"$\uparrow$",
    "▼": r"$\downarrow$",
    "◆": r"$\ast$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_ANY = re.compile("|".join(map(re.escape, _SPECIAL)))
_WITH_UNIT = re.compile(r"(.+) (\([^()]+\))")


def escaped(text: str) -> str:
    """Text as LaTeX shows it letter by letter."""
    return _ANY.sub(lambda found: _SPECIAL[found[0]], text)


def latex(table: Titled) -> str:
    """Write a floating table, with the package that it needs in a comment.

    What a net's blocks are is left out: it is wider than a page.
    """
    frame = table.frame.drop(columns=_WIDER_THAN_A_PAGE, errors="ignore")
    notes = [r"  \par\smallskip\footnotesize " + escaped(table.footnote)] if table.footnote else []
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(table.title)}.}}",
            rf"  \label{{tab:{re.sub('[^A-Za-z0-9-]', '-', table.label)}}}",
            *tabular(frame, _LEFT),
            *notes,
            r"\end{table}",
            "",
        ]
    )


def tabular(frame: pd.DataFrame, left: Collection[str]) -> list[str]:
    """Write a data frame of texts between the rules of booktabs, columns ``left`` to the left.

    Units stand below what they are of, so that a column is no wider than its numbers need.
    """
    sides = "".join("l" if name in left else "r" for name in frame.columns)
    return [
        rf"  \begin{{tabular}}{{{sides}}}",
        r"    \toprule",
        *map(_row, _head(frame.columns)),
        r"    \midrule",
        *(_row(list(row)) for row in frame.itertuples(index=False)),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]


def _head(columns: Iterable[str]) -> list[list[str]]:
    """Rows of the names: ``accuracy (%)`` is a name above its unit, if any has one."""
    found = [(name, _WITH_UNIT.fullmatch(name)) for name in columns]
    names = [name if unit is None else unit[1] for name, unit in found]
    units = ["" if unit is None else unit[2] for _, unit in found]
    return [names, units] if any(units) else [names]


def _row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(map(escaped, cells)) + r" \\"


def _content(results: RunResults, table: Table) -> bytes:
    return latex(as_text(results, table)).encode()


LATEX = TableFormat("tex", _content, "table for a paper, with booktabs")

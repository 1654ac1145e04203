"""Every format of an ablation's table is well-formed and says the same."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from latex_compiler import too_wide_pt
from made_ablations import eight_seeds, made
from markdown_it import MarkdownIt

from archsearch.ablation.formats import FORMATS, rendered
from archsearch.ablation.table import Table, table_of
from archsearch.errors import InputError
from archsearch.exports.runs.markdown import escaped

NASTY = "50 % of A_B & C | <b> #1 ^ ~ \\ {x} $y$ `z` *w*"


@pytest.fixture(scope="module")
def tables() -> Mapping[str, Table]:
    """One factor at a time, a factorial, and one whose every text needs to be escaped."""
    seeds = np.linspace(0.4, 0.5, 6)
    arms = {"kernel_3": seeds - 0.02, "one_head": seeds + 0.01, "kernel_3+one_head": seeds**2}
    factorial = table_of(made({"base": seeds, **arms}, design="full_factorial"))
    plain = table_of(eight_seeds())
    cells = plain.arms.assign(arm=[NASTY] * 3)
    nasty = replace(plain, question=NASTY, arms=cells, legend={NASTY: NASTY}, notes=(NASTY,))
    return {"plain": plain, "factorial": factorial, "nasty": nasty}


@pytest.mark.parametrize("name", ["plain", "factorial", "nasty"])
def test_latex_compiles(tables: Mapping[str, Table], name: str, tmp_path: Path) -> None:
    """By pdflatex with booktabs, in two columns; ordinary names fit across the page."""
    wide = too_wide_pt(rendered(tables[name], "latex", Path("-"), None), tmp_path)
    assert wide == 0 or name == "nasty"


@pytest.mark.parametrize("name", ["plain", "factorial", "nasty"])
def test_latex_is_closed_escaped_and_ruled(tables: Mapping[str, Table], name: str) -> None:
    """Environments and braces close, rows have as many cells as columns, rules are booktabs'."""
    table = tables[name]
    text = rendered(table, "latex", Path("-"), None)
    assert text.startswith("% \\usepackage{booktabs}\n")
    for environment in ("table*", "tabular"):
        assert text.count(f"\\begin{{{environment}}}") == text.count(f"\\end{{{environment}}}") > 0
    bare = re.sub(r"\\[{}\\]", "", text)
    assert bare.count("{") == bare.count("}")
    bodies = re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, re.DOTALL)
    frames = [table.arms, *([] if table.effects is None else [table.effects])]
    assert len(bodies) == len(frames)
    for (sides, body), frame in zip(bodies, frames, strict=True):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) == len(frame) + (2 if any("(" in name for name in frame) else 1)
        assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {len(sides) - 1}
        assert [body.count(f"\\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    after_first_line = text.partition("\n")[2]
    assert not re.search(r"(?<!\\)[%#&](?! )", after_first_line)
    assert not set(text) & set("±−≈▲▼◆×")


@pytest.mark.parametrize("name", ["plain", "factorial", "nasty"])
def test_markdown_rows_have_one_cell_a_column(tables: Mapping[str, Table], name: str) -> None:
    """Pipes inside cells are escaped, tables stand between empty lines."""
    table = tables[name]
    text = rendered(table, "markdown", Path("-"), None)
    assert NASTY not in text
    assert text.count(escaped(NASTY)) == (3 + 4 if name == "nasty" else 0)
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    frames = [table.arms, *([] if table.effects is None else [table.effects])]
    for block, frame in zip(blocks, frames, strict=True):
        lines = block.splitlines()
        assert len(lines) == len(frame) + 2
        bars = {len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) for line in lines}
        assert bars == {len(frame.columns) + 1}
        assert re.fullmatch(r"\|( :?-{3}:? \|)+", lines[1])


class Cells(HTMLParser):
    """The rows of cells on a page, and the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


@pytest.mark.parametrize("name", ["plain", "factorial", "nasty"])
def test_markdown_is_read_as_it_was_meant(tables: Mapping[str, Table], name: str) -> None:
    """By a reader of CommonMark with the tables of forges: every cell letter by letter."""
    table = tables[name]
    reader = MarkdownIt("commonmark").enable("table")
    page = Cells()
    page.feed(reader.render(rendered(table, "markdown", Path("-"), None)))
    frames = [table.arms, *([] if table.effects is None else [table.effects])]
    shown = [row for frame in frames for row in (list(frame), *frame.itertuples(index=False))]
    assert page.rows == [list(row) for row in shown]


@pytest.mark.parametrize("name", ["plain", "factorial", "nasty"])
def test_html_gives_every_cell_back(tables: Mapping[str, Table], name: str) -> None:
    """A parser reads what the table holds, tags close in order, nothing comes from a network."""
    table = tables[name]
    text = rendered(table, "html", Path("-"), None)
    page = Cells()
    page.feed(text)
    assert not page.open
    frames = [table.arms, *([] if table.effects is None else [table.effects])]
    wanted = [[*map(list, [frame.columns, *frame.to_numpy()])] for frame in frames]
    assert page.rows == [row for rows in wanted for row in rows]
    assert "http" not in text
    assert "<script" not in text


def test_text_lines_up(tables: Mapping[str, Table]) -> None:
    """Numbers end where their column's title ends."""
    lines = rendered(tables["plain"], "text", Path("-"), None).splitlines()
    head, base = lines[2], lines[4]
    end = head.index("accuracy (%)") + len("accuracy (%)")
    assert base[:end].endswith("50.75 ± 1.28")


def test_csv_gives_every_number_back(tables: Mapping[str, Table]) -> None:
    """Each of the data frames, to the last digit."""
    table = tables["factorial"]
    for part, frame in table.numbers.items():
        rows = list(csv.DictReader(io.StringIO(rendered(table, "csv", Path("-"), part))))
        assert len(rows) == len(frame)
        column = {"arms": "mean", "seeds": "accuracy", "effects": "share"}[part]
        assert [float(row[column]) for row in rows] == list(frame[column])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same(tables: Mapping[str, Table], name: str) -> None:
    """Title, each arm, its difference and each note."""
    text = rendered(tables["plain"], name, Path("-"), None)
    plain = re.sub(r"\\([_%&#<|*])", r"\1", text).replace("$-$", "−")
    for part in ("made_by_hand", "kernel_3", "50.75", "−2.00", "2.17 to ", "sdta.heads = 1"):
        assert part in plain
    assert "Corrected over 2 arms by Holm" in plain


@pytest.mark.parametrize(
    ("target", "begins"), [("a.md", "**"), ("a.tex", "%"), ("a.html", "<!"), ("a.csv", "arm,")]
)
def test_a_files_ending_says_its_format(
    tables: Mapping[str, Table], target: str, begins: str
) -> None:
    """Without a format; stdout gets text."""
    assert rendered(tables["plain"], None, Path(target), None).startswith(begins)
    assert rendered(tables["plain"], None, Path("-"), None).startswith("Ablation made_by_hand")


def test_what_there_is_not_is_said(tables: Mapping[str, Table]) -> None:
    """Unknown formats and parts with the nearest name; effects of a design without any."""
    with pytest.raises(InputError, match=r"--format markdwn: there is no such format.*markdown"):
        rendered(tables["plain"], "markdwn", Path("-"), None)
    with pytest.raises(InputError, match=r"--table effects: .*effects are of factorial designs"):
        rendered(tables["plain"], "csv", Path("-"), "effects")
    with pytest.raises(InputError, match="--table seeds: latex shows the whole; add --format csv"):
        rendered(tables["plain"], "latex", Path("-"), "seeds")

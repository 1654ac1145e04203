"""A run as a table: what is written is read back as what the run holds."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from latex_compiler import too_wide_pt

from archsearch.errors import InputError
from archsearch.exports.runs import TABLE_FORMATS
from archsearch.exports.runs.frames import TABLES, Titled, as_text, ensure_table, raw
from archsearch.exports.runs.latex import escaped, latex, tabular
from archsearch.exports.runs.markdown import markdown
from archsearch.results import RunResults, open_run

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=20)


@pytest.fixture(scope="module")
def results(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def test_csv_gives_every_number_back(results: RunResults) -> None:
    """Front and trials, to the last digit."""
    front = pd.read_csv(io.BytesIO(TABLE_FORMATS["csv"].content(results, "front")))
    for name in ("number", "val_accuracy", "macs", "params"):
        assert list(front[name]) == list(results.pareto()[name])
    trials = pd.read_csv(io.BytesIO(TABLE_FORMATS["csv"].content(results, "trials")))
    for name in ("number", "params", "naswot", "val_accuracy", "seconds"):
        assert trials[name].astype(float).equals(results.trials[name].astype(float))


def test_the_trials_have_a_column_for_every_leaf(results: RunResults) -> None:
    """The label that was chosen where the leaf is active, and nothing elsewhere."""
    frame = raw(results, "trials")
    for trial in results.records:
        row = frame.iloc[trial.number]
        for path, _ in results.study.space.leaves():
            if path in trial.choices:
                assert row[path] == trial.choices[path]
            else:
                assert path not in frame or pd.isna(row[path])


@pytest.mark.parametrize("table", TABLES)
def test_parquet_keeps_types(results: RunResults, table: str) -> None:
    """Counts stay integers, and what is missing is missing."""
    pytest.importorskip("pyarrow", reason="pyarrow (of the extra 'export') is absent")
    content = TABLE_FORMATS["parquet"].content(results, ensure_table(table))
    found = pd.read_parquet(io.BytesIO(content))
    wanted = raw(results, ensure_table(table))
    assert list(found.columns) == list(wanted.columns)
    assert pd.api.types.is_integer_dtype(found["params"].convert_dtypes().dtype)
    for name in found.columns:
        assert found[name].isna().equals(wanted[name].isna())
        both = zip(found[name].dropna(), wanted[name].dropna(), strict=True)
        assert all(str(a) == str(b) for a, b in both)


def test_labels_of_several_types_go_into_parquet(results: RunResults) -> None:
    """A leaf with 7 and "global" is a column of texts there."""
    pytest.importorskip("pyarrow", reason="pyarrow (of the extra 'export') is absent")
    mixed = pd.DataFrame({"kernel": [7, "global", None]}, dtype=object)
    changed = open_run(results.folder)
    changed.__dict__["trials"] = pd.concat([results.trials.head(3), mixed], axis=1)
    content = TABLE_FORMATS["parquet"].content(changed, "trials")
    found = pd.read_parquet(io.BytesIO(content))["kernel"]
    assert list(found.dropna()) == ["7", "global"]


def test_latex_compiles(results: RunResults, tmp_path: Path) -> None:
    """By pdflatex, with booktabs and nothing else."""
    for content in ("front", "trials"):
        too_wide_pt(TABLE_FORMATS["latex"].content(results, content).decode(), tmp_path)


def test_latex_is_a_table_of_booktabs(results: RunResults) -> None:
    """One row a net, as many cells as columns, every rule once, all environments closed."""
    text = TABLE_FORMATS["latex"].content(results, "front").decode()
    assert text.startswith("% \\usepackage{booktabs}\n")
    body = re.search(r"\\begin\{tabular\}\{([lr]+)\}(.*)\\end\{tabular\}", text, re.DOTALL)
    assert body is not None
    rows = [row for row in body[2].splitlines() if row.endswith(r"\\")]
    assert len(rows) == 1 + len(results.pareto())
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(body[1]) - 1}
    assert [text.count(f"\\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    for kind in ("begin", "end"):
        assert [text.count(rf"\{kind}{{{name}}}") for name in ("table", "tabular")] == [1, 1]
    assert "val\\_accuracy" in text
    assert "blocks" not in text


_SAID = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"$\pm$": "±",
    r"$\times$": "×",
    "$-$": "−",
    r"$\approx$": "≈",
    r"$\uparrow$": "▲",
    r"$\downarrow$": "▼",
    r"$\ast$": "◆",
    **{f"\\{letter}": letter for letter in "&%$#_{}"},
}


@given(TEXT)
def test_latex_shows_any_text_letter_by_letter(text: str) -> None:
    """Reading what LaTeX makes of it gives the text back; no special character is left bare."""
    pattern = "|".join(map(re.escape, sorted(_SAID, key=len, reverse=True)))
    said = escaped(text)
    assert re.sub(pattern, lambda found: _SAID[found[0]], said) == text
    assert not set("&%$#_{}\\~^") & set(re.sub(pattern, "", said))


def test_units_stand_below_what_they_are_of() -> None:
    """So that a long unit makes no column wider; without any unit there is one row of names."""
    with_units = pd.DataFrame([["a", "1", "2"]], columns=["net", "latency (ms)", "f(x)"])
    assert tabular(with_units, {"net"})[2:4] == [
        r"    net & latency & f(x) \\",
        r"     & (ms) &  \\",
    ]
    assert tabular(with_units[["net", "f(x)"]], {"net"})[2:4] == [
        r"    net & f(x) \\",
        r"    \midrule",
    ]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_markdown_cells_are_read_back(cells: list[tuple[str, str]]) -> None:
    """A cell with pipes and stars is the same text to a reader of Markdown."""
    frame = pd.DataFrame(cells, columns=["net", "macs"])
    lines = markdown(Titled(frame, "t", "", "l")).splitlines()
    assert lines[:2] == ["| net | macs |", "| :--- | ---: |"]
    for line, cell in zip(lines[2:], cells, strict=True):
        found = re.split(r" \| |^\| | \|$", line)[1:3]
        assert [re.sub(r"\\(.)", r"\1", text) for text in found] == list(cell)


def test_a_footnote_stands_below(results: RunResults) -> None:
    """What ± is, in both formats for people."""
    told = as_text(results, "front")
    assert "standard" in told.footnote
    assert escaped(told.footnote) in latex(told)
    assert markdown(told).splitlines()[-2] == ""


def test_the_trials_as_text_say_what_became_of_them(results: RunResults) -> None:
    """Every trial, with state and origin."""
    told = as_text(results, "trials")
    assert list(told.frame["number"]) == [str(trial.number) for trial in results.records]
    assert list(told.frame["state"]) == [trial.state for trial in results.records]


def test_an_unknown_table_is_refused() -> None:
    """With the nearest name."""
    with pytest.raises(InputError, match=r"--table trail: .* did you mean 'trials'"):
        ensure_table("trail")


def test_parquet_says_what_is_missing(results: RunResults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow is not installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install archsearch\[export\].*--to csv"):
        TABLE_FORMATS["parquet"].content(results, "front")

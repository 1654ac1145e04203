"""The report of an ablation as a file: it says what the table says, whole, safe, twice the same."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from pathlib import Path

import pytest
from ablation_runs import ERROR, FACTORIAL, made_ablation
from reported_runs import data_of, made_run, section

from archsearch.ablation.reader import ablation_of
from archsearch.ablation.table import Table, table_of
from archsearch.errors import InputError
from archsearch.report import page
from archsearch.results import RunResults

HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)>'


def table_in(html: str, name: str) -> list[list[str]]:
    """The cells of the first table of a section, its heading first."""
    part = html.partition(f'<section id="{name}">')[2].partition("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", part, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub("<[^>]+>", "", cell)) for cell in row] for row in cells]


def table_said(run: RunResults) -> Table:
    return table_of(ablation_of(run))


def test_a_report_has_every_section(folder: Path) -> None:
    """Each has a link, and the title is the question."""
    html = page([made_ablation(folder / "a", **FACTORIAL)])
    names = "differences-section effects worth-section table progress power question losses"
    for name in [*names.split(), "numbers", "cost", "environment", "study"]:
        assert section(html, name), name
        assert f'href="#{name}"' in html, name
    assert "<h1>What earns its keep?</h1>" in html
    assert "kind: ablation" in section(html, "study")


@pytest.mark.parametrize(
    "changes", [{}, FACTORIAL, {"seeds": "1"}], ids=["arms", "factorial", "one"]
)
def test_the_page_has_the_table_s_cells(folder: Path, changes: dict[str, str]) -> None:
    """All of them, and all its notes; effects too."""
    run = made_ablation(folder / "a", fail={"convolution": 1}, **changes)
    html, table = page([run]), table_said(run)
    assert table_in(html, "table") == [list(table.arms), *table.arms.to_numpy().tolist()]
    notes = re.findall(r"<li>(.*?)</li>", html.partition('<ul class="notes">')[2], re.DOTALL)
    assert tuple(unescape(note) for note in notes) == table.notes
    if table.effects is not None:
        expected = [list(table.effects), *table.effects.to_numpy().tolist()]
        assert table_in(html, "effects") == expected


def test_names_stay_whole_wherever_they_may_break(folder: Path) -> None:
    """Long ones break behind their joints on a narrow page, odd ones lose nothing."""
    factors = "{a__b-: {set: {conv_encoder.kernel: 9}}, conv: {remove: sdta}}"
    run = made_ablation(folder / "a", factors=factors, design="leave_one_out")
    html, names = page([run]), table_said(run).arms["arm"].tolist()
    assert "a__b-" in "+".join(names)
    assert [row[0] for row in table_in(html, "table")[1:]] == names
    assert [unescape(name) for name in re.findall(r'data-arm="([^"]*)"', html)] == names
    assert "a__<wbr>b-" in html


def test_tiles_count_the_marks(folder: Path) -> None:
    """Better, worse and equal arms, as the table marks them."""
    run = made_ablation(folder / "a")
    marks = list(table_said(run).arms[""])
    assert {mark: marks.count(mark) for mark in "▲▼≈"} == {"▲": 1, "▼": 1, "≈": 2}
    html = page([run])
    assert "<dd>▲ 1  ▼ 1  ≈ 2<small>1 better, 1 worse, 2 equal within the margin</small>" in html
    assert "<dt>trainings done</dt><dd>40 of 40<small>40 complete</small>" in html


def test_a_report_needs_no_network_and_runs_its_own_scripts_alone(folder: Path) -> None:
    """The policy has the hashes of the page's two scripts; nothing names another place."""
    html = page([made_ablation(folder / "a")])
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    policy = html.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert "default-src 'none'" in unescape(policy)
    allowed = unescape(policy).partition("script-src ")[2].partition(";")[0]
    assert allowed == " ".join(f"'sha256-{one}'" for one in hashes)
    own = html.replace(scripts[0], "").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"""(?:src|href)=["']?(?!#|data:,)[^"'\s>]+""", own)
    assert not any(word in own for word in ("http://", "https://", "@import", "url("))


def test_the_same_run_gives_the_same_page(folder: Path) -> None:
    """Byte for byte, with importances or without."""
    run = made_ablation(folder / "a", fail={"convolution": 2})
    assert page([run]) == page([run], importance=False)


def test_texts_of_a_run_cannot_become_markup(folder: Path) -> None:
    """Question, notes and errors are shown as they are, in tables and in the data."""
    texts = {"question": f"'{HOSTILE}'", "notes": f"'{HOSTILE}'"}
    html = page([made_ablation(folder / "a", {"convolution": 1}, error=HOSTILE, **texts)])
    assert "<img" not in html
    assert html.count("<script") == page([made_ablation(folder / "b")]).count("<script")
    assert HOSTILE in section(html, "losses")
    assert HOSTILE in section(html, "question")
    arms = {arm["name"]: arm for arm in data_of(html)["arms"]}
    assert arms["convolution"]["failed"] == [f"seed 0: {HOSTILE}"]


def test_failed_trainings_are_said_with_their_seeds(folder: Path) -> None:
    """An arm that always fails has a row, and the figure says that it has no pair."""
    run = made_ablation(folder / "a", {"convolution": 8, "large_kernels": 1})
    html = page([run])
    rows = table_in(html, "losses")[1:]
    assert rows == [
        *(["convolution", str(seed), ERROR] for seed in range(8)),
        ["large_kernels", "0", ERROR],
    ]
    (words,) = [t for t in data_of(html)["charts"][0]["traces"] if t.get("mode") == "text"]
    assert (words["customdata"], words["text"]) == (["convolution"], [" no pair: 8 failed"])
    assert table_in(html, "power")[1] == ["convolution", "-", "-", "0", "-", "-", ""]


def test_a_run_that_has_just_begun_is_reported(folder: Path) -> None:
    """Before the first training there is a page that says so."""
    html = page([made_ablation(folder / "a", rounds=0)])
    assert "No arm has a pair yet." in section(html, "power")
    assert "The run is unfinished: 0 trainings are done." in section(html, "table")
    assert "<dd>nothing<small>4 not shown</small>" in html
    assert data_of(html)["first"] == "base"


def test_a_run_that_goes_on_is_reported_as_far_as_it_is(folder: Path) -> None:
    """After two seeds of all arms."""
    html = page([made_ablation(folder / "a", rounds=2)])
    assert {row[3] for row in table_in(html, "power")[1:]} == {"2"}
    assert "no difference can, however large, be shown at 0.05" in section(html, "power")


def test_what_the_seeds_can_show_is_the_table_s(folder: Path) -> None:
    """The seeds that the notes say a difference needs stand in the arms' rows."""
    run = made_ablation(folder / "a")
    (note,) = [n for n in table_said(run).notes if n.startswith("Seeds that would show")]
    for row in table_in(page([run]), "power")[1:]:
        assert f"{row[0]} {row[4]} ({row[5]})" in note


def test_numbers_say_how_they_were_obtained(folder: Path) -> None:
    """Trained, computed, counted, predicted, stated; latency only where there is a device."""
    plain = page([made_ablation(folder / "a")])
    timed = page([made_ablation(folder / "b", device="raspberry_pi_4")])
    how = {row[0]: row[1] for row in table_in(timed, "numbers")[1:]}
    expected = {"accuracy": "trained", "difference": "computed", "p": "computed", "≈": "computed"}
    expected |= {"params": "counted", "MACs": "counted", "paper": "stated"}
    assert {row[0]: row[1] for row in table_in(plain, "numbers")[1:]} == expected
    assert how == expected | {"latency": "predicted"}
    assert "sign-flip test" in section(plain, "numbers")
    assert "Raspberry Pi 4" in section(timed, "numbers")


def test_cost_is_that_of_the_arms(folder: Path) -> None:
    """Six seconds a training, in the order of the table; a failed training has none."""
    rows = table_in(page([made_ablation(folder / "a", {"convolution": 3})]), "cost")[1:]
    assert [row[:3] for row in rows][:3] == [
        ["training base", "8", "48.0"],
        ["training convolution", "5", "30.0"],
        ["training large_kernels", "8", "48.0"],
    ]
    assert sum(int(row[4].removesuffix(" %")) for row in rows) == pytest.approx(100, abs=2)


def test_an_ablation_is_reported_alone(folder: Path) -> None:
    """Beside a search or another ablation it is refused, with what to do."""
    one, two = made_ablation(folder / "a"), made_ablation(folder / "b")
    for runs in ([made_run(folder / "search"), one], [one, two]):
        with pytest.raises(
            InputError, match=r"one ablation alone, got 2 runs; archsearch report .* makes"
        ):
            page(runs)


def test_the_page_about_the_report_names_every_section(folder: Path) -> None:
    """docs/report.md has a row for each heading."""
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    html = page([made_ablation(folder / "a", **FACTORIAL)])
    for heading in re.findall(r"<h2>(.*?)</h2>", html):
        assert f"\n| {heading} |" in text, heading

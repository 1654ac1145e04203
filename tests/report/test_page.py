"""The report as a file: whole, self-contained, safe, the same every time."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from made_trials import made_trial
from reported_runs import data_of, made_run, section

from archsearch.report import page
from archsearch.results import RunResults, open_run
from archsearch.store import Store
from archsearch.study import Study

HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


@pytest.fixture(scope="module")
def html(run: RunResults) -> str:
    return page([run], importance=False)


def own_part(html: str) -> str:
    """The page without plotly's script."""
    return re.sub(r"<script>/\*\*.*?</script>", "", html, count=1, flags=re.DOTALL)


def test_a_report_has_every_section(html: str) -> None:
    """The question, the front, tables, failures, origins, costs, checklist, environment, study."""
    names = "question front-section progress trials-section losses numbers cost practice"
    for name in [*names.split(), "environment", "study"]:
        assert section(html, name), name
        assert f'href="#{name}"' in html, name
    assert "maximize val_accuracy; minimize macs" in section(html, "question")
    assert "budget:" in section(html, "study")


def test_a_report_needs_no_network(html: str) -> None:
    """Nothing of the page's own names another place, and its policy forbids to load anything."""
    own = own_part(html)
    assert len(own) < len(html) / 2
    assert not re.findall(r"""(?:src|href)=["']?(?!#|data:,)[^"'\s>]+""", own)
    assert "http://" not in own.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in own
    assert "@import" not in own
    assert "url(" not in own
    assert "default-src 'none'" in unescape(html)


def test_the_policy_allows_the_page_s_two_scripts_and_no_other(html: str) -> None:
    """By their SHA-256; what is only data is no script."""
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    policy = html.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    allowed = unescape(policy).partition("script-src ")[2].partition(";")[0]
    assert allowed == " ".join(f"'sha256-{one}'" for one in hashes)
    assert len(scripts) == 2


def test_the_same_run_gives_the_same_page(run: RunResults, html: str) -> None:
    """Byte for byte."""
    assert page([run], importance=False) == html


def test_texts_of_a_run_cannot_become_markup(run: RunResults, tiny_study: Study) -> None:
    """Errors and names are shown as they are, in tables and in the data."""
    failed = made_trial(tiny_study, 40, state="failed", error=HOSTILE)
    environment = {**run.environment, "cpu": HOSTILE}
    spoilt = replace(run, records=(*run.records, failed), environment=environment)
    html = page([spoilt], importance=False)
    assert "<img" not in html
    assert html.count("<script") == page([run], importance=False).count("<script")
    assert HOSTILE in section(html, "losses")
    assert data_of(html)["points"][len(run.records)]["error"] == HOSTILE


def test_a_run_of_which_nothing_is_known_is_reported(folder: Path) -> None:
    """A database without environment, of made-up numbers and with failures, has all sections."""
    run = made_run(folder / "made", fail=(0, 1))
    html = page([run], importance=False)
    assert "diverged" in section(html, "losses")
    assert "run it again" in section(html, "practice")
    assert data_of(html)["axes"] == ["macs", "val_accuracy"]


def test_a_run_without_a_complete_trial_says_so(run: RunResults) -> None:
    """No front, no growth, and no figure that fails."""
    waiting = tuple(replace(t, state="waiting", measures={}) for t in run.records)
    html = page([replace(run, records=waiting)], importance=False)
    assert "No trial was completed" in section(html, "front-section")
    assert data_of(html)["axes"] is None
    assert [chart["key"] for chart in data_of(html)["charts"]] == ["curves-0"]


def test_an_empty_run_is_reported(tmp_path: Path, tiny_study: Study) -> None:
    """A run that was begun and has no trial yet."""
    Store.create(tmp_path / "run.sqlite", tiny_study.data, tiny_study.identity, {}).close()
    html = page([open_run(tmp_path)], importance=False)
    assert data_of(html)["axes"] is None
    assert "no complete trial yet" in html


def test_a_report_needs_a_run() -> None:
    """None is refused."""
    with pytest.raises(ValueError, match="a report needs a run"):
        page([])


def test_runs_stand_side_by_side(run: RunResults, folder: Path) -> None:
    """Where they say the same it stands once; where they differ each has its column."""
    other = made_run(folder / "made")
    html = page([run, other], importance=False)
    question = section(html, "question")
    assert question.count("maximize val_accuracy; minimize macs") == 1
    assert "params at most 20.0 k params at most 70.0 k" in question
    assert [one["name"] for one in data_of(html)["runs"]] == ["tiny", "small"]
    assert "of different images" in section(html, "comparison")


def test_runs_that_compare_have_hypervolumes_side_by_side(folder: Path) -> None:
    """On the same images, with growth in one figure."""
    runs = [made_run(folder / name, name=name) for name in ("one", "two")]
    html = page([replace(r, environment={"images": "same"}) for r in runs], importance=False)
    assert re.search(r"one 1 30 .* two 1 30", section(html, "comparison"))
    (growth,) = [one for one in data_of(html)["charts"] if one["key"] == "growth-trials"]
    assert [trace["name"] for trace in growth["traces"]] == ["one", "two"]


def test_runs_of_one_name_are_told_apart(folder: Path) -> None:
    """By their folders."""
    runs = [made_run(folder / "a"), made_run(folder / "b")]
    names = [one["name"] for one in data_of(page(runs, importance=False))["runs"]]
    assert names == [f"small ({folder / 'a'})", f"small ({folder / 'b'})"]


def test_importances_and_limits_are_reported(folder: Path) -> None:
    """A figure for what was trained and for the front; what is counted needs none."""
    html = page([made_run(folder / "made")])
    keys = [chart["key"] for chart in data_of(html)["charts"]]
    assert keys[-3:] == ["importance-0-val_accuracy", "importance-0-front", "preferences-0"]
    assert "params at most 70.0 k" in section(html, "matters")


def test_too_few_nets_for_importances_are_said(run: RunResults) -> None:
    """Instead of a figure."""
    assert "importance needs" in section(page([run]), "matters")


def test_the_page_about_the_report_names_every_section(html: str) -> None:
    """docs/report.md has a row for each heading."""
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    for heading in re.findall(r"<h2>(.*?)</h2>", html):
        assert f"\n| {heading} |" in text, heading

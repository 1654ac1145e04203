"""The report in a real browser: it draws, hovers, shows nets, and logs no error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Seen, chromium, opened, until
from PIL import Image
from reported_runs import data_of, made_run

from archsearch.pareto import non_dominated
from archsearch.report import page
from archsearch.results import open_run

WINDOWS = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]
READY_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page([open_run(tiny_run)], importance=False), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def window(browser: Any, report: Path) -> Iterator[Seen]:
    with opened(browser, report, 1280, "light") as seen:
        ready(seen)
        yield seen


@pytest.fixture
def desk(window: Seen) -> Iterator[Any]:
    """The report on a desktop as it begins; whatever is done with it logs no error."""
    window.page.emulate_media(color_scheme="light")
    window.page.evaluate("[chosen.x, chosen.y] = page.axes; zoom(0); drawFront()")
    yield window.page
    assert window.logged == []


def ready(seen: Seen) -> None:
    seen.page.wait_for_selector("html.ready", timeout=READY_MS)


PLACE = """(number) => {
  const point = page.points.find((one) => one.number === number);
  const { xaxis, yaxis } = figure._fullLayout;
  const box = figure.getBoundingClientRect();
  const at = (axis, key) => {
    const value = point.values[columnOf(key)];
    return axis._offset + axis.l2p(axis.type === "log" ? Math.log10(value) : value);
  };
  return [box.x + at(xaxis, chosen.x), box.y + at(yaxis, chosen.y)];
}"""


def marker(page: Any, number: int) -> tuple[float, float]:
    """Where on the screen the figure shows a trial."""
    across, down = page.evaluate(PLACE, number)
    return across, down


def front_trials(report: Path) -> list[int]:
    return [
        p["number"] for p in data_of(report.read_text(encoding="utf-8"))["points"] if p["front"]
    ]


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_the_report_draws_itself(browser: Any, report: Path, width: int, scheme: str) -> None:
    """At phone and desktop width, light and dark: figures, no error, no request, no overflow."""
    with opened(browser, report, width, scheme, touch=width < 600) as seen:
        ready(seen)
        drawn = seen.page.locator(".plot .main-svg").count()
        plots = seen.page.locator(".plot").count()
        wide = seen.page.evaluate("document.documentElement.scrollWidth")
        picture = seen.page.locator("#front").screenshot()
        markers = seen.page.locator("#front .points path").count()
        assert seen.logged == []
        assert seen.asked == [report.as_uri()]
    assert drawn >= plots > 3
    assert wide <= width
    assert markers >= len(front_trials(report))
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L"), dtype=float)
    assert pixels.std() > 5
    assert (np.median(pixels) > 200) == (scheme == "light")
    assert (np.median(pixels) < 60) == (scheme == "dark")


def test_hovering_shows_the_net(desk: Any, report: Path) -> None:
    """Its name and its numbers, those of the axes first."""
    number = front_trials(report)[-1]
    desk.locator("#front").scroll_into_view_if_needed()
    desk.mouse.move(*marker(desk, number))
    desk.wait_for_selector("#front .hovertext")
    said = desk.locator("#front .hovertext").first.text_content()
    assert f"Trial {number}: " in said
    assert "val_accuracy: 0." in said


def test_a_click_shows_the_net_stage_by_stage(desk: Any, report: Path) -> None:
    """Drawing, numbers and their origin; the row of the table is marked too."""
    number = front_trials(report)[-1]
    desk.locator("#front").scroll_into_view_if_needed()
    desk.mouse.click(*marker(desk, number))
    until(desk, f"document.querySelector('#net h3').textContent.includes('{number}:')")
    net = desk.locator("#net")
    names = net.locator(".stages b").all_text_contents()
    assert names[:2] == ["Input", "Stem"]
    assert names[-1] == "Head"
    assert net.locator(".stages svg").count() == len(names)
    assert "counted" in net.locator(".values").text_content()
    assert desk.locator(f"tr.chosen[data-number='{number}']").count() == 1


def test_a_row_of_the_front_shows_its_net(desk: Any, report: Path) -> None:
    """By a click, and by the keyboard."""
    for number, act in zip(front_trials(report), ("click", "Enter"), strict=False):
        row = desk.locator(f"table[data-run] tr[data-number='{number}']")
        row.click() if act == "click" else row.press(act)
        assert desk.locator("#net h3").text_content().startswith(f"Trial {number}:")


def test_axes_can_be_chosen(desk: Any) -> None:
    """Any two measures; the figure's axes change with them."""
    desk.select_option("#across", "params")
    desk.select_option("#upwards", "naswot")
    until(desk, "figure.layout.yaxis.title.text.includes('naswot')")
    assert desk.locator("#front .xtitle").text_content() == "parameters"
    assert desk.locator("#front .points path").count() > 0


def test_the_figure_s_front_is_python_s(desk: Any, report: Path) -> None:
    """For every pair of measures, whichever way is better, the same trials."""
    data = data_of(report.read_text(encoding="utf-8"))
    complete = [p for p in data["points"] if p["state"] == "complete"]
    ways = [column["maximize"] for column in data["columns"]]
    for x in range(len(ways)):
        for y in range(len(ways)):
            if x == y:
                continue
            drawn = desk.evaluate(f"frontOf(page.points, {x}, {y}).map((point) => point.number)")
            values = np.array([[p["values"][x], p["values"][y]] for p in complete], dtype=float)
            marks = non_dominated(values, [ways[x], ways[y]])
            assert sorted(drawn) == [
                p["number"] for p, mark in zip(complete, marks, strict=True) if mark
            ]


def test_copies_and_unknown_values_are_no_trouble_for_the_front(desk: Any) -> None:
    """Copies are all kept, what lacks a value is left out; against the sorting in Python."""
    rng = np.random.default_rng(5)
    values = rng.integers(0, 6, (60, 2)).astype(float)
    points = [
        {"state": "complete", "values": [None if i % 9 == 0 else a, b], "number": i}
        for i, (a, b) in enumerate(values.tolist())
    ]
    maximize = desk.evaluate("[page.columns[0].maximize, page.columns[1].maximize]")
    drawn = desk.evaluate("(points) => frontOf(points, 0, 1).map((p) => p.number)", points)
    known = [p for p in points if p["values"][0] is not None]
    marks = non_dominated(np.array([p["values"] for p in known], dtype=float), maximize)
    assert sorted(drawn) == [p["number"] for p, mark in zip(known, marks, strict=True) if mark]


def test_zooming_keeps_while_nets_are_looked_at(desk: Any, report: Path) -> None:
    """The buttons zoom about the middle, and all is shown again when asked."""
    span = "(() => { const r = figure._fullLayout.yaxis.range; return r[1] - r[0]; })()"
    whole = desk.evaluate(span)
    desk.click("[data-zoom='0.6']")
    until(desk, f"{span} < {0.7 * whole}")
    desk.locator(f"table[data-run] tr[data-number='{front_trials(report)[0]}']").click()
    assert desk.evaluate(span) == pytest.approx(0.6 * whole)
    desk.click("[data-zoom='0']")
    until(desk, f"Math.abs({span} - {whole}) < {0.05 * whole}")


def test_all_trials_can_be_sorted(desk: Any) -> None:
    """By any column, both ways; what is unknown comes last."""
    desk.click("#trials summary")
    table = desk.locator("#trials table")
    table.wait_for()
    assert table.locator("tbody tr").count() == 8
    heading = table.get_by_text("val_accuracy", exact=True)
    for sign in (1, -1):
        heading.click()
        names = [cell.split()[0] for cell in table.locator("td:nth-child(5)").all_text_contents()]
        known = [float(name) for name in names if name != "-"]
        assert known == sorted(known, key=lambda value: sign * value)
        assert names[: len(known)] == [name for name in names if name != "-"]


def test_the_page_follows_the_system_s_colours(desk: Any) -> None:
    """Also while it is open: the figures are painted again."""
    ink = "getComputedStyle(document.querySelector('#front .xtitle')).fill"
    light = desk.evaluate(ink)
    desk.emulate_media(color_scheme="dark")
    until(desk, f"{ink} !== '{light}'")
    until(
        desk, "getComputedStyle(document.querySelector('#growth-trials .xtitle')).fill === " + ink
    )


def test_a_finger_on_the_figure_scrolls_the_page(browser: Any, report: Path) -> None:
    """Until it is zoomed: then it moves the figure."""
    with opened(browser, report, 390, "light", touch=True) as seen:
        ready(seen)
        assert seen.page.evaluate("figure._fullLayout.dragmode") is False
        seen.page.tap("[data-zoom='0.6']")
        until(seen.page, "figure._fullLayout.dragmode === 'pan'")
        seen.page.tap("[data-zoom='0']")
        until(seen.page, "figure._fullLayout.dragmode === false")
        assert seen.logged == []


def test_hostile_texts_are_texts(browser: Any, folder: Path) -> None:
    """A script in the texts of a run does not run, and shows as it was written."""
    run = made_run(folder / "made", fail=tuple(range(30)))
    hostile = (
        "<img src=x onerror=\"document.title='spoilt'\"><script>document.title='spoilt'</script>"
    )
    records = tuple(replace(t, error=t.error and hostile) for t in run.records)
    file = folder / "report.html"
    file.write_text(page([replace(run, records=records)], importance=False), encoding="utf-8")
    with opened(browser, file, 1280, "light") as seen:
        ready(seen)
        failed = [t.number for t in records if t.state == "failed"]
        seen.page.evaluate(f"choose(page.points.find((one) => one.number === {failed[0]}))")
        assert seen.page.locator("#net .error").text_content() == hostile
        assert seen.page.title() == "small: report"
        assert seen.logged == []


def test_several_runs_are_drawn_in_one_figure(browser: Any, folder: Path) -> None:
    """A colour is a run; clicking works for both."""
    made = [made_run(folder / name, name=name) for name in ("one", "two")]
    runs = [replace(run, environment={"images": "same"}) for run in made]
    file = folder / "report.html"
    file.write_text(page(runs, importance=False), encoding="utf-8")
    with opened(browser, file, 1280, "dark") as seen:
        ready(seen)
        legend = seen.page.locator("#front .legendtext").all_text_contents()
        assert legend[:2] == ["one", "two"]
        row = seen.page.locator("table[data-run='1'] tr[data-number]").first
        row.click()
        assert "two" in seen.page.locator("#net .said").text_content()
        assert seen.logged == []


def test_no_button_of_a_figure_leads_elsewhere(desk: Any) -> None:
    """Plotly's bar has one that sends the data to a service; ours saves, zooms and moves."""
    buttons = desk.locator(".modebar-btn").evaluate_all(
        "(found) => found.map((b) => b.dataset.title)"
    )
    assert buttons
    assert set(buttons) == {"Download plot as a PNG", "Zoom", "Pan", "Reset axes"}


POINT = """() => {
  const chart = document.getElementById("choices-0");
  const { xaxis, yaxis } = chart._fullLayout;
  const box = chart.getBoundingClientRect();
  const line = chart.data[0];
  const across = box.x + xaxis._offset + xaxis.l2p(line.x[1]);
  return [line.meta.number, across, box.y + yaxis._offset + yaxis.l2p(1)];
}"""


def test_a_line_of_the_choices_shows_its_net(desk: Any) -> None:
    """Hovering says the choice, a click draws the net."""
    desk.locator("#choices-0").scroll_into_view_if_needed()
    number, across, down = desk.evaluate(POINT)
    desk.mouse.move(across, down)
    desk.wait_for_selector("#choices-0 .hovertext")
    assert f"trial {number}" in desk.locator("#choices-0 .hovertext").first.text_content()
    desk.mouse.click(across, down)
    until(desk, f"document.querySelector('#net h3').textContent.includes('{number}:')")


def test_the_choices_are_a_table_on_a_phone(browser: Any, report: Path) -> None:
    """It is open there, and its leaves stay in sight while the nets are scrolled through."""
    for width, is_open in ((390, True), (1280, False)):
        with opened(browser, report, width, "light", touch=width < 600) as seen:
            ready(seen)
            assert seen.page.evaluate("document.querySelector('details.chosen').open") == is_open
            if is_open:
                cell = "getComputedStyle(document.querySelector('.chosen tbody td')).position"
                assert seen.page.evaluate(cell) == "sticky"


def test_names_of_published_nets_do_not_lie_on_each_other(desk: Any) -> None:
    """Five at one place: four are named on their four sides; one far away is named too."""
    sides = desk.evaluate(
        """() => {
          const ends = page.points.map((point) => point.values).filter((v) => v[0] && v[1]);
          const [near, far] = [ends[0], ends.find((v) => Math.abs(v[1] / ends[0][1] - 1) > 0.2)];
          const nets = [near, near, near, near, near, far];
          return labelPlaces(nets.map((values) => ({ name: "a_net", values })), 0, 1);
        }"""
    )
    assert sorted(sides[:4]) == ["bottom left", "bottom right", "top left", "top right"]
    assert sides[4] is None
    assert sides[5] is not None

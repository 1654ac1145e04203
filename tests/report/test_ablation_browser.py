"""The report of an ablation in a real browser: it draws, hovers, shows nets, and logs no error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ablation_runs import FACTORIAL, made_ablation
from chromium import Seen, chromium, opened, until
from PIL import Image
from reported_runs import data_of
from small_runs import close_stores

from archsearch.report import page

WINDOWS = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]
READY_MS = 60_000
HOSTILE = "<img src=x onerror=\"document.title='spoilt'\"><script>document.title='spoilt'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Pages: of arms with a device and failures, of a factorial design, and of nothing yet."""
    folder = tmp_path_factory.mktemp("ablations")
    runs = {
        "arms": made_ablation(
            folder / "arms", {"expand_1": 8, "expand_2": 2}, error=HOSTILE, device="raspberry_pi_4"
        ),
        "factorial": made_ablation(folder / "factorial", **FACTORIAL),
        "begun": made_ablation(folder / "begun", rounds=0),
        "one": made_ablation(folder / "one", seeds="1"),
    }
    found = {}
    for name, run in runs.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(page([run]), encoding="utf-8")
    yield found
    close_stores()


@pytest.fixture(scope="module")
def window(browser: Any, made: dict[str, Path]) -> Iterator[Seen]:
    with opened(browser, made["arms"], 1280, "light") as seen:
        ready(seen)
        yield seen


@pytest.fixture
def desk(window: Seen) -> Iterator[Any]:
    """The report on a desktop as it begins; whatever is done with it logs no error."""
    window.page.evaluate("chooseArm('base')")
    yield window.page
    assert window.logged == []


def ready(seen: Seen) -> None:
    seen.page.wait_for_selector("html.ready", timeout=READY_MS)


PLACE = """([key, name]) => {
  const figure = document.getElementById(key);
  const trace = figure.data.find((one) => one.hovertext && (one.customdata ?? []).includes(name));
  const at = trace.customdata.indexOf(name);
  const { xaxis, yaxis } = figure._fullLayout;
  const box = figure.getBoundingClientRect();
  const [across, down] = [xaxis.l2p(trace.x[at]), yaxis.l2p(trace.y[at])];
  return [box.x + xaxis._offset + across, box.y + yaxis._offset + down];
}"""


def marker(page: Any, figure: str, arm: str) -> tuple[float, float]:
    """Where on the screen a figure shows an arm."""
    page.locator(f"#{figure}").scroll_into_view_if_needed()
    across, down = page.evaluate(PLACE, [figure, arm])
    return across, down


@pytest.mark.parametrize("name", ["arms", "factorial", "begun", "one"])
@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_the_report_draws_itself(
    browser: Any, made: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    """At phone and desktop width, light and dark: figures, no error, no request, no overflow."""
    with opened(browser, made[name], width, scheme, touch=width < 600) as seen:
        ready(seen)
        drawn = seen.page.locator(".plot .main-svg").count()
        plots = seen.page.locator(".plot").count()
        wide = seen.page.evaluate("document.documentElement.scrollWidth")
        picture = seen.page.locator("#differences").screenshot()
        assert seen.logged == []
        assert seen.asked == [made[name].as_uri()]
    assert drawn >= plots >= (3 if name == "factorial" else 2)
    assert wide <= width
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L"), dtype=float)
    assert pixels.std() > 5
    assert (np.median(pixels) > 200) == (scheme == "light")
    assert (np.median(pixels) < 60) == (scheme == "dark")


def test_hovering_says_the_table_s_row(desk: Any) -> None:
    """Difference, interval, p, n and costs of the arm, as its row of the table has them."""
    row = desk.locator("tr[data-arm='convolution'] td").all_text_contents()
    desk.mouse.move(*marker(desk, "differences", "convolution"))
    desk.wait_for_selector("#differences .hovertext")
    said = desk.locator("#differences .hovertext").first.text_content()
    names = desk.locator("table.arms th").all_text_contents()
    cells = dict(zip(names, row, strict=True))
    for name in ("difference (points)", "95 % interval", "p", "n", "params", "latency (ms)"):
        assert cells[name] in said, name


@pytest.mark.parametrize("figure", ["differences", "worth"])
def test_a_click_shows_the_arm_s_net(desk: Any, figure: str) -> None:
    """What was changed, its numbers, and its stages; the row of the table is marked too."""
    desk.mouse.click(*marker(desk, figure, "convolution"))
    until(desk, "document.querySelector('#net h3').textContent.startsWith('convolution')")
    net = desk.locator("#net")
    assert "sdta replaced by conv_encoder" in net.text_content()
    names = net.locator(".stages b").all_text_contents()
    assert names == ["Input", "Stem", "Stage 1", "Stage 2", "Head"]
    assert net.locator(".stages .changed").count() == 1
    assert net.locator("li:has(.changed) b").text_content() == "Stage 2"
    assert desk.locator("tr.chosen").get_attribute("data-arm") == "convolution"


def test_a_row_of_the_table_shows_its_arm(desk: Any) -> None:
    """By a click, and by the keyboard."""
    for arm, act in (("large_kernels", "click"), ("expand_2", "Enter")):
        row = desk.locator(f"tr[data-arm='{arm}']")
        row.click() if act == "click" else row.press(act)
        assert desk.locator("#net h3").text_content().startswith(arm)


def test_the_panel_has_the_numbers_of_the_table(desk: Any) -> None:
    """All of an arm's cells, each under its heading, and how the measured ones were got."""
    names = desk.locator("table.arms th").all_text_contents()
    for arm in ("base", "convolution", "expand_1"):
        desk.evaluate("(name) => chooseArm(name)", arm)
        cells = desk.locator(f"tr[data-arm='{arm}'] td").all_text_contents()
        expected = [
            (name, cell)
            for name, cell in zip(names, cells, strict=True)
            if cell and name not in ("arm", "")
        ]
        labels = desk.locator("#net .values dt").all_text_contents()
        texts = desk.locator("#net .values dd:nth-of-type(2n + 1)").all_text_contents()
        assert list(zip(labels, texts, strict=True)) == expected
    assert desk.locator("#net .how.predicted").count() == 1


def test_an_arm_that_failed_is_shown_with_the_reasons(desk: Any) -> None:
    """Hostile texts are texts."""
    desk.evaluate("chooseArm('expand_1')")
    reasons = desk.locator("#net .error").all_text_contents()
    assert reasons == [f"failed: seed {seed}: {HOSTILE}" for seed in range(8)]
    assert desk.title() == "What earns its keep?: report"
    assert desk.locator("main img").count() == 0


def test_costs_and_views_can_be_chosen(desk: Any) -> None:
    """Params, MACs or latency; difference or accuracy; the arms' names stand beside them."""
    title = "document.getElementById('worth').layout.xaxis.title.text"
    desk.select_option("#across", "latency_ms")
    until(desk, f"{title} === 'latency, % more or less'")
    desk.select_option("#upwards", "accuracy")
    until(desk, f"{title}.startsWith('latency on Raspberry Pi 4')")
    words = desk.locator("#worth .textpoint text").all_text_contents()
    assert {"base", "convolution", "large_kernels"} <= set(words)
    desk.select_option("#across", "params")
    desk.select_option("#upwards", "difference")
    until(desk, f"{title} === 'params, % more or less'")


def test_names_lie_neither_on_each_other_nor_on_markers(desk: Any) -> None:
    """Boxes as the browser draws them; a middle of a marker is in none."""
    middles = [marker(desk, "worth", arm) for arm in ("base", "convolution", "expand_2")]
    boxes = desk.locator("#worth .textpoint text").evaluate_all(
        """(found) => found.filter((one) => one.textContent !== "≈").map((one) => {
             const { x, y, width, height } = one.getBoundingClientRect();
             return [x, y, x + width, y + height];
           })"""
    )
    assert len(boxes) >= 3
    for place, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:place]:
            apart = left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
            assert apart, (boxes[place], other)
        assert not any(left < x < right and top < y < bottom for x, y in middles)


def test_names_avoid_the_markers_of_others(desk: Any) -> None:
    """A marker where a name would stand first sends it to another side."""
    free = [{"name": "an_arm", "left": 100, "top": 100}]
    near = [*free, {"name": "b", "left": 130, "top": 114}]
    places = [desk.evaluate("(points) => namePlaces(points, 500)", one)[0] for one in (free, near)]
    assert places == ["bottom right", "top right"]


def test_every_seed_has_a_point(desk: Any, made: dict[str, Path]) -> None:
    """Two arms with eight pairs, one with six; hovering says which seed it is."""
    (dots,) = [
        t
        for t in data_of(made["arms"].read_text(encoding="utf-8"))["charts"][0]["traces"]
        if t.get("name") == "one seed"
    ]
    assert {arm: dots["customdata"].count(arm) for arm in set(dots["customdata"])} == {
        "convolution": 8,
        "large_kernels": 8,
        "expand_2": 6,
    }
    assert desk.locator("#differences .point").count() >= 22


def test_the_page_follows_the_system_s_colours(browser: Any, made: dict[str, Path]) -> None:
    """Also while it is open: the figures are painted again, and the arm stays chosen."""
    ink = "getComputedStyle(document.querySelector('#differences .xtitle')).fill"
    band = "document.getElementById('differences')._fullLayout.shapes[0].fillcolor"
    with opened(browser, made["factorial"], 1280, "light") as seen:
        ready(seen)
        seen.page.evaluate("chooseArm('narrow')")
        light = seen.page.evaluate(ink)
        assert seen.page.evaluate(band) == "#e9eef3"
        seen.page.emulate_media(color_scheme="dark")
        until(seen.page, f"{ink} !== '{light}'")
        until(
            seen.page,
            f"getComputedStyle(document.querySelector('#shares .xtitle')).fill === {ink}",
        )
        assert seen.page.evaluate(band) == "#252d35"
        assert seen.page.locator("#net h3").text_content() == "narrow"
        assert seen.logged == []


RING = """(key) => {
  const { x, y, name } = document.getElementById(key).data.at(-1 - (key === "worth"));
  return [name, x[0], y[0]];
}"""


def test_a_ring_is_around_the_chosen_arm(browser: Any, made: dict[str, Path]) -> None:
    """In both figures, also where many arms have one mark."""
    with opened(browser, made["factorial"], 1280, "light") as seen:
        ready(seen)
        for place, arm in enumerate(seen.page.evaluate("page.arms.map((one) => one.name)")[1:]):
            seen.page.evaluate("(name) => chooseArm(name)", arm)
            difference = seen.page.evaluate("shown.difference")
            assert seen.page.evaluate(RING, "differences") == ["chosen", difference, place]
            name, _, upwards = seen.page.evaluate(RING, "worth")
            assert (name, upwards) == ("chosen", difference)
        assert seen.logged == []


MANY = """{a: {remove: sdta}, b: {set: {stages.1.width: 32}}, c: {set: {head.norm: none}},
  d: {set: {conv_encoder.kernel: 9}}, e: {set: {conv_encoder.expand: 2.0}}}"""


def test_the_net_stays_in_sight_beside_many_arms(browser: Any, folder: Path) -> None:
    """Whichever of 31 rows is clicked on a desktop."""
    run = made_ablation(folder / "many", factors=MANY, design="full_factorial", seeds="1")
    file = folder / "many.html"
    file.write_text(page([run]), encoding="utf-8")
    with opened(browser, file, 1280, "light") as seen:
        ready(seen)
        last = seen.page.evaluate("chartOf('differences').layout.yaxis.ticktext.at(-1)")
        place = "scrollTo(0, document.getElementById('differences').getBoundingClientRect().bottom"
        seen.page.evaluate(f"{place} - 860)")
        across, down = seen.page.evaluate(PLACE, ["differences", last])
        assert 0 < down < 900
        seen.page.mouse.click(across, down)
        until(seen.page, f"document.querySelector('#net h3').textContent === '{last}'")
        assert 0 < seen.page.locator("#net h3").bounding_box()["y"] < 300
        assert seen.logged == []


def test_a_tap_on_a_phone_brings_the_net_into_sight(browser: Any, made: dict[str, Path]) -> None:
    """The figure leaves scrolling to the finger."""
    with opened(browser, made["arms"], 390, "light", touch=True) as seen:
        ready(seen)
        dragmode = "document.getElementById('differences')._fullLayout.dragmode"
        assert seen.page.evaluate(dragmode) is False
        seen.page.mouse.click(*marker(seen.page, "differences", "large_kernels"))
        until(
            seen.page, "document.querySelector('#net h3').textContent.startsWith('large_kernels')"
        )
        until(seen.page, "Math.abs(document.getElementById('net').getBoundingClientRect().y) < 200")
        assert seen.logged == []

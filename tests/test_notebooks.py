"""The notebooks run from any folder, keep no outputs, and their figures show something."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import chromium, opened
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
INTERACTIVE = "application/vnd.plotly.v1+json"
FIGURES = {"01_search": 3, "02_pareto": 4, "03_ablation": 2, "04_blocks": 17, "05_your_board": 2}
"""Least number of static figures by notebook."""

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (dev extra)")
needs_kernel = pytest.mark.skipif(
    find_spec("nbclient") is None or find_spec("ipykernel") is None,
    reason="nbclient and ipykernel are not installed (dev extra)",
)
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


Executed = Callable[[Path], Any]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """A copy of a notebook as it is after its small run in a folder of its own."""

    @cache
    def run(path: Path) -> Any:
        with pytest.MonkeyPatch.context() as changed:
            return _executed(path, tmp_path_factory.mktemp(path.stem), changed)

    return run


def _executed(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from nbclient import NotebookClient

    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    for name, value in {
        "ARCHSEARCH_NOTEBOOK_BUDGET": "small",
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "IPYTHONDIR": str(folder / ".ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
    }.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    return notebook


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def pictures(notebook: Any) -> list[np.ndarray]:
    """Its PNG outputs in grey, without what is transparent."""
    found = []
    for output in outputs(notebook):
        if data := output.get("data", {}).get("image/png"):
            image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")
            page = Image.new("RGBA", image.size, "white")
            found.append(np.asarray(Image.alpha_composite(page, image).convert("L")))
    return found


@pytest.mark.slow
@needs_kernel
@each
def test_a_notebook_runs_and_shows_its_figures(path: Path, executed: Executed) -> None:
    """With the small budget, in a folder of its own; nothing raises, no figure is blank."""
    notebook = executed(path)
    shown = pictures(notebook)
    assert len(shown) >= FIGURES[path.stem]
    for place, image in enumerate(shown):
        assert min(image.shape) > 60, place
        assert (image < 128).sum() > 200, f"figure {place} is blank"
        assert np.unique(image).size > 10, f"figure {place} is one colour"


def html_of(notebook: Any) -> str:
    """What a notebook's outputs are in a browser: plotly's drawn by plotly, other HTML as it is."""
    from plotly.offline import get_plotlyjs

    parts = [f"<!doctype html><meta charset=utf-8><script>{get_plotlyjs()}</script>"]
    for place, output in enumerate(outputs(notebook)):
        data = output.get("data", {})
        if INTERACTIVE in data:
            content = json.dumps(data[INTERACTIVE]).replace("<", "\\u003c")
            parts.append(f'<div class="answers" id="p{place}"></div>')
            parts.append(f"<script>Plotly.newPlot('p{place}', {content})</script>")
        elif "text/html" in data:
            parts.append(f'<div class="html">{data["text/html"]}</div>')
    return "\n".join(parts)


FIRST_NET = """() => {
  const figure = document.querySelector(".answers");
  const trace = figure._fullData.find((one) => one.mode === "markers" && one.visible === true);
  const { xaxis, yaxis } = figure._fullLayout;
  const box = figure.getBoundingClientRect();
  const scaled = (axis, value) => (axis.type === "log" ? Math.log10(value) : value);
  const at = (axis, value) => axis._offset + axis.l2p(scaled(axis, value));
  return [box.x + at(xaxis, trace.x[0]), box.y + at(yaxis, trace.y[0]), trace.text[0]];
}"""

WIDTH = "(one) => one.naturalWidth ?? one.getBoundingClientRect().width"


@pytest.mark.slow
@needs_kernel
def test_the_front_of_a_notebook_shows_a_net_where_one_points(
    executed: Executed, tmp_path: Path
) -> None:
    """In a real browser, without a network: number, measures and stages, and no error is logged.

    What else shows itself, a run and a net, has its picture there, drawn.
    """
    page = tmp_path / "page.html"
    page.write_text(html_of(executed(ROOT / "notebooks" / "02_pareto.ipynb")), encoding="utf-8")
    with chromium() as browser, opened(browser, page, 1280, "light") as seen:
        seen.page.wait_for_selector(".answers .main-svg")
        seen.page.locator(".answers").scroll_into_view_if_needed()
        across, down, text = seen.page.evaluate(FIRST_NET)
        seen.page.mouse.move(across, down)
        seen.page.wait_for_selector(".answers .hovertext")
        said = seen.page.locator(".answers .hovertext").first.text_content()
        images = seen.page.locator(".html img").evaluate_all(
            "(all) => all.map((i) => i.naturalWidth)"
        )
        drawn = seen.page.locator(".html svg rect.stage").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().width)"
        )
        assert seen.logged == []
        assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []
    for words in re.sub("<[^>]+>", "\n", text).split("\n"):
        assert words in said
    assert "val_accuracy" in said
    assert images
    assert min(images) > 500
    assert min(drawn) > 2


@each
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """What it shows is made where it is opened; its first code cell reads the budget."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "ARCHSEARCH_NOTEBOOK_BUDGET" in code[0].source


@each
def test_the_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    """Relative ones, to files of the project."""
    text = "".join(
        c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"
    )
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / target).exists(), target


def test_every_notebook_is_known_here() -> None:
    """A new one says how many figures it has."""
    assert {path.stem for path in NOTEBOOKS} == set(FIGURES)

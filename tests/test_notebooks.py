"""The notebooks run from any folder, keep no outputs, and their figures show something."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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


def executed(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of a notebook as it is after its small run in a folder."""
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
def test_a_notebook_runs_and_shows_its_figures(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the small budget, in a folder of its own; nothing raises, no figure is blank."""
    notebook = executed(path, tmp_path, monkeypatch)
    shown = pictures(notebook)
    assert len(shown) >= FIGURES[path.stem]
    for place, image in enumerate(shown):
        assert min(image.shape) > 60, place
        assert (image < 128).sum() > 200, f"figure {place} is blank"
        assert np.unique(image).size > 10, f"figure {place} is one colour"
    for figure in (
        o["data"][INTERACTIVE] for o in outputs(notebook) if INTERACTIVE in o.get("data", {})
    ):
        assert any(trace.get("text") for trace in figure["data"])


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
    import re

    text = "".join(
        c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"
    )
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / target).exists(), target


def test_every_notebook_is_known_here() -> None:
    """A new one says how many figures it has."""
    assert {path.stem for path in NOTEBOOKS} == set(FIGURES)

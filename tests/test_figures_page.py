"""docs/figures.md: its code runs, and its pictures are of what it makes."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_ablations import small_ablation
from small_runs import fake_outcomes, new_run, small_study
from test_audits import an_audit

from archsearch import figures
from archsearch.evaluate import Outcome, Package
from archsearch.runs import DATABASE, work_on
from archsearch.search import Run
from archsearch.trial import CurvePoint

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def with_curves(outcomes: list[Outcome]) -> list[Outcome]:
    """Trainings of two epochs behind made-up accuracies."""
    return [
        Outcome(o.number, o.stage, o.measures, curve if o.stage == "train" else (), o.error)
        for o in outcomes
        for curve in [tuple(CurvePoint(0, e, 2 / e, 0.2 * e, 1.0) for e in (1.0, 2.0))]
    ]


def finish(run: Run) -> None:
    while (package := run.next_package()) is not None:
        assert isinstance(package, Package)
        run.finish(with_curves(fake_outcomes(package)))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with small runs under the names that the page opens."""
    monkeypatch.chdir(tmp_path)
    study = small_study()
    for name in ("mobile_5m", "cifar10_5m_audit"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        run = new_run(study, folder / DATABASE)
        finish(run)
        run.store.close()
    (folder / "audit.json").write_text(an_audit(study).to_json(), encoding="utf-8")
    work_on(
        small_ablation(seeds="2"), tmp_path / "runs" / "ablation_parcnet", lambda _: lambda: None
    )
    return tmp_path


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script that makes the page's pictures."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import figures_page

    return figures_page


def pictures() -> list[str]:
    return sorted(path.name for path in (DOCS / "figures").glob("*.png"))


def test_every_block_runs_and_every_picture_shows_something(runs: Path, page: Any) -> None:
    """On a small run: a figure a picture, each with ink on it and small enough to be kept."""
    made = list(page.made(page.PAGE.read_text(encoding="utf-8")))
    assert sorted(Path(one.picture).name for one in made) == pictures()
    for one in made:
        image = np.asarray(Image.open(io.BytesIO(page.small(one.figure))).convert("L"))
        assert (image < 128).sum() > 200, one.picture
    assert (runs / "runs" / "mobile_5m" / "front.pdf").stat().st_size > 1000


def test_every_figure_is_on_the_page() -> None:
    """Every function that the package exports is named there."""
    text = (DOCS / "figures.md").read_text(encoding="utf-8")
    missing = [name for name in figures.__all__ if name not in text]
    assert not missing, f"write about {missing} in docs/figures.md"


@pytest.mark.parametrize("name", pictures())
def test_a_committed_picture_is_small_and_not_blank(name: str) -> None:
    """At most 100 kB, at least 300 pixels wide, and there is ink on it."""
    path = DOCS / "figures" / name
    assert path.stat().st_size < 100_000
    image = np.asarray(Image.open(path).convert("L"))
    assert image.shape[1] >= 300
    assert (image < 128).sum() > 500

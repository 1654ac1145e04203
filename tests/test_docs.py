"""The docs name everything there is: a new thing without a line in them fails here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archsearch.arms.settings import DESIGNS, AblationSettings, Factor
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.head import Head
from archsearch.datasets import SOURCES
from archsearch.measures import MEASURES
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import ENSEMBLES
from archsearch.samplers import SAMPLERS
from archsearch.settings import Score, Settings, Train

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FILES = {path.stem for path in (ROOT / "studies").glob("ablation_*.yaml")}
LAYERS = {**STEMS, **DOWNSAMPLES, **BLOCKS}


def quoted(page: str) -> set[str]:
    """Every name that a page shows in backticks; blocks of code are left out."""
    text = re.sub(r"```.*?```", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_every_layer_and_its_leaves_are_described(kind: str) -> None:
    """docs/blocks.md names every kind of layer and every leaf that it has."""
    missing = {kind, *LAYERS[kind].model_fields} - quoted("blocks.md")
    assert not missing, f"write a line about {sorted(missing)} in docs/blocks.md"


def test_the_head_is_described() -> None:
    """docs/blocks.md names every leaf of the head."""
    assert set(Head.model_fields) <= quoted("blocks.md")


@pytest.mark.parametrize(
    ("names", "page"),
    [
        (SOURCES, "images.md"),
        (MEASURES, "studies.md"),
        (SAMPLERS, "studies.md"),
        (Settings.model_fields, "studies.md"),
        ({o for s in SAMPLERS.values() for o in s.Options.model_fields}, "studies.md"),
        (set(Score.model_fields), "studies.md"),
        (set(Train.model_fields), "studies.md"),
        ({*AblationSettings.model_fields, *Factor.model_fields, *DESIGNS}, "ablations.md"),
        (FILES, "ablations.md"),
        ({*PROXIES, *ENSEMBLES}, "proxies.md"),
    ],
    ids=[
        *("sources", "measures", "samplers", "study keys", "sampler options"),
        *("score keys", "training keys", "ablation keys", "shipped ablations", "proxies"),
    ],
)
def test_every_registered_name_is_described(names: set[str], page: str) -> None:
    """Every data source, measure, sampler, option and study key stands in the docs."""
    missing = set(names) - quoted(page)
    assert not missing, f"write a line about {sorted(missing)} in docs/{page}"


def test_every_link_between_pages_leads_somewhere() -> None:
    """A relative link in the README or docs/ points to a file of the project."""
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

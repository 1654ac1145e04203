"""The JSON schema of study files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archsearch.documents import parse, read
from archsearch.measures import MEASURES
from archsearch.proxies import PROXIES
from archsearch.proxies.ensembles import ENSEMBLES
from archsearch.samplers import SAMPLERS
from archsearch.study_schema import study_schema

ROOT = Path(__file__).parents[1]
SEARCHES = [
    path for path in sorted((ROOT / "studies").glob("*.yaml")) if "kind" not in read(path).data
]
STUDIES = [*SEARCHES, ROOT / "tests" / "data" / "tiny_study.yaml"]


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(study_schema())
    return jsonschema.Draft202012Validator(study_schema())


def tiny(**changes: str) -> dict[str, Any]:
    data: dict[str, Any] = read(STUDIES[-1]).data
    return data | {key: parse(value, key).data for key, value in changes.items()}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_every_study_of_the_project_fits(validator: Any, path: Path) -> None:
    """As it stands in the file."""
    assert list(validator.iter_errors(read(path).data)) == []


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_fits_in_both_forms(validator: Any, name: str) -> None:
    """By name, and with its options."""
    assert validator.is_valid(tiny(sampler=name))
    assert validator.is_valid(tiny(sampler=f"{{{name}: {{}}}}"))


def test_a_space_may_stand_inside(validator: Any) -> None:
    """And is checked there."""
    space = read(ROOT / "search_spaces" / "mobile.yaml").data
    assert validator.is_valid(tiny() | {"space": space})
    assert not validator.is_valid(tiny() | {"space": space | {"stemm": {}}})


@pytest.mark.parametrize(
    "change",
    [
        {"objectives": "[{maximize: val_acuracy}]"},
        {"objectives": "[{maximize: val_accuracy, minimize: macs}]"},
        {"objectives": "[]"},
        {"sampler": "tpee"},
        {"sampler": "{random: {}, tpe: {}}"},
        {"sampler": "{random: {speed: 1}}"},
        {"constraints": "{val_accuracy: {at_least: 0.5}}"},
        {"budget": "{trials: 0}"},
        {"engine": "slurm"},
        {"data": "{name: imagenet}"},
        {"cascade": "{score: {proxies: [magic]}}"},
        {"cascade": "{score: {proxies: []}}"},
        {"cascade": "{score: {ensemble: magic}}"},
        {"cascade": "{score: {ensemble: az_nas, proxies: [naswot]}}"},
        {"cascade": "{score: {images: 8}}"},
        {"cascade": "{score: {ensemble: az_nas, inits: 0}}"},
        {"start": "{nets: [alexnet]}"},
        {"colour": "red"},
        {"schema": "2"},
    ],
)
def test_what_a_study_refuses_does_not_fit(validator: Any, change: dict[str, str]) -> None:
    """Names that do not exist, unknown keys, and values out of range."""
    assert not validator.is_valid(tiny(**change))


def test_scores_fit_in_both_forms(validator: Any) -> None:
    """Any proxies, the counted ones among them, or an ensemble, with repetitions."""
    assert validator.is_valid(tiny(cascade=f"{{score: {{proxies: [{', '.join(PROXIES)}]}}}}"))
    for name in ENSEMBLES:
        assert validator.is_valid(
            tiny(cascade=f"{{score: {{ensemble: {name}, inits: 3, batches: 2}}}}")
        )


def test_every_measure_can_be_completed() -> None:
    """An editor offers what the registry holds."""
    leaves = study_schema()["$defs"]["Objective"]["properties"]
    assert leaves["maximize"]["enum"] == sorted(MEASURES)

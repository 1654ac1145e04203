"""The JSON schema of ablation files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from small_ablations import ablation_data

from archsearch.ablation_schema import ablation_schema
from archsearch.arms.settings import DESIGNS
from archsearch.documents import read
from archsearch.published import load

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "studies").glob("ablation_*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(ablation_schema())
    return jsonschema.Draft202012Validator(ablation_schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_ablation_of_the_project_fits(validator: Any, path: Path) -> None:
    """As it stands in the file."""
    assert list(validator.iter_errors(read(path).data)) == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"seeds": "{first: 6}"},
        {"seeds": "{first: 6, most: 12, adaptive: true}"},
        {"design": "{fractional_factorial: {resolution: 4}}"},
        {"base": "edgenext_xx_small"},
        {"base": "../runs/x:3"},
        {"factors": "{a: {remove: sdta, at: stages.1, claim: not found}}"},
        {"factors": "{a: {replace: {sdta: gnconv}}}"},
        {"factors": "{a: {insert: {first: gnconv, stages.0.before_1: {sdta: {heads: 4}}}}}"},
        {"factors": "{a: {replace: {inverted_residual: {inverted_residual: {kernel: 5}}}}}"},
        {"engine": "{name: ray, workers: 2}"},
        {"budget": "{minutes: 3}"},
        {"device": "raspberry_pi_4"},
    ],
)
def test_what_may_be_written_fits(validator: Any, change: dict[str, str]) -> None:
    """Long forms and short ones."""
    assert list(validator.iter_errors(ablation_data(**change))) == []


@pytest.mark.parametrize("name", [name for name in DESIGNS if name != "fractional_factorial"])
def test_every_design_fits_by_name(validator: Any, name: str) -> None:
    """But for the one that needs a resolution."""
    assert validator.is_valid(ablation_data(design=name))


def test_a_whole_net_fits_as_the_base(validator: Any) -> None:
    """And is checked there."""
    net = load("edgenext_xx_small").to_data()
    assert validator.is_valid(ablation_data() | {"base": net})
    assert not validator.is_valid(ablation_data() | {"base": net | {"stemm": {}}})


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "search"},
        {"design": "one_at_time"},
        {"design": "fractional_factorial"},
        {"design": "{fractional_factorial: {resolution: 6}}"},
        {"seeds": "0"},
        {"factors": "{a: {sett: {}}}"},
        {"factors": "{a: {remove: sdtaa}}"},
        {"factors": "{a: {replace: {sdta: {gnconv: {ordr: 1}}}}}"},
        {"factors": "{a: {replace: {sdtaa: gnconv}}}"},
        {"factors": "{a: {insert: {stages.0: gnconv}}}"},
        {"factors": "{a: {insert: {first: patch}}}"},
        {"factors": "{a: {insert: {first: {patch: {size: 2}}}}}"},
        {"factors": "{a: {insert: {first: {gnconv: {ordr: 1}}}}}"},
        {"factors": "{a: {remove: sdta, claim: found}}"},
        {"factors": "{a: {remove: sdta, claim: {study: x, setting: y}}}"},
        {"training": "{epoch: 3}"},
        {"data": "{name: imagenet}"},
        {"budget": "{trials: 3}"},
        {"alpha": "1"},
        {"colour": "red"},
        {"schema": "2"},
    ],
)
def test_what_an_ablation_refuses_does_not_fit(validator: Any, change: dict[str, str]) -> None:
    """Names that do not exist, unknown keys, and values out of range."""
    assert not validator.is_valid(ablation_data(**change))


@pytest.mark.parametrize("key", ["schema", "kind", "name", "base", "factors", "design", "seeds"])
def test_what_must_be_there_is_asked_for(validator: Any, key: str) -> None:
    """Each key without a default."""
    data = ablation_data()
    del data[key]
    assert not validator.is_valid(data)

"""The public names."""

from __future__ import annotations

import subprocess
import sys

import pytest

import archsearch

HEAVY = (
    "torch", "numpy", "pandas", "ray", "optuna", "pydantic", "matplotlib", "sqlalchemy", "scipy",
    "sklearn", "yaml",
)  # fmt: skip


@pytest.mark.parametrize("name", archsearch.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """And is listed by dir()."""
    assert getattr(archsearch, name) is not None
    assert name in dir(archsearch)


def test_the_names_are_the_ones_of_their_modules() -> None:
    """Not copies."""
    from archsearch.api import build
    from archsearch.errors import InputError
    from archsearch.results import open_run

    assert archsearch.InputError is InputError
    assert archsearch.build is build
    assert archsearch.open_run is open_run


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        archsearch.serach  # noqa: B018


@pytest.mark.parametrize("statement", ["import archsearch", "import archsearch.cli"])
def test_importing_takes_nothing_heavy_along(statement: str) -> None:
    """What a command needs is imported when it runs."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "archsearch" in loaded
    assert not set(HEAVY) & set(loaded)

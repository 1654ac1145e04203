"""The tiny study and its run, to be changed by a test: copies that are its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from run_files import contents

DATA = Path(__file__).parent / "data"
STUDY, SPACE = DATA / "tiny_study.yaml", DATA / "tiny.yaml"


@pytest.fixture
def changed_study(tmp_path: Path) -> Callable[..., Path]:
    """Copies of the tiny study and its space, in which texts are replaced."""

    def changed(*changes: tuple[str, str]) -> Path:
        for file in (STUDY, SPACE):
            text = file.read_text()
            for old, new in changes:
                text = text.replace(old, new)
            (tmp_path / file.name).write_text(text)
        return tmp_path / STUDY.name

    return changed


@pytest.fixture
def run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    """A finished run that a test may write to."""
    return shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")


@pytest.fixture
def untouched(run_copy: Path) -> Iterator[Path]:
    """A run that must be the same afterwards, byte for byte."""
    before = contents(run_copy)
    yield run_copy
    assert contents(run_copy) == before

"""What many tests look at: a small study, and one real run of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import settings
from small_runs import folder as folder
from stand_in_devices import stand_ins as stand_ins
from tiny_files import changed_study as changed_study
from tiny_files import run_copy as run_copy
from tiny_files import untouched as untouched

from archsearch.study import Study, load_study

DATA = Path(__file__).parent / "data"


def pytest_configure() -> None:
    """One thread a process: the tests share the cores, and small nets are faster so.

    No test fails for taking long: others run beside it.
    """
    torch.set_num_threads(1)
    settings.register_profile("archsearch", deadline=None)
    settings.load_profile("archsearch")


@pytest.fixture(scope="session")
def tiny_study() -> Study:
    """Eight tiny nets on digits, in-process."""
    return load_study(DATA / "tiny_study.yaml")


@pytest.fixture(scope="session")
def tiny_run(tiny_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of the tiny study. Tests only read it."""
    from rich.console import Console

    from archsearch.progress import progress
    from archsearch.runs import work_on

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    with progress(Console(quiet=True)) as watch:
        work_on(tiny_study, folder, watch)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's readings."""
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))

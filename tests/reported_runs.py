"""Runs for reports, and what a page holds."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

from small_runs import finish, new_run, small_study

from archsearch.results import RunResults, open_run


def made_run(folder: Path, fail: tuple[int, ...] = (), **changes: str) -> RunResults:
    """A run of 30 trials whose measurements are made up; its environment is unknown."""
    finish(new_run(small_study(**changes), folder / "run.sqlite"), fail)
    return open_run(folder)


def data_of(html: str) -> Any:
    """What the page's scripts read."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def section(html: str, name: str) -> str:
    """The text of a section, tags taken out."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)
    assert found is not None, name
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split())

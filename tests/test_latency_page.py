"""docs/latency.md is true: its tables are made again, its device files are read."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from archsearch.devices import KINDS, find_device
from archsearch.devices.profile import names

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "latency.md").read_text(encoding="utf-8")
FILES = [text for text in re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL) if "kind:" in text]


def command() -> ModuleType:
    """The command that writes the page's tables."""
    file = ROOT / "benchmarks" / "latency_boards.py"
    spec = importlib.util.spec_from_file_location("latency_boards", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_the_shipped_profiles_say() -> None:
    """What stands between the marks is what the command writes from today's profiles."""
    boards = command()
    written = PAGE.split(boards.BEGIN)[1].split(boards.END)[0].strip()
    again = f"{boards.medians_table()}\n\n{boards.boards_table()}"
    assert written == again, "run: python benchmarks/latency_boards.py --write docs/latency.md"


def test_every_profile_stands_in_the_table() -> None:
    """A shipped board without a row fails here, whatever the command makes."""
    assert set(names()) <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("text", FILES, ids=lambda text: re.findall(r"kind: (\w+)", text)[0])
def test_every_device_file_of_the_page_is_valid(text: str, tmp_path: Path) -> None:
    """An example can be copied: it is read without a complaint."""
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    assert find_device(str(file)).settings.kind in text


def test_every_kind_of_device_has_an_example() -> None:
    """No kind is without a complete file on the page."""
    assert {re.findall(r"kind: (\w+)", text)[0] for text in FILES} == set(KINDS)

"""Ids of the published nets: the same in every process, under every Python, for ever."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import plain_id
import pytest
import yaml

from archsearch import published
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS, Head

ROOT = Path(__file__).resolve().parents[2]
IDS = ROOT / "tests" / "data" / "published_ids.json"
NAMES = published.names()
REAL = (
    "from archsearch import published\n"
    "import json\n"
    "print(json.dumps({name: published.load(name).id for name in published.names()}))"
)
# Python versions that pyenv, uv and the system keep beside the one that runs the tests.
COMMANDS = ("pypy3", *(f"python3.{minor}" for minor in range(8, 16)))
FOLDERS = (".pyenv/versions/*/bin/python3", ".local/share/uv/python/*/bin/python3")


def recorded() -> dict[str, str]:
    """The id that every published net has had since it was published here."""
    ids: dict[str, str] = json.loads(IDS.read_text(encoding="utf-8"))
    return ids


@cache
def asked() -> str:
    """What ``plain_id.py`` reads: files as PyYAML reads them, defaults as the layers have them."""
    folder = Path(published.__file__).parent
    nets = {
        name: yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in NAMES
    }
    layers: dict[str, Any] = {**BLOCKS, **STEMS, **DOWNSAMPLES, "head": Head}
    defaults = {
        kind: {n: f.default for n, f in layer.model_fields.items() if not f.is_required()}
        for kind, layer in layers.items()
    }
    return json.dumps({"nets": nets, "defaults": defaults})


def pythons() -> Iterator[str]:
    """Every interpreter found here that runs and is Python 3.8 or newer, one of each version."""
    found = [sys.executable, *filter(None, map(shutil.which, COMMANDS))]
    found += [str(path) for pattern in FOLDERS for path in sorted(Path.home().glob(pattern))]
    probe = "import sys; print(sys.version, sys.version_info >= (3, 8))"
    versions = set()
    for path in found:
        answer = subprocess.run([path, "-c", probe], capture_output=True, text=True, check=False)
        version, _, is_new = answer.stdout.strip().rpartition(" ")
        if is_new == "True" and version not in versions:
            versions.add(version)
            yield path


def printed(*command: str, text: str = "", **environment: str) -> dict[str, str]:
    """The ids that a process prints, in this environment with ``environment`` added."""
    process = subprocess.run(
        command, input=text, env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ids: dict[str, str] = json.loads(process.stdout)
    return ids


def test_ids_never_change() -> None:
    """Runs and files of other people hold them; a net that is new gets a line in the file."""
    assert {name: published.load(name).id for name in NAMES} == recorded()
    assert len(set(recorded().values())) == len(NAMES)


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        ((), {"PYTHONHASHSEED": "12345", "LC_ALL": "C", "PYTHONUTF8": "0"}),
        (("-I", "-OO"), {"LC_ALL": "C.utf8", "TZ": "Asia/Tokyo"}),
    ],
    ids=["hash-seed-and-locale", "isolated-and-optimised"],
)
def test_ids_are_the_same_in_another_process(
    flags: tuple[str, ...], environment: dict[str, str]
) -> None:
    """With other hashes of strings, another locale, and no assertions."""
    assert printed(sys.executable, *flags, "-c", REAL, **environment) == recorded()


def test_ids_are_the_same_under_every_python_here() -> None:
    """A second code of the id, under every Python on this machine and its own kind of JSON."""
    script = plain_id.__file__
    given = {path: printed(path, script, text=asked()) for path in pythons()}
    assert {path: ids for path, ids in given.items() if ids != recorded()} == {}


def numbers(data: Any) -> Iterator[int | float]:
    """Every number in plain data that is no truth value; fails on what JSON has no word for."""
    if isinstance(data, dict):
        assert all(isinstance(key, str) for key in data)
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from numbers(item)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield data
    else:
        assert data is None or isinstance(data, bool | str)


@pytest.mark.parametrize("name", NAMES)
def test_every_python_writes_the_canonical_form_alike(name: str) -> None:
    """ASCII; integers that a double holds; floats in digits alone, the shortest for their value."""
    text = published.load(name).canonical()
    assert text.isascii()
    assert not set("\\ \n") & set(text)
    data = json.loads(text)
    for number in numbers(data):
        assert abs(number) < 2**53
        if isinstance(number, float):
            digits = repr(number)
            assert digits in text
            assert math.isfinite(number)
            assert all(float(f"{number:.{n}g}") != number for n in range(1, significant(digits)))
    assert json.dumps(data, sort_keys=True, separators=(",", ":")) == text


def significant(digits: str) -> int:
    """Number of significant digits of a float as it is written."""
    mantissa = digits.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    return max(1, len(mantissa))

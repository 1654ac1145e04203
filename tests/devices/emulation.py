"""What tests of emulation share: where a finished setup is, or why there is none."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

from archsearch.devices.emulator.installation import Installation
from archsearch.errors import InputError

SOURCES = Path(__file__).parents[2] / "archsearch" / "devices" / "emulator"


@functools.cache
def _installation() -> Installation | str:
    try:
        return Installation.read()
    except InputError as error:
        return str(error)


def installation(isa: str = "aarch64-fp32") -> Installation:
    """The finished setup of the default folder; skips where there is none for ``isa``."""
    found = _installation()
    if isinstance(found, str):
        pytest.skip(found)
    if isa not in found.isas:
        pytest.skip(f"{found.cache}: not set up for {isa}")
    return found


def compile_c(sources: list[Path], target: Path, *flags: str) -> Path:
    """Compile C, warnings being errors; skips where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    command = [compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", *flags]
    subprocess.run([*command, "-o", str(target), *map(str, sources)], check=True)
    return target

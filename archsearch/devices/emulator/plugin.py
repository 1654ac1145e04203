"""The counting plugin: compiled for the interface of the emulator at hand."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from archsearch.errors import InputError

_SOURCES = ("counter.c", "instructions.c", "instructions.h")
_HERE = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang")


def interface(version: str) -> int:
    """Plugin interface to compile for, by what ``qemu-aarch64 --version`` says.

    Raises:
        InputError: the text holds no version.
    """
    found = re.search(r"version (\d+)\.(\d+)", version)
    if found is None:
        raise InputError(f"the emulator does not say its version but {version.strip()[:80]!r}")
    major_minor = int(found.group(1)), int(found.group(2))
    if major_minor >= (9, 1):
        return 3
    return 2 if major_minor >= (9, 0) else 1


def compiler() -> str:
    """Path of a C compiler.

    Raises:
        InputError: there is none.
    """
    for name in COMPILERS:
        if path := shutil.which(name):
            return path
    raise InputError(
        "no C compiler (cc, gcc, clang) on this machine to compile the counting plugin with; "
        "run 'apt-get install gcc libc6-dev', or put the path of one first on PATH"
    )


def recipe(api: int) -> dict[str, object]:
    """What a compiled plugin depends on."""
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _SOURCES))
    return {"api": api, "sources": digest.hexdigest()}


def compile_plugin(api: int, folder: Path) -> Mapping[str, str]:
    """Compile into ``folder``; fetches nothing.

    Raises:
        InputError: there is no compiler, or it fails.
    """
    command = [compiler(), "-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]
    command += [f"-DPLUGIN_API={api}", "-o", str(folder / "counter.so")]
    command += [str(_HERE / name) for name in _SOURCES if name.endswith(".c")]
    done = subprocess.run(  # noqa: S603 (a compiler from PATH, our sources)
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"{command[0]} cannot compile the plugin: {done.stderr.strip()[-500:]}")
    return {}

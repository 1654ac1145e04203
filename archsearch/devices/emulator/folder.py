"""Where the emulator lives: a cache folder of parts, each whole or not there at all."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsearch.errors import InputError

Say = Callable[[str], None]
"""Tells the user what happens, a line at a time."""

MANIFEST = "manifest.json"
_MADE = ".made.json"


def default_folder() -> Path:
    """``$ARCHSEARCH_EMULATOR``, else ``~/.cache/archsearch/emulator``."""
    given = os.environ.get("ARCHSEARCH_EMULATOR")
    return Path(given or "~/.cache/archsearch/emulator").expanduser().resolve()


@dataclass(frozen=True)
class Part:
    """A folder that can be made again.

    Attributes:
        name: name of the folder.
        recipe: what it is made from, as JSON data; a changed recipe makes a new part.
        make: fills an empty folder and returns what it fetched, file name to SHA-256.
    """

    name: str
    recipe: Mapping[str, Any]
    make: Callable[[Path], Mapping[str, str]]


def ensure(cache: Path, part: Part, say: Say) -> Mapping[str, str]:
    """Make ``part`` in ``cache`` unless it is there, and return what was fetched for it.

    It is filled under another name and renamed when it is whole, so that a killed setup leaves
    nothing that looks finished.
    """
    target = cache / part.name
    found = made(target)
    if found is not None and found["recipe"] == dict(part.recipe):
        say(f"{part.name}: there already")
        return dict(found["fetched"])
    say(f"{part.name}: making it")
    scratch = Path(tempfile.mkdtemp(prefix=f"unfinished.{part.name}.", dir=cache))
    try:
        fetched = dict(part.make(scratch))
        record = {"recipe": dict(part.recipe), "fetched": fetched}
        (scratch / _MADE).write_text(json.dumps(record, indent=1, sort_keys=True))
        scratch.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return fetched


def made(folder: Path) -> dict[str, Any] | None:
    """Recipe and fetched files of a part, or None where it is not there."""
    try:
        record: dict[str, Any] = json.loads((folder / _MADE).read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return record


def write_manifest(cache: Path, manifest: Mapping[str, Any]) -> None:
    """Put the manifest in its place in one step."""
    part = cache / f"{MANIFEST}.{os.getpid()}"
    part.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    part.replace(cache / MANIFEST)


def read_manifest(cache: Path) -> dict[str, Any]:
    """Read what a finished setup left.

    Raises:
        InputError: no setup has finished in this folder.
    """
    try:
        manifest: dict[str, Any] = json.loads((cache / MANIFEST).read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(
            f"{cache}: the emulator is not set up; run 'archsearch devices setup emulated' "
            "(or say with ARCHSEARCH_EMULATOR=FOLDER where it is)"
        ) from error
    return manifest


@contextmanager
def locked(cache: Path, say: Say) -> Iterator[None]:
    """Hold the folder for one setup; a second one waits, and leftovers of killed ones go."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise InputError(
            f"{cache}: cannot be written ({error.strerror}); give another folder with --folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{cache}: another setup is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in cache.glob("unfinished.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield

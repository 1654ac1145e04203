"""Folders of runs: where a run's database is, and what is there instead."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from archsearch.errors import InputError
from archsearch.store import DATABASE


def database_of(path: Path) -> Path:
    """The database of the run in a folder, or the file that is given.

    Raises:
        InputError: there is none; says what was found instead and what to give.
    """
    database = path / DATABASE if path.is_dir() else path
    if not database.is_file():
        raise InputError(f"{path}: {_found(path)}; give the folder of a run (archsearch list)")
    return database


def databases_in(folder: Path) -> list[Path]:
    """The databases of all runs in a folder, by name.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; `archsearch run` puts its runs into runs/")
    return sorted(folder.glob(f"*/{DATABASE}"))


def last_change(database: Path) -> datetime:
    """Time of the last write; what is not yet in the database stands in its write-ahead log."""
    log = database.with_name(database.name + "-wal")
    written = max(file.stat().st_mtime for file in (database, log) if file.exists())
    return datetime.fromtimestamp(written).astimezone()


def _found(path: Path) -> str:
    """What is there instead of a run."""
    if not path.exists():
        return "no such folder"
    if not path.is_dir():
        return "is no folder"
    names = sorted(entry.name for entry in path.iterdir())
    few = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"holds no {DATABASE} but {few}" if names else "is empty"

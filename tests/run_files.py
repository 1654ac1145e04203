"""What a run folder holds."""

from __future__ import annotations

from pathlib import Path

PASSING = ("run.lock", "run.sqlite-shm")
"""Files that come and go with whoever looks at a run, and hold nothing of it."""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run by name; an empty write-ahead log is the same as none."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {name: data for name, data in files.items() if name not in PASSING and data}

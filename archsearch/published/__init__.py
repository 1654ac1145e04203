"""The papers' nets: architecture files in the project's one language."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from archsearch.architecture import Architecture
from archsearch.documents import read
from archsearch.errors import InputError, nearest
from archsearch.space import architecture_of


def names() -> tuple[str, ...]:
    """Every published net, sorted by name."""
    folder = files(__name__)
    return tuple(
        sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    )


@cache
def load(name: str) -> Architecture:
    """Load a published net.

    Raises:
        InputError: no net has this name; the message names the nearest.
    """
    if name not in names():
        raise InputError(f"unknown net {name!r}; {nearest(name, names())}")
    return architecture_of(read(Path(str(files(__name__) / f"{name}.yaml"))))

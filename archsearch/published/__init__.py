"""The papers' nets: architecture files in the project's one language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from archsearch.architecture import Architecture
from archsearch.documents import read
from archsearch.errors import InputError, nearest
from archsearch.space import architecture_of

# PaCC and ParC are one operation under two titles of one paper.
ALIASES: Mapping[str, str] = MappingProxyType(
    {f"paccnet_{size}": f"parcnet_{size}" for size in ("xs", "s", "h")}
)
"""Other names of published nets."""


def names() -> tuple[str, ...]:
    """Every published net, sorted by name."""
    folder = files(__name__)
    return tuple(
        sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    )


@cache
def load(name: str) -> Architecture:
    """Load a published net, by its name or by one of ``ALIASES``.

    Raises:
        InputError: no net has this name; the message names the nearest.
    """
    file = ALIASES.get(name, name)
    if file not in names():
        raise InputError(f"unknown net {name!r}; {nearest(name, [*names(), *ALIASES])}")
    return architecture_of(read(Path(str(files(__name__) / f"{file}.yaml"))))

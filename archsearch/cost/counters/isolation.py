"""Running other people's counters without what they leave behind."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

_ABSENT = object()


@contextmanager
def blocked(*packages: str) -> Iterator[None]:
    """Let imports of ``packages`` fail inside the context, as if they were not installed.

    ptflops imports torchvision and timm where it finds them; a torchvision that was built for
    another torch fails with errors that no importer expects.
    """
    modules: dict[str, Any] = sys.modules
    before = {name: modules.get(name, _ABSENT) for name in packages}
    modules.update(dict.fromkeys(packages))
    try:
        yield
    finally:
        for name, module in before.items():
            if module is _ABSENT:
                del modules[name]
            else:
                modules[name] = module


@contextmanager
def restored(*places: Any) -> Iterator[None]:
    """Put back every attribute of modules or classes that is replaced inside the context.

    ptflops patches torch's functions and forgets one of them (``torch.baddbmm``), with which a
    second run in the same process fails.
    """
    before = [dict(vars(place)) for place in places]
    try:
        yield
    finally:
        for place, attributes in zip(places, before, strict=True):
            for name, value in attributes.items():
                if vars(place).get(name) is not value:
                    setattr(place, name, value)


@contextmanager
def wrapped(
    table: MutableMapping[Any, Any], wrap: Callable[[Any, Any], Any]
) -> Iterator[MutableMapping[Any, Any]]:
    """Replace each value of ``table`` by ``wrap(key, value)`` inside the context."""
    before = dict(table)
    table.update({key: wrap(key, value) for key, value in before.items()})
    try:
        yield table
    finally:
        table.update(before)


@contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Keep warnings away, and what is printed in the text that is given."""
    said = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        warnings.simplefilter("ignore")
        yield said

"""How commands are told of a net: by a published name, a file, or a trial of a run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.documents import read
from archsearch.errors import InputError, nearest
from archsearch.space import architecture_of

_ENDINGS = (".yaml", ".yml", ".json")


class FoundNet(NamedTuple):
    """A net, and the number of classes with which it is counted where it was found."""

    architecture: Architecture
    classes: int = 1000


def find_net(text: str) -> FoundNet:
    """Find the net that ``text`` names.

    Args:
        text: a published net's name (``hornet_tiny_gf``), an architecture file
            (``nets/mine.yaml``), or a run folder and a trial of it (``runs/mobile_5m:12``).

    Raises:
        InputError: there is no such net; says what was looked for, and the nearest name.
    """
    if text in published.names() or text in published.ALIASES:
        return FoundNet(published.load(text))
    path = Path(text)
    if path.is_file() or path.suffix in _ENDINGS:
        return FoundNet(architecture_of(read(path)))
    if path.is_dir():
        raise InputError(f"{text}: is a folder; name one trial of a run, as in {text}:0")
    run, colon, number = text.rpartition(":")
    if colon and run:
        return _trial(run, number)
    names = [*published.names(), *published.ALIASES]
    raise InputError(
        f"{text}: no published net ({nearest(text, names)}) and no file; give a published "
        "net's name, an architecture file, or RUN:TRIAL"
    )


def _trial(run: str, number: str) -> FoundNet:
    if not (number.isascii() and number.isdigit()):
        raise InputError(f"{run}:{number}: {number!r} is no number of a trial, as in {run}:0")
    # Runs need pandas and all of a study: seconds that the other nets do not wait for.
    from archsearch.results import open_run

    results = open_run(run)
    return FoundNet(results.architecture(int(number)), results.study.settings.classes)

"""What a format of runs is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archsearch.exports.runs.frames import Table
from archsearch.results import RunResults


class TableFormat(NamedTuple):
    """A format of tables.

    Attributes:
        ending: of its file.
        content: a table of a run in this format.
        meaning: for people.
    """

    ending: str
    content: Callable[[RunResults, Table], bytes]
    meaning: str


class PlaceFormat(NamedTuple):
    """A format that keeps trials in a place of its own: a database, a folder, a server.

    Attributes:
        place: where, if nothing else is said; ``{name}`` stands for a run's.
        add: adds what a place does not have of a run, and says what it did.
        meaning: for people.
    """

    place: str
    add: Callable[[RunResults, str], str]
    meaning: str

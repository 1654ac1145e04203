"""What a tracker is: a place of somebody else's that keeps trials."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Protocol

from archsearch.trackers.entry import Entry


class Tracker(Protocol):
    """A place that is open for the trials of one run.

    What it has is read from the place itself, and an entry is there whole or not at all, so that a
    run that was killed at any moment goes on without a second entry for any trial.
    """

    @property
    def known(self) -> Set[int]:
        """Numbers of the trials that it has."""
        ...

    def write(self, entry: Entry) -> None:
        """Add a trial that it does not have."""
        ...

    def close(self) -> None:
        """Leave nothing open."""
        ...


@dataclass(frozen=True)
class TrackerKind:
    """A kind of tracker.

    Attributes:
        place: where it keeps trials if nothing else is said.
        open: for a place, the name of a run and the identity of its study.
        meaning: for people.
    """

    place: str
    open: Callable[[str, str, str], Tracker]
    meaning: str

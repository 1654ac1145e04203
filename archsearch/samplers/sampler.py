"""Ask and nothing else: a sampler is a function of the space, the history and a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from archsearch.trial import Choices


@dataclass(frozen=True)
class Proposal:
    """A candidate that was asked for and accepted; ``note`` is the sampler's own JSON memory."""

    choices: Choices
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Past:
    """One finished trial as a sampler sees it, in the order of trial numbers.

    ``values`` are the study's objectives in its order and own directions, or None if it failed.
    ``complete`` is False where the trial was stopped before the last stage, so that the accuracy in
    ``values`` is an estimate and not a measurement.
    """

    choices: Choices
    values: tuple[float, ...] | None
    complete: bool
    note: Mapping[str, Any] = field(default_factory=dict)


Accept = Callable[[Choices], bool]
"""Screens a candidate: True if it is valid, new and within every limit. It counts refusals."""


class Sampler(Protocol):
    """Proposes candidates. Two samplers of the same space, seed and history propose the same."""

    def ask(
        self, past: Sequence[Past], count: int, seed: int, accept: Accept, patience: int
    ) -> list[Proposal]:
        """Return up to ``count`` accepted proposals.

        Fewer come back only after ``patience`` refusals in a row. ``past`` grows from call to call
        and never changes in what it already held; an implementation may keep what it derived from
        it, as long as a fresh sampler given the same arguments answers the same.
        """
        ...

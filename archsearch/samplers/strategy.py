"""What every sampler is made from: a space to walk, directions, options; and the loop of an ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from archsearch.samplers.sampler import Accept, Proposal, Sampler
from archsearch.trial import Choices, Scalar

Direction = Literal["minimize", "maximize"]

DROUGHT = 50
"""Refusals in a row after which a sampler that learns falls back on draws of the space, so that
narrow limits, which draws meet and its own proposals may not, do not end a search."""


class Domain(Protocol):
    """All that a sampler sees of a leaf: what can be chosen there."""

    @property
    def labels(self) -> tuple[Scalar, ...]:
        """The labels to choose from."""

    @property
    def ordered(self) -> bool:
        """True if the labels are numbers in ascending, equal steps."""


class Space(Protocol):
    """All that a sampler sees of a search space; see ``archsearch.space.SearchSpace``."""

    def walk(self, pick: Callable[[str, Domain], Scalar], /) -> Choices:
        """Visit the active leaves in a fixed order and let ``pick`` choose at each."""

    def draws(self, rng: np.random.Generator, /) -> Iterator[Choices]:
        """Draw points one after another, without end; what depends on ``rng`` alone.

        Every active leaf is uniform, but that a space with limits leaves out what breaks them.
        """

    def leaves(self) -> tuple[tuple[str, Domain], ...]:
        """Every leaf that some point has."""


class SamplerOptions(BaseModel):
    """What a study file may say about its sampler. Every option has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Strategy(Protocol):
    """A sampler's class: its options, and how a sampler is made of them."""

    @property
    def Options(self) -> type[SamplerOptions]:  # noqa: N802 (a class is meant)
        """The options that this strategy knows."""

    def __call__(self, space: Space, directions: Sequence[Direction], options: Any, /) -> Sampler:
        """Make a sampler."""


def collect(
    propose: Callable[[int], Proposal], count: int, accept: Accept, patience: int
) -> list[Proposal]:
    """Propose until ``count`` are accepted or ``patience`` in a row are refused.

    ``propose`` is told how many were refused since the last accepted one.
    """
    accepted: list[Proposal] = []
    refused = 0
    while len(accepted) < count and refused < patience:
        proposal = propose(refused)
        if accept(proposal.choices):
            accepted.append(proposal)
            refused = 0
        else:
            refused += 1
    return accepted

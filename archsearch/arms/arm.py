"""An arm: one of the nets that an ablation compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archsearch.architecture import Architecture
from archsearch.arms.claims import Claim


@dataclass(frozen=True)
class Arm:
    """A net of an ablation.

    Attributes:
        name: what the table calls it.
        changes: what was done to the base, in words; empty for the base itself.
        architecture: the net.
        blocks: of every stage, what its blocks are called in all arms: their numbers in the base,
            or the name of one that is inserted.
        levels: level of every factor, ``base`` where it is as in the base.
        reference: name of the arm that it is compared with, None for the arm that all others are.
        claim: what a paper found of this very difference, ``not found``, or None: nothing is said.
    """

    name: str
    changes: str
    architecture: Architecture
    blocks: tuple[tuple[str, ...], ...]
    levels: Mapping[str, str]
    reference: str | None
    claim: Claim | str | None = None

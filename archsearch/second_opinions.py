"""A net's exact costs beside what other people's counters say, every difference explained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.cost.counters import COUNTERS
from archsearch.cost.dispatch import Operation, operations_of
from archsearch.cost.explanation import Line, explain
from archsearch.cost.static import NetCost
from archsearch.network import Network, build


class Opinion(NamedTuple):
    """What a counter says of a net; ``lines`` sum to the difference of its MACs from ours."""

    counter: str
    params: int
    macs: int
    params_difference: int
    macs_difference: int
    lines: tuple[Line, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**self._asdict(), "lines": [line._asdict() for line in self.lines]}


def second_opinions(
    architecture: Architecture, classes: int = 1000, counters: Iterable[str] = tuple(COUNTERS)
) -> list[Opinion]:
    """Count a net with other people's counters, at its resolution and batch 1.

    The net is built and runs on the CPU once for each counter, and once for our own ledger.

    Args:
        architecture: the net.
        classes: outputs of the head.
        counters: names from ``COUNTERS``.

    Raises:
        InputError: the net is no valid architecture.
        RuntimeError: the closed forms and the operators that the net runs differ: a bug.
    """
    exact = count(architecture, classes)
    module = build(architecture, classes, seed=0).eval()
    image = torch.zeros(1, architecture.channels, *architecture.size)
    operations = operations_of(module, image)
    ran = sum(operation.macs for operation in operations)
    if ran != exact.macs:
        raise RuntimeError(
            f"{architecture.name or architecture.id}: the closed forms give {exact.macs} MACs, "
            f"the operators that ran {ran}; this is a bug of archsearch"
        )
    return [_opinion(name, module, image, exact, operations) for name in counters]


def _opinion(
    name: str, module: Network, image: Tensor, exact: NetCost, operations: list[Operation]
) -> Opinion:
    counter = COUNTERS[name]
    tally = counter.count(module, image)
    return Opinion(
        name,
        tally.params,
        tally.macs,
        tally.params - exact.params,
        tally.macs - exact.macs,
        tuple(explain(module, operations, tally, counter.blind)),
    )

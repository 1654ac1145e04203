"""Averaged weights: an exponential moving average over the steps, evaluated instead of the last."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average:
    """A copy of a module whose floating-point state follows it slowly.

    After each step t, counted from 0: average <- d average + (1 - d) weights, with d the smaller
    of ``decay`` and (1 + t) / (10 + t), so that a short training does not end with an average of
    its first steps. Statistics of batch norms are averaged too; counters are copied.

    Attributes:
        module: the averaged copy, in evaluation mode.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay
        self._pairs = list(_same_places(self.module, module))

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after step number ``step``."""
        weight = 1 - min(self._decay, (1 + step) / (10 + step))
        for average, current in self._pairs:
            if average.is_floating_point():
                average.lerp_(current, weight)
            else:
                average.copy_(current)

    @torch.no_grad()
    def give(self) -> None:
        """Put the averages into the module that they are of."""
        for average, current in self._pairs:
            current.copy_(average)


def _same_places(average: nn.Module, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """The tensors of both modules' state, name by name; a shared one once."""
    averages, currents = average.state_dict(keep_vars=True), module.state_dict(keep_vars=True)
    pairs = {id(currents[name]): (averages[name], currents[name]) for name in currents}
    return list(pairs.values())

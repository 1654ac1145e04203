"""What a training-free score is, and the copy of a network that it is taken on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from archsearch.layer_scale import set_layer_scale
from archsearch.proxies.probe import Probe

Score = Callable[[Probe], float]
"""A formula over passes through the net, see ``Probe``."""


class ProxyFailed(RuntimeError):  # noqa: N818 (an outcome of a trial, not a fault)
    """A network has no finite score; the message says why."""


@dataclass(frozen=True)
class Proxy:
    """A training-free score: ``score`` leaves the module exactly as it found it."""

    name: str
    direction: Literal["maximize", "minimize"]
    score: Score


@dataclass(frozen=True)
class ProxyScore:
    """A score, and the seconds that it takes when it is the only one asked for."""

    value: float
    seconds: float


def scoring_copy(module: nn.Module) -> nn.Module:
    """A copy to score: evaluation mode, gradients on but none there, layer scales at 1.

    A copy, because every proxy here changes weights, modes or layers, and nothing that raises half
    way can then harm the network. Layer scales of 1e-6 would hide all blocks behind their skips.
    """
    copied = copy.deepcopy(module).eval().requires_grad_(True)
    copied.zero_grad(set_to_none=True)
    set_layer_scale(copied, 1.0)
    return copied

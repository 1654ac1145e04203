"""What an untrained net answers to the images: one forward pass, looked at on its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from archsearch.proxies.passes.blocks import map_of, use_batch_statistics
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import scoring_copy

NONLINEARITIES: frozenset[Callable[..., Any]] = frozenset(
    {
        *(F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6),
        *(F.leaky_relu, F.leaky_relu_, F.prelu, torch.prelu, F.rrelu, F.threshold),
        *(F.elu, F.elu_, F.selu, F.celu, F.gelu, F.silu, F.mish, F.hardswish, F.softplus),
        *(F.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_),
        *(F.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_),
        *(F.hardsigmoid, F.hardtanh, F.logsigmoid, F.softsign),
    }
)
"""Functions whose input's sign is a bit of the activation pattern.

Modules (``nn.GELU``) call these functions, so that it does not matter which of the two a net calls.
A product of two maps (gnConv's gate) and a softmax have no threshold, and none of them is here.
"""

CHANNELS, VECTORS = 128, 1024
"""At most so many channels of a layer are sampled, at so many places of the batch."""


@dataclass(frozen=True)
class Responses:
    """One forward pass of the batch.

    Attributes:
        signs: for each call of a nonlinearity whether its input was above 0, bool, in the shape of
            that input.
        samples: for each call of a layer without children whose output is a map, its values
            (channels, places): evenly spaced channels, at the same evenly spaced pixels of every
            image. All of them, where there are no more than ``CHANNELS`` and ``VECTORS``.
    """

    signs: tuple[Tensor, ...]
    samples: tuple[Tensor, ...]


def responses(probe: Probe) -> Responses:
    """Make one forward pass without gradients; batch norms use the batch's own statistics."""
    copied = scoring_copy(probe.module)
    use_batch_statistics(copied)
    samples: list[Tensor] = []

    def keep(layer: nn.Module, _: Any, output: Any) -> None:
        if (map_ := map_of(output, layer)) is not None:
            samples.append(sample(map_))

    for layer in copied.modules():
        if not any(layer.children()):
            layer.register_forward_hook(keep)
    with torch.no_grad(), _Signs() as seen:
        copied(probe.images)
    return Responses(tuple(seen.signs), tuple(samples))


def sample(map_: Tensor) -> Tensor:
    """Take at most ``CHANNELS`` x ``VECTORS`` values of (B, C, H, W), in rows of channels."""
    batch, channels, height, width = map_.shape
    step = -(-channels // CHANNELS)
    stride = -(-batch * height * width // VECTORS)
    pixels = map_[:, ::step].flatten(2)[:, :, ::stride]
    return pixels.transpose(0, 1).flatten(1).clone()  # a later layer may work in place


class _Signs(TorchFunctionMode):
    """Notes the sign of what goes into each nonlinearity, before the function can overwrite it."""

    def __init__(self) -> None:
        super().__init__()
        self.signs: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in NONLINEARITIES:
            self.signs.append(args[0] > 0)
        return func(*args, **(kwargs or {}))

"""The flow through the absolute values of the weights: a net made linear, in float64."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.overrides import TorchFunctionMode

from archsearch.network import Network
from archsearch.proxies.passes.blocks import blocks
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import ProxyFailed, scoring_copy

RECTIFIERS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU),
    *(nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
)
"""Modules that are, or tend to, the identity on the non-negative values of this pass."""

_BATCH = 2
_CEILING, _STEP_DOWN = 1e100, 1e50


@dataclass(frozen=True)
class Flow:
    """A parameter of the linear net, its absolute value, and the gradient of R by it."""

    value: Tensor
    gradient: Tensor

    def amount(self) -> Tensor:
        """Give |theta dR/dtheta|, summed: how much of R goes through this parameter."""
        total: Tensor = vector_norm(self.value * self.gradient, 1)
        return total


@dataclass(frozen=True)
class Flows:
    """What flows through every parameter, by name; R was divided by e^``log_scale``."""

    through: Mapping[str, Flow]
    log_scale: float

    def logarithm(self, total: float, name: str) -> float:
        """Give the logarithm of a sum of flows, what R was divided by put back.

        A net through which nothing flows (all edges into a cell's last node left out) gets the
        logarithm of the smallest normal number, about -708: below any net through which it does.

        Raises:
            ProxyFailed: the sum outgrew float64.
        """
        if not 0 <= total < math.inf:
            raise ProxyFailed(f"{name}'s sum is {total}; no logarithm can be taken of it")
        return math.log(max(total, sys.float_info.min)) + self.log_scale


def flows(probe: Probe) -> Flows:
    """Differentiate R by every parameter that R depends on, by name (Tanaka et al. 2020).

    R is the sum of the outputs for an input of ones when every parameter is replaced by its
    absolute value: 1^T |W_L| ... |W_1| 1 for a chain of layers. In float64, because R grows
    exponentially with depth. The theory is about a network that is linear in its input. To stay
    near it:

    - Norms (every module with "Norm" in the name of its class) become the identity, as in
      Abdelfattah et al. 2021: batch norm's statistics mean nothing here, and a layer norm would
      divide the flow by itself and leave no score.
    - ``RECTIFIERS`` become the identity, which ReLU is on this pass. ReLU6's ceiling would cut
      the flow.
    - A product of two feature maps (the gates of gnConv, channel attention) is divided by the mean
      of its smaller factor, taken as a constant. Without this each recursive gate multiplies the
      degree of R, and four gnConv blocks outgrow float64.
    - Queries and keys are divided by their means, constants too, before they are multiplied: the
      scores before a softmax, which is bounded, would else go with the square of the flow.
    - Softmax, sigmoid and L2 normalisation stay: they are bounded and let the flow of the values
      pass.

    Where the maps between a ``Network``'s blocks outgrow ``_CEILING`` they are divided by
    ``_STEP_DOWN``, and so is R. Beside such maps biases and position tables count for nothing
    before and after it.

    The images give the size only.
    """
    linear = _linearised(scoring_copy(probe.module))
    logarithms = _kept_below_the_ceiling(linear)
    size, device = probe.images.shape[1:], probe.images.device
    ones = torch.ones(_BATCH, *size, dtype=torch.float64, device=device)
    with torch.enable_grad(), _UnitGates():
        flow = linear(ones).sum() / _BATCH
        flow.backward()
    through = {
        name: Flow(parameter.detach(), parameter.grad)
        for name, parameter in linear.named_parameters()
        if parameter.grad is not None
    }
    return Flows(through, sum(logarithms))


def _kept_below_the_ceiling(linear: nn.Module) -> list[float]:
    """Watch the blocks of ``linear``; give the list that its run fills with logarithms."""
    logarithms: list[float] = []

    def divide(_: nn.Module, __: object, output: Tensor) -> Tensor:
        if output.detach().mean() <= _CEILING:
            return output
        logarithms.append(math.log(_STEP_DOWN))
        return output / _STEP_DOWN

    for block in blocks(linear) if isinstance(linear, Network) else ():
        block.register_forward_hook(divide)
    return logarithms


def _linearised(module: nn.Module) -> nn.Module:
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, RECTIFIERS) or "Norm" in type(child).__name__:
                setattr(parent, name, nn.Identity())
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
    return module


class _UnitGates(TorchFunctionMode):
    """Divides products of two feature maps by the mean of the smaller factor, a constant.

    It is the second factor that is divided, before the product can overflow. Feature maps are told
    from parameters, however these are viewed, by the batch dimension.
    """

    _PRODUCTS = (torch.mul, Tensor.mul, Tensor.mul_)
    _MATRIX_PRODUCTS = (torch.matmul, Tensor.matmul, torch.bmm, Tensor.bmm)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in self._PRODUCTS and all(_is_feature_map(factor) for factor in args):
            mean = _smaller_mean(*args)
            return func(args[0], args[1] / torch.where(mean > 0, mean, 1))
        if func in self._MATRIX_PRODUCTS and all(_is_attended(factor) for factor in args):
            return func(*_of_mean_one(*args))
        return func(*args, **(kwargs or {}))


def _smaller_mean(first: Tensor, second: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.minimum(first.abs().mean(), second.abs().mean())


def _of_mean_one(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Divide both by their means, if neither is an attention, whose mean is below 1."""
    with torch.no_grad():
        means = torch.stack((first.abs().mean(), second.abs().mean()))
        means = torch.where(means.min() > 1, means, 1)
    return first / means[0], second / means[1]


def _is_feature_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.grad_fn is not None and len(value) == _BATCH


def _is_attended(value: Any) -> bool:
    """Whether this is a stack of matrices for each image; windows may stand in the batch's axis."""
    is_stack = isinstance(value, Tensor) and value.grad_fn is not None and value.ndim > 2
    return is_stack and len(value) % _BATCH == 0

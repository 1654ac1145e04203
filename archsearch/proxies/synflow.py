"""synflow: the total flow through the absolute values of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archsearch.proxies.proxy import Proxy, ProxyFailed, scoring_copy

RECTIFIERS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU),
    *(nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
)
"""Modules that are, or tend to, the identity on the non-negative values of this pass."""

_BATCH = 2


def synflow(module: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Logarithm of the sum of |theta dR/dtheta| (Tanaka et al. 2020).

    R is the sum of the outputs for an input of ones when every parameter is replaced by its
    absolute value: 1^T |W_L| ... |W_1| 1 for a chain of layers. Summed over all parameters, as
    Abdelfattah et al. 2021 do to score a network (they take Conv2d and Linear weights; here biases
    and the free kernels of position-aware convolutions count too). In float64, and as a logarithm,
    because R grows exponentially with depth. Higher is better. The images give the size only.

    The theory is about a network that is linear in its input. To stay near it:

    - Norms (every module with "Norm" in the name of its class) become the identity, as in
      Abdelfattah et al.: batch norm's statistics mean nothing here, and a layer norm would divide
      the flow by itself and leave no score.
    - ``RECTIFIERS`` become the identity, which ReLU is on this pass. ReLU6's ceiling would cut
      the flow.
    - A product of two feature maps (the gates of gnConv, channel attention) is divided by the mean
      of its smaller factor, taken as a constant. Without this each recursive gate multiplies the
      degree of R, and four gnConv blocks outgrow float64.
    - Softmax, sigmoid and L2 normalisation stay: they are bounded and let the flow of the values
      pass.

    Cost: one forward and one backward pass of two images in float64.

    Raises:
        ProxyFailed: the sum is 0 or outgrows float64.
    """
    del labels  # the flow alone counts
    linear = _linearised(scoring_copy(module))
    ones = torch.ones(_BATCH, *images.shape[1:], dtype=torch.float64, device=images.device)
    with torch.enable_grad(), _UnitGates():
        flow = linear(ones).sum() / _BATCH
        flow.backward()
    total = sum(
        float((parameter.detach() * parameter.grad).abs().sum())
        for parameter in linear.parameters()
        if parameter.grad is not None
    )
    if not 0 < total < math.inf:
        raise ProxyFailed(f"synflow's sum is {total}; no logarithm can be taken of it")
    return math.log(total)


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

    Feature maps are told from parameters, however these are viewed, by the batch dimension.
    """

    _PRODUCTS = (torch.mul, Tensor.mul, Tensor.mul_)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in self._PRODUCTS and all(_is_feature_map(factor) for factor in args):
            mean = _smaller_mean(*args)
            return func(*args).div_(mean)  # in place, for mul_ must change its first factor
        return func(*args, **(kwargs or {}))


def _smaller_mean(first: Tensor, second: Tensor) -> Tensor:
    with torch.no_grad():
        mean = torch.minimum(first.abs().mean(), second.abs().mean())
        return torch.where(mean > 0, mean, torch.ones_like(mean))


def _is_feature_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.grad_fn is not None and len(value) == _BATCH


SYNFLOW = Proxy("synflow", "maximize", synflow)

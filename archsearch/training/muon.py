"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal before the step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

_MOMENTUM = 0.95
_STEPS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
_MATCHED = 0.2


def is_mixing(parameter: nn.Parameter) -> bool:
    """Whether a parameter is a matrix between channels: (out, in, ...), neither side a single one.

    A depthwise kernel (C, 1, k, k) is no map between channels; its rows have nothing to share.
    """
    return parameter.ndim >= 2 and parameter.shape[0] > 1 and parameter.shape[1] > 1


class Muon(Optimizer):
    """Momentum .95 (Nesterov), orthogonalised; steps as long as AdamW's usually are.

    A kernel (out, in, h, w) counts as the matrix (out, in h w). The orthogonal matrix of m x n has
    a root mean square of 1 / sqrt(max(m, n)); times 0.2 sqrt(max(m, n)) it moves weights as far as
    AdamW typically does, so that both take the same learning rate (Liu et al. 2025, section 2.2).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, decay: float) -> None:
        super().__init__(parameters, {"lr": rate, "weight_decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # we have no closure
        """Make one step with the gradients that are there."""
        del closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group["lr"], group["weight_decay"])

    def _move(self, parameter: nn.Parameter, rate: float, decay: float) -> None:
        gradient = parameter.grad
        assert gradient is not None  # noqa: S101 (the caller looked)
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        ahead = gradient.lerp(momentum, _MOMENTUM).flatten(1)
        direction = orthogonalised(ahead).reshape(parameter.shape)
        length = _MATCHED * max(ahead.shape) ** 0.5
        parameter.mul_(1 - rate * decay).add_(direction, alpha=-rate * length)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Bring all singular values of an (m, n) matrix near 1 (0.7 to 1.2) and keep its directions.

    Five steps of the quintic X <- a X + (b A + c A^2) X with A = X X^T, which needs products only
    (Jordan et al. 2024). Singular values below a thousandth of the norm stay smaller.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(_STEPS):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.T if tall else x

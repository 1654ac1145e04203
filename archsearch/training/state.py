"""Modules and optimisers as flat tensors, and back without a changed bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archsearch.errors import InputError

_OPTIMIZER = "optimizer"


def module_state(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """Copies of a module's state, each name behind ``prefix``."""
    return {f"{prefix}.{name}": tensor.clone() for name, tensor in module.state_dict().items()}


@torch.no_grad()
def load_module(prefix: str, module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put ``module_state`` back, in place: each tensor keeps its layout in memory."""
    for name, tensor in module.state_dict().items():
        tensor.copy_(state[f"{prefix}.{name}"])


def optimizer_state(optimizers: list[Optimizer], module: nn.Module) -> dict[str, Tensor]:
    """Copies of what optimisers remember: ``optimizer.PARAMETER.SLOT``; nothing before step 1."""
    return {
        f"{_OPTIMIZER}.{name}.{slot}": value.clone()
        for optimizer in optimizers
        for name, _, slots in _remembered(optimizer, module)
        for slot, value in slots.items()
    }


def load_optimizers(
    optimizers: list[Optimizer], module: nn.Module, state: Mapping[str, Tensor]
) -> None:
    """Put ``optimizer_state`` back.

    A parameter's companions get its layout in memory, as the optimiser made them: a fused step
    goes through parameter and companions as they lie there, and files hold plain rows.
    """
    names = {parameter: name for name, parameter in module.named_parameters()}
    slots: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        owner, _, slot = key.rpartition(".")
        if owner.startswith(f"{_OPTIMIZER}."):
            slots.setdefault(owner.removeprefix(f"{_OPTIMIZER}."), {})[slot] = value
    for optimizer in optimizers:
        packed = optimizer.state_dict()
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        packed["state"] = {
            index: {s: _laid_out(value, p) for s, value in slots[names[p]].items()}
            for index, p in enumerate(parameters)
            if names[p] in slots
        }
        optimizer.load_state_dict(packed)


def check_weights(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Refuse a state whose module is another one.

    Raises:
        InputError: names or shapes differ; says how many and names one.
    """
    wanted, found = ({n: t.shape for n, t in s.items() if _is_weight(n)} for s in (own, given))
    if wanted == found:
        return
    different = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    raise InputError(
        f"this state is of another net ({len(different)} entries differ, such as "
        f"{different[0]}); give the net that it was saved with"
    )


def _is_weight(name: str) -> bool:
    return name.startswith(("module.", "average."))


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def _remembered(
    optimizer: Optimizer, module: nn.Module
) -> Iterator[tuple[str, nn.Parameter, dict[str, Any]]]:
    for name, parameter in module.named_parameters():
        if parameter in optimizer.state:
            yield name, parameter, optimizer.state[parameter]

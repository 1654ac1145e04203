"""PyTorch's ``FlopCounterMode``: formulas for operators as they are dispatched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from archsearch.cost.counters.charges import Charges, Counter, Tally


def count(module: nn.Module, image: Tensor) -> Tally:
    """Count with PyTorch's formulas, two operations a multiply-accumulate."""
    charges = Charges(module)
    formulas = {packet: _noted(charges, packet, rule) for packet, rule in flop_registry.items()}
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    with torch.no_grad(), charges.followed(), counter:
        module(image)
    params = sum(parameter.numel() for parameter in module.parameters())
    return Tally(params, counter.get_total_flops() // 2, tuple(charges.made))


def _noted(charges: Charges, packet: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        operations = rule(*args, **kwargs)
        charges.add(str(packet), operations // 2)
        return operations

    noted._get_raw = True  # type: ignore[attr-defined]  # given tensors, as PyTorch's own are
    return noted


COUNTER = Counter(count, {"": "it has no formula for this operator"})

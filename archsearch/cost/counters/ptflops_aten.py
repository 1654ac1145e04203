"""ptflops, backend "aten": formulas for operators as they are dispatched, biases included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from archsearch.cost.counters.charges import Charges, Counter, Tally
from archsearch.cost.counters.isolation import blocked, quiet
from archsearch.cost.counters.ptflops_pytorch import complexity


def count(module: nn.Module, image: Tensor) -> Tally:
    """Count with the formulas that ptflops comes with."""
    with quiet(), blocked("torchvision", "timm"):
        from ptflops.aten_ops import ATEN_OPS_MAPPING
    charges = Charges(module)
    formulas = {packet: _noted(charges, packet, rule) for packet, rule in ATEN_OPS_MAPPING.items()}
    with charges.followed():
        macs, params = complexity(module, image, "aten", formulas)
    return Tally(params, macs, tuple(charges.made))


def _noted(charges: Charges, packet: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    def noted(args: Sequence[Any], outputs: Sequence[Any]) -> Any:
        macs = rule(args, outputs)
        charges.add(str(packet), macs, bias=_bias(str(packet), args, outputs[0]))
        return macs

    return noted


def _bias(operator: str, args: Sequence[Any], out: Tensor) -> int:
    """One addition for each element that a bias is added to."""
    place = {"aten.addmm": 0, "aten.convolution": 2, "aten._convolution": 2}.get(operator)
    return out.numel() if place is not None and args[place] is not None else 0


COUNTER = Counter(count, {"": "it has no formula for this operator"})

"""fvcore's ``FlopCountAnalysis``: a JIT trace, and a rule for some kinds of its nodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.cost.counters.charges import Charges, Counter, Tally
from archsearch.cost.counters.isolation import blocked, quiet


def count(module: nn.Module, image: Tensor) -> Tally:
    """Count with the rules that fvcore comes with."""
    with quiet(), blocked("torchvision"):
        from fvcore.nn import FlopCountAnalysis, parameter_count
        from fvcore.nn.flop_count import _DEFAULT_SUPPORTED_OPS
    charges = Charges(module)
    analysis = FlopCountAnalysis(module, image)
    rules = {name: partial(_noted, charges, rule) for name, rule in _DEFAULT_SUPPORTED_OPS.items()}
    analysis.set_op_handle(**rules)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with torch.no_grad(), quiet():
        macs = int(analysis.total())
    return Tally(int(parameter_count(module)[""]), macs, tuple(charges.made))


def _noted(
    charges: Charges, rule: Callable[..., Any], inputs: list[Any], outputs: list[Any]
) -> Any:
    charged = rule(inputs, outputs)
    node = outputs[0].node()
    path = node.scopeName().split("/")[-1]
    macs = sum(charged.values()) if isinstance(charged, dict) else charged
    charges.add(node.kind(), macs, path=path)
    return charged


COUNTER = Counter(count, {"": "it has no rule for this operator"})

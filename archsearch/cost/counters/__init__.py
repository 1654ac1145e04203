"""The counters that people know: second opinions on MACs. One file and one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archsearch.cost.counters import fvcore, ptflops_aten, ptflops_pytorch, torch_flops
from archsearch.cost.counters.charges import Charge, Charges, Counter, Tally

COUNTERS: Mapping[str, Counter] = MappingProxyType(
    {
        "fvcore": fvcore.COUNTER,
        "ptflops pytorch": ptflops_pytorch.COUNTER,
        "ptflops aten": ptflops_aten.COUNTER,
        "torch": torch_flops.COUNTER,
    }
)
"""By the names that tables show. None of them is imported before it counts."""

__all__ = ["COUNTERS", "Charge", "Charges", "Counter", "Tally"]

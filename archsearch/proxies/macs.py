"""macs: how much the network multiplies, the other baseline of all scores."""

from __future__ import annotations

from archsearch.cost.dispatch import operations_of
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, scoring_copy


def macs(probe: Probe) -> float:
    """Count the multiply-accumulates of one image (Krishnakumar et al. 2022, table 1: "flops").

    At the size of the probe's images, of all operators that multiply (``cost.dispatch``). The part
    "complexity" of AZ-NAS (Lee et al. 2024) is this. Higher is better: as a score, not as a cost.

    Cost: one forward pass of one image.

    Raises:
        InputError: an operator multiplies matrices by its name and has no formula.
    """
    operations = operations_of(scoring_copy(probe.module), probe.images[:1])
    return float(sum(operation.macs for operation in operations))


MACS = Proxy("macs", "maximize", macs)

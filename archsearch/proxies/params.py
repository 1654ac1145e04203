"""params: how many numbers the network has, the baseline of all scores."""

from __future__ import annotations

from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy


def params(probe: Probe) -> float:
    """Count the parameters, the baseline that few scores beat (Krishnakumar et al. 2022, table 1).

    All of the module's, those of the head included. Higher is better: as a score, not as a cost.

    Cost: none.
    """
    return float(sum(parameter.numel() for parameter in probe.module.parameters()))


PARAMS = Proxy("params", "maximize", params)

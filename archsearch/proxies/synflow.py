"""synflow: the total flow through the absolute values of the weights."""

from __future__ import annotations

from archsearch.proxies.passes.linear import flows
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy


def synflow(probe: Probe) -> float:
    """Logarithm of the sum of |theta dR/dtheta| (Tanaka et al. 2020).

    R is the sum of the outputs of the net made linear, with all parameters at their absolute value,
    for an input of ones: see ``passes.linear.flows``. Summed over all parameters, as Abdelfattah et
    al. 2021 do to score a network (they take Conv2d and Linear weights; here biases and the free
    kernels of position-aware convolutions count too). As a logarithm, because R grows
    exponentially with depth. Higher is better. Neither images nor labels count.

    Cost: one forward and one backward pass of two images in float64.

    Raises:
        ProxyFailed: the sum outgrows float64.
    """
    found = probe.of(flows)
    total = sum(float(flow.amount()) for flow in found.through.values())
    return found.logarithm(total, "synflow")


SYNFLOW = Proxy("synflow", "maximize", synflow)

"""snip: how much of the loss hangs on the connections."""

from __future__ import annotations

import torch
from torch.linalg import vector_norm

from archsearch.proxies.passes.gradients import gradients
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy


def snip(probe: Probe) -> float:
    """Sum over all weights of |theta dL/dtheta| (Lee et al. 2019, eq. 5 and 6).

    The derivative of the loss by a mask c on the weights, dL(c theta)/dc at c = 1, in absolute
    values. The paper normalises it over one network to rank its connections; the sum, which
    Abdelfattah et al. 2021 use, ranks networks. Weights as in ``weights_of``. Higher is better.

    The paper's initialisation, of equal variance in all layers, is not imposed: the network is
    scored with its own. The batch is taken in two halves, see ``grad_norm``.

    Cost: one forward and one backward pass.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    saliences = [
        vector_norm(found.weight * found.mean, 1, dtype=torch.float64)
        for found in probe.of(gradients).layers
    ]
    return float(torch.stack(saliences).sum())


SNIP = Proxy("snip", "maximize", snip)

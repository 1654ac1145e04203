"""grad_norm: how strongly the untrained network's loss pulls at its weights."""

from __future__ import annotations

import torch
from torch.linalg import vector_norm

from archsearch.proxies.passes.gradients import gradients
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy


def grad_norm(probe: Probe) -> float:
    """Sum over layers of the Euclidean norm of the loss's gradient (Abdelfattah et al. 2021, 3.2).

    The sum over l of ||dL/dtheta_l||_2, with L the cross-entropy of one batch and theta_l the
    weight of a layer, see ``weights_of``. Higher is better.

    The batch is taken in two halves (``passes.gradients``), so that batch norms see half of it; the
    authors take it whole.

    Cost: one forward and one backward pass.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    norms = [vector_norm(found.mean, dtype=torch.float64) for found in probe.of(gradients).layers]
    return float(torch.stack(norms).sum())


GRAD_NORM = Proxy("grad_norm", "maximize", grad_norm)

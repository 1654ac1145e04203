"""meco: whether the channels of every layer tell different things."""

from __future__ import annotations

import torch
from torch import Tensor

from archsearch.proxies.passes.responses import responses
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, ProxyFailed


def meco(probe: Probe) -> float:
    """Sum over layers of the least eigenvalue of their correlation (MeCo: Jiang et al. 2023).

    For each layer the matrix of Pearson's correlations between its channels, over the pixels of its
    output, has a least eigenvalue between 0 (channels that depend on each other linearly) and 1
    (none does); the score is their sum (definition 1). Channels that do not vary correlate with
    nothing, themselves included, and make it 0. Higher is better.

    A layer is a module without children whose output is a map or a row of tokens: convolutions,
    norms, activations, linear layers, skips that are modules. The authors' code counts containers
    too, which is the same layers once more. It looks at one image of noise; here the pixels are
    those of all images, at most ``passes.responses.VECTORS`` of them, so that more layers have more
    pixels than channels, without which the value is 0. Of more than
    ``passes.responses.CHANNELS`` channels that many are taken, evenly spaced, as the paper's
    optimised variant samples 8: a principal part of the matrix, whose least eigenvalue is no less.

    Cost: one forward pass (shared), and for each layer the eigenvalues of a matrix of at most
    ``CHANNELS`` rows. In float64, for the least eigenvalue is near 0.

    Raises:
        ProxyFailed: no layer gives a map.
    """
    samples = probe.of(responses).samples
    if not samples:
        raise ProxyFailed("meco needs a layer that gives a map (B, C, H, W)")
    return sum(least_eigenvalue(sample) for sample in samples)


def least_eigenvalue(sample: Tensor) -> float:
    """Least eigenvalue of the correlations between the rows of (channels, places)."""
    channels, places = sample.shape
    if places <= channels:
        return 0.0  # rows of mean 0 depend on each other linearly then
    rows = sample.double()
    rows = rows - rows.mean(1, keepdim=True)
    size = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    if not bool((size > 0).all()):
        return 0.0
    rows = rows / size
    return float(torch.linalg.eigvalsh(rows @ rows.T)[0].clamp_min(0))


MECO = Proxy("meco", "maximize", meco)

"""az_expressivity: how much of their space the features of all blocks fill."""

from __future__ import annotations

from archsearch.proxies.passes.walk import walk
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, ProxyFailed


def az_expressivity(probe: Probe) -> float:
    """Sum over blocks of the entropy of their features (AZ-NAS: Lee et al. 2024, "expressivity").

    With lambda the eigenvalues of the covariance of a block's output over all images and positions,
    and p = lambda / sum(lambda), a block's entropy is - sum p log p, in nats: features that use all
    their channels alike have log C. Higher is better.

    The stem and every block count, downsampling layers included; of a module that is no ``Network``
    those of its children that give maps. The net sees noise and has weights drawn anew, see
    ``passes.walk``: the images give the size and their number only. Features that do not vary have
    0, where the authors' code has an undefined number.

    Cost: one forward pass, and for each block a product B H W x C x C and the eigenvalues of a
    C x C matrix; one backward pass, which az_trainability needs, goes with them (all shared by the
    three scores).

    Raises:
        ProxyFailed: no block gives a map.
    """
    entropies = probe.of(walk).entropies
    if not entropies:
        raise ProxyFailed("az_expressivity needs a block that gives a map (B, C, H, W)")
    return sum(entropies)


AZ_EXPRESSIVITY = Proxy("az_expressivity", "maximize", az_expressivity)

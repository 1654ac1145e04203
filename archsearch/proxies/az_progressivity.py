"""az_progressivity: whether the features fill more space from block to block."""

from __future__ import annotations

from itertools import pairwise

from archsearch.proxies.passes.walk import walk
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, ProxyFailed


def az_progressivity(probe: Probe) -> float:
    """Smallest growth of a block's entropy (AZ-NAS: Lee et al. 2024, "progressivity").

    The entropies are those that az_expressivity sums; the score is the minimum over blocks of
    entropy(l) - entropy(l - 1): no block should narrow what it gets. Higher is better.

    Cost: that of az_expressivity, all of it shared.

    Raises:
        ProxyFailed: fewer than two blocks give a map.
    """
    entropies = probe.of(walk).entropies
    if len(entropies) < 2:
        raise ProxyFailed(f"az_progressivity needs two blocks that give maps, got {len(entropies)}")
    return min(after - before for before, after in pairwise(entropies))


AZ_PROGRESSIVITY = Proxy("az_progressivity", "maximize", az_progressivity)

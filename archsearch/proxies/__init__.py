"""Training-free scores. A new one is one file and one line in ``PROXIES``."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor, nn

from archsearch.errors import InputError, nearest
from archsearch.proxies.az_expressivity import AZ_EXPRESSIVITY
from archsearch.proxies.az_progressivity import AZ_PROGRESSIVITY
from archsearch.proxies.az_trainability import AZ_TRAINABILITY
from archsearch.proxies.dss import DSS
from archsearch.proxies.grad_norm import GRAD_NORM
from archsearch.proxies.grasp import GRASP
from archsearch.proxies.jacob_cov import JACOB_COV
from archsearch.proxies.macs import MACS
from archsearch.proxies.meco import MECO
from archsearch.proxies.naswot import NASWOT
from archsearch.proxies.params import PARAMS
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import Proxy, ProxyFailed, ProxyScore
from archsearch.proxies.snip import SNIP
from archsearch.proxies.swap import SWAP
from archsearch.proxies.synflow import SYNFLOW
from archsearch.proxies.zen import ZEN
from archsearch.proxies.zico import ZICO

__all__ = ["PROXIES", "Probe", "Proxy", "ProxyFailed", "ProxyScore", "score_all"]

_LISTED = (
    PARAMS,
    MACS,
    GRAD_NORM,
    SNIP,
    GRASP,
    SYNFLOW,
    JACOB_COV,
    NASWOT,
    SWAP,
    MECO,
    ZEN,
    ZICO,
    DSS,
    AZ_EXPRESSIVITY,
    AZ_PROGRESSIVITY,
    AZ_TRAINABILITY,
)

PROXIES: dict[str, Proxy] = {proxy.name: proxy for proxy in _LISTED}


def score_all(
    module: nn.Module, images: Tensor, labels: Tensor, names: Iterable[str], seed: int
) -> dict[str, ProxyScore]:
    """Score ``module`` with each proxy of ``names``; the module stays exactly as it was.

    Passes through the net are shared, so that this takes less than the scores' seconds together. A
    score does not depend on which others are asked for.

    Args:
        module: (B, 3, H, W) to (B, classes).
        images: a normalised batch (B, 3, H, W) float32 on the module's device.
        labels: (B,) int64.
        names: keys of ``PROXIES``.
        seed: of the proxies that draw random numbers; the global state is left as it was.

    Raises:
        InputError: a name is not in ``PROXIES``.
        ProxyFailed: a score is not finite; says why.
    """
    probe, scores = Probe(module, images, labels, seed), {}
    for name in names:
        if name not in PROXIES:
            raise InputError(f"there is no proxy {name!r}; {nearest(name, PROXIES)}")
        value, seconds = probe.score(PROXIES[name].score, name)
        if not math.isfinite(value):
            raise ProxyFailed(f"{name}: the score is {value}")
        scores[name] = ProxyScore(value, seconds)
    return scores

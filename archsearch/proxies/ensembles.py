"""Sets of proxies, and how their ranks over a population become one score.

Ranks and not values, because proxies have no common scale. A new ensemble is one line in
``ENSEMBLES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from archsearch.errors import InputError
from archsearch.proxies import PROXIES

Floats = NDArray[np.float64]

Combine = Callable[[Floats], Floats]
"""Ranks (proxies, nets), from 1 for the worst to the number of nets, to one score a net."""


def mean_rank(ranks: Floats) -> Floats:
    """Mean over proxies of (rank - 1/2) / number: a share, of all nets that are worse."""
    shares: Floats = ((ranks - 0.5) / ranks.shape[1]).mean(axis=0)
    return shares


def log_rank(ranks: Floats) -> Floats:
    """Sum over proxies of log(rank / number), at most 0 (AZ-NAS: Lee et al. 2024).

    Harder on a net that one proxy ranks low than the mean is.
    """
    total: Floats = np.log(ranks / ranks.shape[1]).sum(axis=0)
    return total.round(_DIGITS)


TURNED = "-"
"""Stands before the name of a proxy that is to be read the other way round."""

_DIGITS = 12
"""Sums of logarithms are rounded: equal products of ranks are ties, whatever was added first."""


@dataclass(frozen=True)
class Ensemble:
    """A set of proxies and how their ranks are combined; the higher the better.

    Those that are ``turned`` count against their own direction.
    """

    proxies: tuple[str, ...]
    combine: Combine = mean_rank
    turned: frozenset[str] = frozenset()

    def of(self, scores: Mapping[str, Sequence[float]]) -> Floats:
        """Combine the scores of a population.

        Equal scores share the mean of their ranks. A score says where a net stands in this
        population and nothing beyond.

        Args:
            scores: for each proxy its score of every net, in the nets' order; other keys are left
                alone.

        Returns:
            (nets,), without nan and, but for none at all, without infinities.

        Raises:
            InputError: a proxy is missing, has a nan, or has not as many scores as the others.
        """
        if missing := [name for name in self.proxies if name not in scores]:
            raise InputError(f"{', '.join(missing)} is missing; score every net with it")
        rows = [np.asarray(scores[name], dtype=np.float64) for name in self.proxies]
        counts = {len(row) for row in rows}
        if len(counts) > 1:
            raise InputError(f"the proxies have {sorted(counts)} scores; give one for each net")
        named = list(zip(self.proxies, rows, strict=True))
        if bad := [name for name, row in named if np.isnan(row).any()]:
            raise InputError(f"{', '.join(bad)} has nan among its scores; leave those nets out")
        return self.combine(np.array([self._ranks(name, row) for name, row in named]))

    def _ranks(self, proxy: str, values: Floats) -> Floats:
        rises = (PROXIES[proxy].direction == "maximize") != (proxy in self.turned)
        ranks: Floats = rankdata(values if rises else -values)
        return ranks


def ensemble_of(names: Sequence[str]) -> Ensemble:
    """The mean rank of these proxies, each turned where ``TURNED`` stands before its name."""
    turned = frozenset(n.removeprefix(TURNED) for n in names if n.startswith(TURNED))
    return Ensemble(tuple(name.removeprefix(TURNED) for name in names), turned=turned)


_AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "macs")

ENSEMBLES: dict[str, Ensemble] = {
    "az_nas": Ensemble(_AZ_NAS, log_rank),
    "az_nas_patterns": Ensemble((*_AZ_NAS, "meco", "swap"), log_rank),
    "across_spaces": Ensemble(
        ("macs", "synflow", "zico", "meco", "az_expressivity", "az_progressivity")
    ),
}
"""``az_nas`` is that of Lee et al. 2024; ``az_nas_patterns`` adds how differently feature maps and
activations answer, by the same rule; ``across_spaces`` is the mean rank of six that err on
different nets: two that follow size, one of gradients, three of feature maps."""

DEFAULT = "across_spaces"
"""It orders both the cells of NAS-Bench-201 and the published nets better than params do; how it
was chosen, and what that leaves open: docs/proxies.md."""

"""Random search: the baseline that every other sampler has to beat (Li and Talwalkar 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archsearch.samplers.sampler import Accept, Past, Proposal
from archsearch.samplers.strategy import Direction, SamplerOptions, Space, collect


class RandomSampler:
    """Draws points of the space and looks at no result."""

    Options = SamplerOptions

    def __init__(
        self, space: Space, directions: Sequence[Direction], options: SamplerOptions
    ) -> None:
        del directions, options
        self._space = space

    def ask(
        self, past: Sequence[Past], count: int, seed: int, accept: Accept, patience: int
    ) -> list[Proposal]:
        """Return up to ``count`` accepted draws."""
        del past
        draws = self._space.draws(np.random.default_rng(seed))
        return collect(lambda _: Proposal(next(draws)), count, accept, patience)

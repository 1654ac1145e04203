"""Search strategies: each is a function of the space, the history and a seed. One file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archsearch.documents import Location, Misfit
from archsearch.errors import InputError, nearest
from archsearch.records import check
from archsearch.samplers.optuna_sampler import Nsga2, Tpe
from archsearch.samplers.pareto_evolution import ParetoEvolution
from archsearch.samplers.random import RandomSampler
from archsearch.samplers.sampler import Sampler
from archsearch.samplers.strategy import Direction, SamplerOptions, Space, Strategy

SAMPLERS: dict[str, Strategy] = {
    "random": RandomSampler,
    "nsga2": Nsga2,
    "tpe": Tpe,
    "pareto_evolution": ParetoEvolution,
}


def make_sampler(
    name: str, space: Space, directions: Sequence[Direction], options: Mapping[str, Any]
) -> Sampler:
    """Make the sampler called ``name`` with checked options.

    Raises:
        InputError: an unknown name or option, with the nearest one; an option out of its range.
    """
    if name not in SAMPLERS:
        raise InputError(f"sampler: unknown {name!r}; {nearest(name, SAMPLERS)}")
    try:
        checked = check_options(name, options, ("sampler", name))
    except Misfit as misfit:
        raise InputError(f"{'.'.join(map(str, misfit.location))}: {misfit.message}") from None
    return SAMPLERS[name](space, directions, checked)


def check_options(name: str, options: Mapping[str, Any], at: Location = ()) -> SamplerOptions:
    """Check the options of the sampler called ``name``, which stand at ``at`` in their document.

    Raises:
        Misfit: for the first option that does not hold.
    """
    return check(SAMPLERS[name].Options, dict(options), at)


__all__ = ["SAMPLERS", "check_options", "make_sampler"]

"""A census of a search space: what its members cost, and which limits they meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from archsearch.architecture import Architecture
from archsearch.codes import BoolArray, draw_codes
from archsearch.cost import NetCost
from archsearch.cost.extremes import Extremes, extremes
from archsearch.cost.population import PopulationCosts
from archsearch.errors import InputError
from archsearch.feasible import Price, prices_of
from archsearch.seeds import derive
from archsearch.settings import Limit
from archsearch.space import SearchSpace
from archsearch.study import Study

Numbers = NDArray[np.number[Any]]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

_NORMAL_95 = 1.959963984540054  # 97.5 % of a standard normal variable are below
_PATIENCE = 10_000


class Share(NamedTuple):
    """How many of the members that were drawn have some property."""

    having: int
    members: int

    @property
    def value(self) -> float:
        """The share of them, which estimates that of all members."""
        return self.having / self.members

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of all members lies, at 95 % confidence (Wilson's score interval, 1927).

        It stays inside 0 to 1 and has a width also where no member, or every one, has the property.
        """
        square = _NORMAL_95**2 / self.members
        centre = self.value + square / 2
        half = sqrt(square * (self.value * (1 - self.value) + square / 4))
        low, high = (centre - half) / (1 + square), (centre + half) / (1 + square)
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class LimitCensus:
    """What one limit of a study does to a space.

    ``refuses`` are the members that break it, ``alone`` those that break no other limit beside it.
    ``closest`` is the value of the member that comes nearest to the limit, where it is proven that
    no member meets it, and None otherwise.
    """

    name: str
    limit: Limit
    refuses: Share
    alone: Share
    closest: int | None


@dataclass(frozen=True)
class Census:
    """What the members of a space are like.

    ``extremes`` are those of all members. ``quantiles`` holds, for each counted measure, the values
    at ``QUANTILES`` of ``members`` random ones. ``within`` are those that meet every limit of the
    study, ``limits`` what each limit refuses; both are None without a study.
    """

    size: int
    exact: bool
    members: int
    extremes: Extremes
    quantiles: Mapping[str, tuple[float, ...]]
    within: Share | None = None
    limits: tuple[LimitCensus, ...] | None = None

    @property
    def log10_size(self) -> float:
        """Decimal logarithm of the number of points."""
        return log10(self.size)


def take_census(space: SearchSpace, members: int, seed: int, study: Study | None = None) -> Census:
    """Find the extremes of a space, and count random members, drawn with repetition.

    Args:
        space: the space.
        members: how many are drawn, at least 1.
        seed: of the draws.
        study: whose limits and number of classes hold; None counts for 1000 classes.

    Raises:
        InputError: the space has no valid member, or none that random draws can find.
    """
    classes = study.settings.classes if study else 1000
    ends = extremes(space.tree, classes)
    prices = prices_of(study) if study else {}
    counted = _count_members(space, members, seed, classes, prices)
    quantiles = {
        name: tuple(np.quantile(counted[name], QUANTILES).tolist()) for name in NetCost._fields
    }
    census = Census(space.size, space.exact, members, ends, quantiles)
    return census if study is None else _judged(census, counted, study.settings.constraints)


def _count_members(
    space: SearchSpace, members: int, seed: int, classes: int, prices: Mapping[str, Price]
) -> Mapping[str, Numbers]:
    """Count ``members`` random valid members, by measure, with their ``prices``."""
    rng = np.random.default_rng(derive(seed, "census"))
    costs = PopulationCosts(space.tree, classes)
    parts: dict[str, list[Numbers]] = {name: [] for name in (*NetCost._fields, *prices)}
    missing = members
    while missing > 0:
        codes = draw_codes(space.tree, rng, max(missing, _PATIENCE))
        part = costs.count(codes)
        valid = np.flatnonzero(part.valid)[:missing]
        if not len(valid):
            raise InputError(
                f"{space.name}: none of {_PATIENCE} random points is a valid member; "
                "check the widths against the layers' rules"
            )
        for name in NetCost._fields:
            parts[name].append(getattr(part, name)[valid])
        for name, price in prices.items():
            parts[name].append(price(codes[valid]))
        missing -= len(valid)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _judged(census: Census, counted: Mapping[str, Numbers], limits: Mapping[str, Limit]) -> Census:
    """Add what the limits do that hold on something that is known of every member."""
    limits = {name: limit for name, limit in limits.items() if name in counted}
    breaks = {name: _outside(limit, counted[name]) for name, limit in limits.items()}
    broken = np.sum([*breaks.values(), np.zeros(census.members, dtype=bool)], axis=0)

    def share(members: BoolArray) -> Share:
        return Share(int(members.sum()), census.members)

    found = (
        LimitCensus(
            name,
            limit,
            share(breaks[name]),
            share(breaks[name] & (broken == 1)),
            _closest(limit, name, census.extremes),
        )
        for name, limit in limits.items()
    )
    return replace(census, within=share(broken == 0), limits=tuple(found))


def _outside(limit: Limit, values: Numbers) -> BoolArray:
    """Which values break a limit; see ``Limit.excess``."""
    low = 0 if limit.at_least is None else limit.at_least
    high = np.inf if limit.at_most is None else limit.at_most
    outside: BoolArray = (values < low) | (values > high)
    return outside


def _closest(limit: Limit, name: str, ends: Extremes) -> int | None:
    """The member's value nearest to a limit that every member is proven to break on one side."""
    if name not in ends.smallest:
        return None
    small, large = ends.smallest[name], ends.largest[name]
    if limit.at_most is not None and small.value > limit.at_most and small.exact:
        return small.value
    if limit.at_least is not None and large.value < limit.at_least and large.exact:
        return large.value
    return None


def draw_members(space: SearchSpace, number: int, seed: int) -> list[Architecture]:
    """Draw ``number`` different members.

    Raises:
        InputError: the space has fewer points, or repeats came so often that it must have fewer
            architectures.
    """
    if number > space.size:
        raise InputError(f"{space.name}: has {space.size:,} points; ask for no more than that")
    rng = np.random.default_rng(derive(seed, "members"))
    members: dict[str, Architecture] = {}
    for _ in range(1_000 + 100 * number):
        member = space.sample(rng)
        members.setdefault(member.id, member)
        if len(members) == number:
            return list(members.values())
    raise InputError(
        f"{space.name}: {len(members)} different architectures were found, not {number}; "
        "ask for fewer"
    )


def write_members(members: Sequence[Architecture], folder: Path) -> None:
    """Write one architecture file a member, called after its id; the folder is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for member in members:
        text = yaml.safe_dump(member.to_data(), sort_keys=False, width=100)
        (folder / f"{member.id}.yaml").write_text(text, encoding="utf-8")

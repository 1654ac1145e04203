"""The best blocks of a stage, at every width and size.

Groups of a stage are independent of one another but for the parameters that their blocks share
(CMT's tables), which are paid once where they are there at all. Where shared parameters count, the
best is found for every set of them that may be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from archsearch.architecture import block_problem
from archsearch.blocks.layer import Layer, Site
from archsearch.cost.prices import (
    IMPOSSIBLE,
    Aim,
    Axes,
    Best,
    Option,
    Picks,
    below,
    joined_costs,
    labelled,
    placed,
)
from archsearch.cost.vectors import BoolArray, IntArray
from archsearch.grammar import Group

MOST_SETS = 256
"""Sets of tables that are followed at once. Where more would be needed the cheapest are followed,
and what is found is no longer proven to be an extreme."""

Tables = frozenset[tuple[int, str]]
"""Shared parameters of the copies of a stage, by copy and name."""

NO_TABLES: Tables = frozenset()


class Offered(NamedTuple):
    """What a slot offers at (channels, sizes): the best of all, and by what it shares.

    ``tables`` holds how many parameters are shared under each name.
    """

    options: Sequence[Option]
    best: Best
    sharing: dict[Tables, Best]
    tables: dict[tuple[int, str], IntArray]


class Inside(NamedTuple):
    """Signed value of the best blocks at (channels, sizes), their picks there, and proof."""

    value: IntArray
    picks: Callable[[int, int], Picks]
    proven: bool


def offered(axes: Axes, options: Sequence[Option], chain: Sequence[Sequence[int]]) -> Offered:
    """What stands in every copy of a stage; ``chain`` has the copies' sizes by the first one's."""
    found = Offered(options, Best(axes.shape), {}, {})
    channels = np.array(axes.channels)
    for number, option in enumerate(options):
        layer: Layer = option.layer
        single, fits = placed(axes, layer, channels, channels, block_problem)
        costs = single[:, chain[0]]
        for sizes in chain[1:]:
            costs = joined_costs(costs, single[:, sizes])
        valid = np.broadcast_to(fits[:, None], axes.shape)
        found.best.offer(number, costs, valid)
        names = _note_tables(found.tables, axes, layer, chain)
        found.sharing.setdefault(names, Best(axes.shape)).offer(number, costs, valid)
    return found


def inside(groups: Sequence[Group], offers: Sequence[Offered], aim: Aim, at: BoolArray) -> Inside:
    """The best blocks of a stage at (channels, sizes); nothing is looked for but ``at`` these."""
    parts: list[Inside] = []
    tied: list[_Tied] = []
    for number, (group, offer) in enumerate(zip(groups, offers, strict=True)):
        path = f"blocks.{number}"
        if aim.pays_tables and offer.tables:
            tied.append(_Tied(offer, _repeats(group, path, aim), group.vary, path))
        else:
            parts.append(_free(group, offer, aim, path))
    if tied:
        parts.append(_together(tied, aim, at))
    value = np.where(at, 0, IMPOSSIBLE)
    for part in parts:
        value = aim.join(value, part.value)

    def picks(width: int, size: int) -> Picks:
        return tuple(pick for part in parts for pick in part.picks(width, size))

    return Inside(value, picks, all(part.proven for part in parts))


def _repeats(group: Group, path: str, aim: Aim) -> list[tuple[int, Picks]]:
    """The repeats that can be in an extreme: the least or the most, and none at all.

    One copy more never makes a net cheaper. None is tried in any case, for a group may hold no
    block that can stand at a width.
    """
    repeats = list(labelled(group.repeat, f"{path}.repeat"))
    best = (min if aim.sign > 0 else max)(repeats, key=_count)
    return [best, *(repeat for repeat in repeats if not repeat[0] and best[0])]


def _count(repeat: tuple[int, Picks]) -> int:
    return repeat[0]


def _free(group: Group, offer: Offered, aim: Aim, path: str) -> Inside:
    """The best blocks of a group that shares nothing: the cheapest layer in each of its copies."""
    single, option = offer.best.value[aim], offer.best.option[aim]
    value = np.full(single.shape, IMPOSSIBLE, dtype=np.int64)
    chosen = np.zeros(single.shape, dtype=np.int64)
    repeats = _repeats(group, path, aim)
    for number, (repeat, _) in enumerate(repeats):
        found = aim.times(single, repeat) if repeat else np.zeros_like(single)
        chosen[found < value] = number
        value = np.minimum(value, found)

    def picks(width: int, size: int) -> Picks:
        repeat, picked = repeats[chosen[width, size]]
        layer = offer.options[option[width, size]].picks
        places = _places(path, repeat, group.vary)
        return (*picked, *(pick for place in places for pick in below(place, layer)))

    return Inside(value, picks, True)


def _places(path: str, repeat: int, vary: bool) -> list[str]:
    """Paths of the slots of a group: one a copy if they vary, one for all if they are alike."""
    return [f"{path}.{copy}" for copy in range(repeat)] if vary else [path] * bool(repeat)


class _Tied(NamedTuple):
    """A group some of whose blocks share parameters."""

    offer: Offered
    repeats: list[tuple[int, Picks]]
    vary: bool
    path: str


class _Way(NamedTuple):
    """Blocks of a stage: their signed value, and which option stands where."""

    value: int
    picks: Picks
    stands: tuple[tuple[str, Option], ...]


_Ways = dict[Tables, _Way]
"""The best way to each set of tables."""


class _Choice(NamedTuple):
    """An option with what it shares and its signed value, at one width and size."""

    value: int
    tables: Tables
    option: Option


def _together(tied: Sequence[_Tied], aim: Aim, at: BoolArray) -> Inside:
    """The best blocks of groups that share with one another, at one width and size at a time."""
    value = np.full(at.shape, IMPOSSIBLE, dtype=np.int64)
    ways: dict[tuple[int, int], _Way] = {}
    proven = True
    for cell in zip(*(axis.tolist() for axis in at.nonzero()), strict=True):
        search = _Cell(tied, aim, cell)
        way = search.best()
        if way is not None:
            value[cell], ways[cell] = way.value, way
        proven = proven and search.proven

    def picks(width: int, size: int) -> Picks:
        way = ways[width, size]
        stands = (pick for path, option in way.stands for pick in below(path, option.picks))
        return (*way.picks, *stands)

    return Inside(value, picks, proven)


class _Cell:
    """The search for the best blocks at one width and size."""

    def __init__(self, tied: Sequence[_Tied], aim: Aim, cell: tuple[int, int]) -> None:
        self._tied, self._aim, self._cell = tied, aim, cell
        self._params = {
            name: int(params[cell]) for group in tied for name, params in group.offer.tables.items()
        }
        self.proven = True

    def best(self) -> _Way | None:
        """The best way of all, whatever it shares."""
        ways: _Ways = {NO_TABLES: _Way(0, (), ())}
        for group in self._tied:
            ways = self._with_group(ways, group)
        return min(ways.values(), key=_value_of, default=None)

    def _with_group(self, ways: _Ways, group: _Tied) -> _Ways:
        found: _Ways = {}
        for repeat, picks in group.repeats:
            behind = {t: way._replace(picks=(*way.picks, *picks)) for t, way in ways.items()}
            alike = 1 if group.vary else repeat
            choices = list(self._choices(group.offer, alike)) if repeat else []
            for path in _places(group.path, repeat, group.vary):
                behind = self._with_block(behind, choices, path)
            for tables, way in behind.items():
                _keep(found, tables, way)
        return found

    def _with_block(self, ways: _Ways, choices: Sequence[_Choice], path: str) -> _Ways:
        found: _Ways = {}
        for held, way in ways.items():
            for choice in choices:
                value = way.value + choice.value + self._paid(choice.tables - held)
                tables = held | choice.tables
                if tables not in found or value < found[tables].value:
                    found[tables] = _Way(value, way.picks, (*way.stands, (path, choice.option)))
        return found if len(found) <= MOST_SETS else self._thinned(found)

    def _choices(self, offer: Offered, copies: int) -> Iterator[_Choice]:
        """The best option of each set of tables, unless another one is as good whatever is held."""
        found: list[_Choice] = []
        for tables, best in offer.sharing.items():
            value = int(best.value[self._aim][self._cell])
            if value < IMPOSSIBLE:
                option = offer.options[best.option[self._aim][self._cell]]
                found.append(_Choice(copies * value, tables, option))
        found.sort(key=_value_of)
        kept: list[_Choice] = []
        for one in found:
            if not any(b.value + self._apart(b.tables, one.tables) <= one.value for b in kept):
                kept.append(one)
        return iter(kept)

    def _thinned(self, ways: _Ways) -> _Ways:
        """Leave out what is beaten whatever follows; then, without proof, the dearest."""
        kept: _Ways = {}
        for tables, way in sorted(ways.items(), key=_value_of_item):
            if len(kept) == MOST_SETS:
                self.proven = False
                break
            if not any(b.value + self._apart(tables, t) <= way.value for t, b in kept.items()):
                kept[tables] = way
        return kept

    def _paid(self, tables: Tables) -> int:
        return self._aim.sign * sum(self._params[name] for name in tables)

    def _apart(self, one: Tables, other: Tables) -> int:
        """What ``one`` may still cost beside ``other``, by the tables that only one of them has.

        For the smallest, those that ``one`` alone has may have to be paid; for the largest, those
        that ``other`` alone has may be gained.
        """
        only = one - other if self._aim.sign > 0 else other - one
        return sum(self._params[name] for name in only)


def _value_of(found: _Way | _Choice) -> int:
    return found.value


def _value_of_item(item: tuple[Tables, _Way]) -> int:
    return item[1].value


def _keep(ways: _Ways, tables: Tables, way: _Way) -> None:
    if tables not in ways or way.value < ways[tables].value:
        ways[tables] = way


def _note_tables(
    tables: dict[tuple[int, str], IntArray],
    axes: Axes,
    layer: Layer,
    chain: Sequence[Sequence[int]],
) -> Tables:
    """Names of what a layer shares in each copy of a stage; their sizes are noted in ``tables``."""
    names = frozenset(layer.shared(Site(1, 1, *axes.sizes[0])))
    for name in names - {name for _, name in tables}:
        params = np.array(
            [
                [prod(layer.shared(Site(width, width, *size))[name]) for size in axes.sizes]
                for width in axes.channels
            ]
        )
        for copy, sizes in enumerate(chain):
            tables[copy, name] = params[:, sizes]
    return frozenset((copy, name) for name in names for copy in range(len(chain)))

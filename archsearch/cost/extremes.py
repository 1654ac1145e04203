"""The smallest and the largest cost of a space, exactly, with a member that has it.

Dynamic programming over arrays: what the stages behind a place add depends on the channels and the
size of the map there and on nothing else, so that the best of every (stage, channels, size) is
found once, from the last stage to the first. Sampling would not find these members: of a space's
points a vanishing share is near its ends.

Where several places hold one layer (``define``), what stands behind a place depends on more than
the map there. The points of such a space are counted one by one, if there are not too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from archsearch.blocks.layer import Site
from archsearch.codes import choices_of, draw_codes, leaves_of
from archsearch.cost.insides import Inside, Offered, inside, offered
from archsearch.cost.population import PopulationCosts
from archsearch.cost.prices import (
    AIMS,
    IMPOSSIBLE,
    MEASURES,
    Aim,
    Axes,
    Best,
    Option,
    Picks,
    Start,
    below,
    head_costs,
    image_sizes,
    labelled,
    layer_costs,
    options,
    starts,
)
from archsearch.cost.vectors import IntArray
from archsearch.errors import InputError
from archsearch.grammar import Slot, StageNode, Tree, values_of
from archsearch.trial import Choices

First = Literal["same", "other", "any"]
"""Width of the stage that comes next beside that of the map: the first one's may be bound to it."""


Chain = tuple[tuple[int, ...], ...]
"""Index of the map's size in each copy of a stage, by that in the first one."""


MOST_POINTS = 1 << 18
"""Points that are counted one by one; of a larger space with definitions, so many random ones."""

_SEED = 0
_NO_MEMBER = "the space has no valid member; check the widths against the layers' rules"


class Extreme(NamedTuple):
    """A value, the point of the space that has it, and whether it is proven that none goes beyond.

    It is, unless a stage can hold more combinations of shared parameters than can be followed, or
    the space has definitions and more than ``MOST_POINTS`` points.
    """

    value: int
    choices: Choices
    exact: bool


@dataclass(frozen=True)
class Extremes:
    """The smallest and the largest value of every counted measure, over all members of a space."""

    smallest: Mapping[str, Extreme]
    largest: Mapping[str, Extreme]


def extremes(tree: Tree, classes: int = 1000) -> Extremes:
    """Find the extremes of every counted measure over the valid members of ``tree``.

    Raises:
        InputError: no point of the space is valid.
    """
    if tree.defined:
        found = _counted(tree, classes)
    else:
        parts = _Parts(tree, classes)
        found = {aim: _Search(parts, aim).best() for aim in AIMS}
    smallest, largest = (
        {MEASURES[aim.measure]: extreme for aim, extreme in found.items() if aim.sign == sign}
        for sign in (1, -1)
    )
    return Extremes(smallest, largest)


def _counted(tree: Tree, classes: int) -> dict[Aim, Extreme]:
    """The extremes of points counted one by one: of all, or of random ones where they are many."""
    rows, every = _points(tree)
    counted = PopulationCosts(tree, classes).count(rows)
    if not counted.valid.any():
        raise InputError(_NO_MEMBER)
    found = {}
    for aim in AIMS:
        values = getattr(counted, MEASURES[aim.measure])
        at = int(np.where(counted.valid, aim.sign * values, IMPOSSIBLE).argmin())
        found[aim] = Extreme(int(values[at]), choices_of(tree, rows[at]), every)
    return found


def _points(tree: Tree) -> tuple[IntArray, bool]:
    """Points (N, L) of a space, and whether they are all."""
    sizes = [len(leaf.domain.labels) for leaf in leaves_of(tree)]
    if prod(sizes) > MOST_POINTS:
        return draw_codes(tree, np.random.default_rng(_SEED), MOST_POINTS), False
    return np.indices(sizes).reshape(len(sizes), prod(sizes)).T, True


class _Parts:
    """What the slots of a tree offer. Equal ones share theirs."""

    def __init__(self, tree: Tree, classes: int) -> None:
        self.tree, self.axes = tree, Axes(tree)
        self.heads = list(options(tree.head))
        self.best_heads = self._best_heads(classes)
        self._slots: list[tuple[Slot, list[Option]]] = []
        self._starts: dict[tuple[int, int], list[Start]] = {}
        self._blocks: dict[tuple[int, Chain], Offered] = {}

    def starts(self, stage: StageNode, copies: int) -> list[Start]:
        """What can begin the copies of a stage."""
        key = (self._number(stage.downsample), copies)
        if key not in self._starts:
            self._starts[key] = starts(self.axes, self._slots[key[0]][1], copies)
        return self._starts[key]

    def blocks(self, stage: StageNode, chain: Chain) -> list[Offered]:
        """What can stand in the groups of a stage whose copies have the sizes of ``chain``."""
        found = []
        for group in stage.groups:
            key = (self._number(group.slot), chain)
            if key not in self._blocks:
                self._blocks[key] = offered(self.axes, self._slots[key[0]][1], chain)
            found.append(self._blocks[key])
        return found

    def options(self, slot: Slot) -> list[Option]:
        """Everything that a slot offers."""
        return self._slots[self._number(slot)][1]

    def _number(self, slot: Slot) -> int:
        for number, (known, _) in enumerate(self._slots):
            if known == slot:
                return number
        self._slots.append((slot, list(options(slot))))
        return len(self._slots) - 1

    def _best_heads(self, classes: int) -> Best:
        shape = self.axes.shape
        best = Best(shape)
        sites = self.axes.sites(self.axes.channels, self.axes.channels).reshape(-1, 4)
        for number, option in enumerate(self.heads):
            if not option.layer.problem():
                costs = head_costs(option.layer, sites, classes).reshape(*shape, -1)
                best.offer(number, costs, np.ones(shape, dtype=bool))
        return best


class _Candidate(NamedTuple):
    """One way to go on at a stage: leave it out, or copies that begin with layers of one effect."""

    picks: Picks
    start: Start | None = None
    inside: Inside | None = None
    chain: Chain = ()


class _Rest(NamedTuple):
    """The best from a stage on, at (channels, sizes): its signed value, and what is chosen."""

    value: IntArray
    candidates: Sequence[_Candidate] = ()
    chosen: IntArray = np.zeros((0, 0), dtype=np.int64)
    width: IntArray = np.zeros((0, 0), dtype=np.int64)


class _Search:
    """The search for one extreme."""

    def __init__(self, parts: _Parts, aim: Aim) -> None:
        self._parts, self._aim = parts, aim
        self._tree, self._axes = parts.tree, parts.axes
        self._rests: dict[tuple[int, First], _Rest] = {}
        self._insides: dict[tuple[int, Chain], Inside] = {}

    def best(self) -> Extreme:
        """The extreme, with a point that has it."""
        value, picks = min(self._nets(), key=_first, default=(IMPOSSIBLE, None))
        if picks is None:
            raise InputError(_NO_MEMBER)
        proven = all(found.proven for found in self._insides.values())
        return Extreme(self._aim.sign * value, dict(picks), proven)

    def _nets(self) -> Iterator[tuple[int, Picks]]:
        """The best net behind each stem on each image."""
        for option in self._parts.options(self._tree.stem):
            for image, entry in image_sizes(self._tree):
                costs = self._stem_costs(option, image)
                size = self._axes.size(option.layer.out_size(*image))
                for picks, first, channels in self._stem_widths():
                    rest = self._rest(0, first)
                    total = self._aim.join(costs, rest.value[:, size])[channels]
                    at = int(channels[total.argmin()])
                    if total.min() < IMPOSSIBLE:
                        own = (*entry, *below("stem", option.picks), *picks)
                        yield int(total.min()), (*own, *self._picks(0, first, at, size))

    def _stem_costs(self, option: Option, image: tuple[int, int]) -> IntArray:
        """Signed values of a stem by its channels."""
        channels = np.array(self._axes.channels)
        sites = np.empty((len(channels), 4), dtype=np.int64)
        sites[:] = (self._tree.channels, 0, *image)
        sites[:, 1] = channels
        valid = np.array([not option.layer.problem(Site(*site)) for site in sites.tolist()])
        return self._aim.signed(layer_costs(option.layer, sites), valid)

    def _stem_widths(self) -> Iterator[tuple[Picks, First, IntArray]]:
        """What can be said of the stem's width, and the channels that it then can have.

        null is the first stage's width, and where it is offered, nothing else says the same.
        """
        given = list(labelled(self._tree.stem_width, "stem.width"))
        nulls = any(width is None for width, _ in given)
        for width, picks in given:
            if width is None:
                yield picks, "same", np.arange(len(self._axes.channels))
            else:
                at = np.array([self._axes.channel(width)])
                yield picks, "other" if nulls else "any", at

    def _rest(self, index: int, first: First) -> _Rest:
        key = (index, first)
        if key not in self._rests:
            last = index == len(self._tree.stages)
            self._rests[key] = self._end(first) if last else self._from(index, first)
        return self._rests[key]

    def _end(self, first: First) -> _Rest:
        """The head. Some stage must stand before it."""
        value = self._parts.best_heads.value[self._aim]
        return _Rest(value if first == "any" else np.full_like(value, IMPOSSIBLE))

    def _from(self, index: int, first: First) -> _Rest:
        """The best from a stage on."""
        shape = self._axes.shape
        best = _Rest(
            np.full(shape, IMPOSSIBLE, dtype=np.int64),
            list(self._candidates(index)),
            np.zeros(shape, dtype=np.int64),
            np.zeros(shape, dtype=np.int64),
        )
        for number, candidate in enumerate(best.candidates):
            value, width = self._tried(index, first, candidate)
            better = value < best.value
            best.value[better] = value[better]
            best.chosen[better] = number
            best.width[better] = width[better]
        return best

    def _candidates(self, index: int) -> Iterator[_Candidate]:
        stage, path = self._tree.stages[index], f"stages.{index}"
        for copies, picks in labelled(stage.repeat, f"{path}.repeat"):
            if not copies:
                yield _Candidate(picks)
                continue
            for start in self._parts.starts(stage, copies):
                chain = [tuple(range(len(self._axes.sizes)))]
                for _ in range(1, copies):
                    chain.append(tuple(start.out[size] for size in chain[-1]))
                yield _Candidate(picks, start, self._inside(index, tuple(chain)), tuple(chain))

    def _inside(self, index: int, chain: Chain) -> Inside:
        stage = self._tree.stages[index]
        key = (self._tree.stages.index(stage), chain)
        if key not in self._insides:
            at = np.isin(self._axes.channels, values_of(stage.width))[:, None]
            offers = self._parts.blocks(stage, chain)
            self._insides[key] = inside(
                stage.groups, offers, self._aim, np.broadcast_to(at, self._axes.shape)
            )
        return self._insides[key]

    def _tried(self, index: int, first: First, candidate: _Candidate) -> tuple[IntArray, IntArray]:
        """The best value of a candidate at (channels, sizes), and the index of its width there."""
        start, blocks = candidate.start, candidate.inside
        if start is None or blocks is None:
            value = self._rest(index + 1, first).value
            return value, np.zeros_like(value)
        rest = self._rest(index + 1, "any").value[:, candidate.chain[-1]]
        behind = self._aim.join(blocks.value, rest)[:, start.out]
        whole = self._aim.join(start.best.value[self._aim], behind[None])
        if first != "any":
            same = np.eye(len(self._axes.channels), dtype=bool)
            fits = same if first == "same" else ~same
            whole = np.where(fits[..., None], whole, IMPOSSIBLE)
        return whole.min(axis=1), whole.argmin(axis=1)

    def _picks(self, index: int, first: First, channels: int, size: int) -> Picks:
        """What is chosen from a stage on, behind a map with these indices."""
        if index == len(self._tree.stages):
            head = self._parts.best_heads.option[self._aim][channels, size]
            return below("head", self._parts.heads[head].picks)
        rest, stage, path = self._rest(index, first), self._tree.stages[index], f"stages.{index}"
        picks, start, blocks, chain = rest.candidates[rest.chosen[channels, size]]
        if start is None or blocks is None:
            return (*picks, *self._picks(index + 1, first, channels, size))
        at = int(rest.width[channels, size])
        width = dict(labelled(stage.width, f"{path}.width"))[self._axes.channels[at]]
        option = start.best.option[self._aim][channels, at, size]
        down = below(f"{path}.downsample", self._parts.options(stage.downsample)[option].picks)
        block = start.out[size]
        own = (*picks, *width, *down, *below(path, blocks.picks(at, block)))
        return (*own, *self._picks(index + 1, "any", at, chain[-1][block]))


def _first(net: tuple[int, Picks]) -> int:
    return net[0]

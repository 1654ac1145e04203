"""What a space offers at each place, and what that adds to a net, as arrays over all sites.

Axes are the channels that a map can have and the sizes that it can have. Of the stems, the
downsampling layers and the heads only the best for each aim is kept, once for each effect that it
has on the rest of the net: a choice that is beaten by one of the same effect is in no extreme.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.live import LiveSet
from archsearch.cost.static import BYTES, NetCost
from archsearch.cost.vectors import BoolArray, IntArray, evaluate, larger
from archsearch.grammar import Alternative, Fixed, Node, Slot, Tree, values_of
from archsearch.trial import Scalar

MEASURES = NetCost._fields
PEAK = MEASURES.index("peak_memory_bytes")
"""The one measure that is a largest and not a sum."""

NOWHERE = -1
"""Index of a size that no map has."""

IMPOSSIBLE = 1 << 60
"""Signed value of what cannot stand."""

Size = tuple[int, int]
Picks = tuple[tuple[str, Scalar], ...]
"""Labels by the path of their leaf, relative to where they are noted."""


class Aim(NamedTuple):
    """An extreme: the smallest (``sign`` 1) or the largest (-1) value of a measure.

    Values are signed, so that the smallest is looked for whatever the aim.
    """

    measure: int
    sign: int

    @property
    def pays_tables(self) -> bool:
        """Whether parameters that blocks share count."""
        return MEASURES[self.measure] == "params"

    def signed(self, costs: IntArray, valid: BoolArray) -> IntArray:
        """Signed values of costs (..., measures)."""
        return np.where(valid, self.sign * costs[..., self.measure], IMPOSSIBLE)

    def join(self, one: IntArray, other: IntArray) -> IntArray:
        """Signed value of two parts of a net together, from theirs."""
        joined = one + other
        if self.measure == PEAK:
            joined = np.maximum(one, other) if self.sign > 0 else np.minimum(one, other)
        return np.where(np.maximum(one, other) < IMPOSSIBLE, joined, IMPOSSIBLE)

    def times(self, value: IntArray, copies: int) -> IntArray:
        """Signed value of alike parts; at least one."""
        repeated = value if self.measure == PEAK else copies * value
        return np.where(value < IMPOSSIBLE, repeated, IMPOSSIBLE)


AIMS = tuple(Aim(measure, sign) for measure in range(len(MEASURES)) for sign in (1, -1))


class Option(NamedTuple):
    """A layer or head that a slot offers (None: no layer)."""

    layer: Any
    picks: Picks


class Best:
    """The cheapest option at every site, for each aim."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.value = {aim: np.full(shape, IMPOSSIBLE, dtype=np.int64) for aim in AIMS}
        self.option = {aim: np.zeros(shape, dtype=np.int64) for aim in AIMS}

    def offer(self, option: int, costs: IntArray, valid: BoolArray) -> None:
        """Take an option where it is cheaper than those before it."""
        for aim in AIMS:
            value = aim.signed(costs, valid)
            better = value < self.value[aim]
            self.value[aim][better] = value[better]
            self.option[aim][better] = option


class Axes:
    """The channels and sizes that maps of a space can have, behind the stem and further on."""

    def __init__(self, tree: Tree) -> None:
        widths = [values_of(tree.stem_width), *(values_of(s.width) for s in tree.stages)]
        self.channels = tuple(sorted({w for given in widths for w in given if w is not None}))
        self.sizes = tuple(sorted(_sizes(tree)))
        self._at = {size: index for index, size in enumerate(self.sizes)}

    @property
    def shape(self) -> tuple[int, int]:
        """How many channels and sizes there are."""
        return len(self.channels), len(self.sizes)

    def size(self, size: Size) -> int:
        """Index of a size."""
        return self._at[size]

    def channel(self, channels: int) -> int:
        """Index of a number of channels."""
        return self.channels.index(channels)

    def out(self, layer: Layer | None) -> tuple[int, ...]:
        """Index of the size behind a layer, by the index of the size before it.

        ``NOWHERE`` where no map of the space has that size: the layer cannot come there.
        """
        if layer is None:
            return tuple(range(len(self.sizes)))
        return tuple(self._at.get(layer.out_size(*size), NOWHERE) for size in self.sizes)

    def sites(self, before: Sequence[int], widths: Sequence[int]) -> IntArray:
        """Every site of layers between these channels, pair by pair: (pairs, sizes, 4)."""
        found = np.empty((len(before), len(self.sizes), 4), dtype=np.int64)
        found[:, :, 0] = np.array(before)[:, None]
        found[:, :, 1] = np.array(widths)[:, None]
        found[:, :, 2:] = np.array(self.sizes)
        return found


def image_sizes(tree: Tree) -> Iterator[tuple[Size, Picks]]:
    """Every size of the input, with the choice that it stands for."""
    for resolution, picks in labelled(tree.resolution, "input.resolution"):
        yield (resolution, resolution) if isinstance(resolution, int) else resolution, picks


def options(slot: Slot) -> Iterator[Option]:
    """Everything that a slot offers, valid somewhere or not."""
    for alternative in slot.alternatives:
        layer = (("layer", alternative.label),) if len(slot.alternatives) > 1 else ()
        for made, picks in _closings(alternative):
            yield Option(made, (*layer, *picks))


def labelled(node: Node, name: str) -> Iterator[tuple[Any, Picks]]:
    """Every value that a node can take, with the choice that it stands for."""
    if isinstance(node, Fixed):
        yield node.value, ()
        return
    for label, value in zip(node.domain.labels, node.values, strict=True):
        yield value, ((name, label),)


def below(path: str, picks: Picks) -> Picks:
    """The picks, told from where ``path`` is relative to."""
    return tuple((f"{path}.{name}", label) for name, label in picks)


def layer_costs(layer: Layer, sites: IntArray) -> IntArray:
    """Costs (n, measures) of a layer at sites (n, 4), shared parameters left out."""

    def memory(site: Site) -> tuple[int]:
        live = _LiveSets(site.elements)
        layer.follow(site, live)
        return (BYTES * live.most,)

    return np.concatenate([evaluate(layer.cost, sites), evaluate(memory, sites)], axis=1)


class _LiveSets(LiveSet):
    """Live sets at many sites at once."""

    def write(self, elements: int) -> None:
        """Take the larger one at each site, where the plain set would have to part the sites."""
        self.now += elements
        self.most = larger(self.most, self.now)


def head_costs(head: Head, sites: IntArray, classes: int) -> IntArray:
    """Costs (n, measures) of a head on maps that come in at sites (n, 4)."""

    def formula(site: Site) -> tuple[int, ...]:
        place = (site.channels, site.height, site.width, classes)
        return (*head.cost(*place), BYTES * head.live(*place))

    return evaluate(formula, sites)


def joined_costs(one: IntArray, other: IntArray) -> IntArray:
    """Costs (..., measures) of two parts of a net together."""
    joined = one + other
    joined[..., PEAK] = np.maximum(one[..., PEAK], other[..., PEAK])
    return joined


class Start(NamedTuple):
    """Ways to begin the copies of a stage that make maps of the same sizes.

    ``best`` has the shape (channels before, channels behind, sizes before); ``out`` is the index of
    the size behind one such layer, by the size before it.
    """

    out: tuple[int, ...]
    best: Best


def starts(axes: Axes, offered: Sequence[Option], copies: int) -> list[Start]:
    """What can begin ``copies`` copies of a stage: its downsampling layers."""
    shape = (len(axes.channels), *axes.shape)
    found: dict[tuple[int, ...], Start] = {}
    for number, option in enumerate(offered):
        out = axes.out(option.layer)
        costs, valid = _begun(axes, option.layer, copies)
        start = found.setdefault(out, Start(out, Best(shape)))
        start.best.offer(number, costs, valid)
    return list(found.values())


def _begun(axes: Axes, layer: Layer | None, copies: int) -> tuple[IntArray, BoolArray]:
    """Costs of a layer that begins each copy of a stage, and where it can stand."""
    channels = np.array(axes.channels)
    before, behind = np.repeat(channels, len(channels)), np.tile(channels, len(channels))
    shape = (len(channels), *axes.shape)
    if layer is None:
        stays = (before == behind).reshape(*shape[:2], 1)
        nothing = np.zeros((*shape, len(MEASURES)), dtype=np.int64)
        return nothing, np.broadcast_to(stays, shape)
    costs, stands = placed(axes, layer, before, behind, fits)
    costs = costs.reshape(*shape, -1)
    sizes = out = np.array(axes.out(layer))
    valid = stands.reshape(*shape[:2], 1) & (out != NOWHERE)
    for _ in range(1, copies):
        more, stands = placed(axes, layer, channels, channels, fits)
        costs = joined_costs(costs, more[None, :, sizes])
        valid = valid & stands[None, :, None] & (out[sizes] != NOWHERE)
        sizes = out[sizes]
    return costs, valid


def placed(
    axes: Axes, layer: Layer, before: IntArray, behind: IntArray, rule: Any
) -> tuple[IntArray, BoolArray]:
    """Costs (pairs, sizes, measures) of a layer between pairs of channels, and where it can stand.

    Where it cannot, nothing is computed and the costs are 0.
    """
    pairs = zip(before.tolist(), behind.tolist(), strict=True)
    valid = np.array([not rule(layer, Site(b, w, 1, 1)) for b, w in pairs])
    costs = np.zeros((len(before), len(axes.sizes), len(MEASURES)), dtype=np.int64)
    if valid.any():
        sites = axes.sites(before[valid], behind[valid])
        found = layer_costs(layer, sites.reshape(-1, 4))
        costs[valid] = found.reshape(*sites.shape[:2], -1)
    return costs, valid


def fits(layer: Layer, site: Site) -> str | None:
    """A layer's own rule."""
    return layer.problem(site)


def _closings(alternative: Alternative) -> Iterator[tuple[BaseModel | None, Picks]]:
    leaves = [
        list(labelled(node, f"{alternative.label}.{name}"))
        for name, node in alternative.leaves.items()
    ]
    model = alternative.model
    for closed in product(*leaves):
        values = dict(zip(alternative.leaves, (value for value, _ in closed), strict=True))
        made = None if model is None else model(**values)
        yield made, tuple(pick for _, picks in closed for pick in picks)


def _sizes(tree: Tree) -> set[Size]:
    """Every size of a map behind the stem or behind a downsampling layer, stage by stage.

    Not every layer makes maps smaller, so that there is no end to them without the stages.
    """
    images = [size for size, _ in image_sizes(tree)]
    before = {option.layer.out_size(*size) for option in options(tree.stem) for size in images}
    found = set(before)
    for stage in tree.stages:
        layers = [option.layer for option in options(stage.downsample)]
        behind = set(before) if 0 in values_of(stage.repeat) else set()
        for layer in layers:
            sizes = before
            for copy in range(1, 1 + max(values_of(stage.repeat))):
                sizes = {layer.out_size(*size) for size in sizes} if layer else sizes
                found |= sizes
                behind |= sizes if copy in values_of(stage.repeat) else set()
        before = behind
    return found

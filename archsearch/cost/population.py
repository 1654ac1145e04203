"""Costs of a whole population of a space's points at once, equal to counting each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from archsearch.architecture import block_problem
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Cost, Layer, Site
from archsearch.blocks.operators import Operator, Operators
from archsearch.codes import BoolArray, IntArray, leaves_of
from archsearch.cost.slots import Formulas, Places, SlotCosts, SlotLayers, Standing
from archsearch.cost.static import BYTES, NetCost, Placed, placed, placed_head
from archsearch.grammar import Fixed, Group, Node, Slot, StageNode, Tree, values_of

Price = Callable[[Operator], float]
"""Nanoseconds of an operator."""

_AT_ONCE = 16_384
"""Points of one pass: what it works on stays in the processor's cache."""

_UNSET = -1
"""Number of the channels of a stem whose width is the first stage's."""

_PARAMS = Cost._fields.index("params")


class Counted(NamedTuple):
    """Costs of N points: arrays (N,). Where not ``valid``, the others mean nothing."""

    valid: BoolArray
    params: IntArray
    macs: IntArray
    activations: IntArray
    peak_memory_bytes: IntArray


class Timed(NamedTuple):
    """Costs of N points, and the picoseconds (N,) of their operators; 0 without a price.

    Each layer's picoseconds are rounded to whole ones.
    """

    costs: Counted
    picoseconds: IntArray


class _Reading(NamedTuple):
    """A node outside of layers: its column, if it is open, and what each code there means."""

    column: int | None
    meanings: IntArray

    def at(self, codes: IntArray, points: IntArray) -> IntArray:
        if self.column is None:
            return np.full(len(points), self.meanings[0])
        meanings: IntArray = self.meanings[codes[self.column, points]]
        return meanings


class _Group(NamedTuple):
    repeat: _Reading
    slot: SlotCosts
    vary: bool


class _Stage(NamedTuple):
    repeat: _Reading
    width: _Reading
    downsample: SlotCosts
    groups: tuple[_Group, ...]


class _Put(NamedTuple):
    """A layer that is put behind what stands; ``begins`` is True where a stage begins."""

    slot: SlotCosts
    at: Standing
    begins: bool = False


class PopulationCosts:
    """Counts points of one space by the thousand; what it evaluates it keeps for later calls.

    The tree is walked for all points at once, layer by layer, first for the rules, then for the
    costs of the valid points. Validity is that of ``SearchSpace.decode``, costs are those of
    ``count``, which the tests hold it to.

    Args:
        tree: of the space.
        classes: number of outputs.
        price: nanoseconds of an operator on a device (``Predicted.price``); None leaves time out.
    """

    def __init__(self, tree: Tree, classes: int = 1000, price: Price | None = None) -> None:
        self._price = price
        self._columns = {leaf.path: column for column, leaf in enumerate(leaves_of(tree))}
        self._places = Places(_channels(tree))
        self._image = self._places.channels.number(tree.channels)
        self._resolution = self._reading("input.resolution", tree.resolution, self._size)
        self._stem = self._slot(tree.stem, ["stem"], self._formulas(_stands))
        self._stem_width = self._reading("stem.width", tree.stem_width, self._width)
        self._stages = tuple(
            self._stage(node, f"stages.{index}")
            for index, node in enumerate(tree.stages)
            if max(values_of(node.repeat))
        )
        self._head = self._slot(tree.head, ["head"], self._head_formulas(classes))

    def count(self, codes: IntArray) -> Counted:
        """Count a population (N, L), made as ``archsearch.codes`` says."""
        return self.timed(codes).costs

    def timed(self, codes: IntArray) -> Timed:
        """Count a population (N, L), and sum up what its operators take."""
        parts = [
            self._count(np.ascontiguousarray(codes[start : start + _AT_ONCE].T, dtype=np.int64))
            for start in range(0, max(1, len(codes)), _AT_ONCE)
        ]
        *counted, picoseconds = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return Timed(Counted(*counted), picoseconds)

    def _count(self, codes: IntArray) -> tuple[Any, ...]:
        """Fields of ``Counted`` and picoseconds of points that are columns (L, N)."""
        valid = self._stem_fits(codes)
        for put in self._walk(codes, valid):
            valid[put.at.points] = put.slot.fits(codes, put.at)
        costs = np.zeros((codes.shape[1], len(NetCost._fields) + 1), dtype=np.int64)
        costs[valid] = self._net_costs(codes[:, valid])
        return valid, *costs.T

    def _net_costs(self, codes: IntArray) -> IntArray:
        """Costs (N, fields of NetCost and picoseconds) of valid points."""
        every = np.arange(codes.shape[1])
        size = self._resolution.at(codes, every)
        totals = np.zeros((len(every), len(Cost._fields) + 1), dtype=np.int64)
        live = np.zeros(len(every), dtype=np.int64)
        counted: dict[str, BoolArray] = {}
        for put in self._walk(codes, np.ones(len(every), dtype=bool)):
            points = put.at.points
            found = put.slot.look_up(codes, put.at, size[points])
            totals[points] += found.sums * put.at.times[:, None]
            live[points] = np.maximum(live[points], found.live)
            size[points] = found.size
            if put.begins:
                counted.clear()
            self._count_shared(totals, points, found.shared, counted)
        return np.column_stack([totals[:, :-1], BYTES * live, totals[:, -1]])

    def _count_shared(
        self, totals: IntArray, points: IntArray, shared: IntArray, counted: dict[str, BoolArray]
    ) -> None:
        """Count what the layers of a stage share: once at each point, by name."""
        for number in np.unique(shared[shared > 0]):
            here = points[shared == number]
            for name, params in self._places.shared.things[number]:
                seen = counted.setdefault(name, np.zeros(len(totals), dtype=bool))
                totals[here[~seen[here]], _PARAMS] += params
                seen[here] = True

    def _stem_fits(self, codes: IntArray) -> BoolArray:
        """Whether the stem's width is told in the one way that ``SearchSpace.decode`` takes."""
        width = self._stem_width.at(codes, np.arange(codes.shape[1]))
        if _UNSET not in self._stem_width.meanings:
            return np.ones(len(width), dtype=bool)
        return np.asarray(width != self._first_width(codes), dtype=bool)

    def _stem_channels(self, codes: IntArray) -> IntArray:
        """Channels behind the stem: its width, or else the first stage's."""
        width = self._stem_width.at(codes, np.arange(codes.shape[1]))
        return np.where(width == _UNSET, self._first_width(codes), width)

    def _first_width(self, codes: IntArray) -> IntArray:
        first = np.zeros(codes.shape[1], dtype=np.int64)
        for stage, here in self._last_to_first(codes):
            first[here] = stage.width.at(codes, here)
        return first

    def _last_to_first(self, codes: IntArray) -> Iterator[tuple[_Stage, IntArray]]:
        """The stages and the points that have them; what is written last is the first's."""
        every = np.arange(codes.shape[1])
        for stage in reversed(self._stages):
            yield stage, np.flatnonzero(stage.repeat.at(codes, every))

    def _walk(self, codes: IntArray, valid: BoolArray) -> Iterator[_Put]:
        """Every layer from stem to head, at the points that are valid when their turn comes."""
        every = np.arange(codes.shape[1])
        channels = np.full(len(every), self._image)

        def put(slot: SlotCosts, points: IntArray, behind: IntArray, begins: bool = False) -> _Put:
            before = channels[points]
            channels[points] = behind
            at = Standing(points, 0, before, behind, np.ones_like(points))
            return _Put(slot, at, begins)

        here = np.flatnonzero(valid)
        yield put(self._stem, here, self._stem_channels(codes)[here])
        for stage in self._stages:
            repeat = stage.repeat.at(codes, every)
            for copy in range(max(stage.repeat.meanings)):
                here = np.flatnonzero(valid & (repeat > copy))
                yield put(stage.downsample, here, stage.width.at(codes, here), begins=True)
                yield from _walk_blocks(stage, codes, here, channels, valid)
        here = np.flatnonzero(valid)
        yield put(self._head, here, channels[here])

    def _stage(self, node: StageNode, path: str) -> _Stage:
        return _Stage(
            self._reading(f"{path}.repeat", node.repeat, int),
            self._reading(f"{path}.width", node.width, self._width),
            self._slot(node.downsample, [f"{path}.downsample"], self._formulas(_begins)),
            tuple(
                self._group(group, f"{path}.blocks.{number}")
                for number, group in enumerate(node.groups)
                if max(values_of(group.repeat))
            ),
        )

    def _group(self, group: Group, path: str) -> _Group:
        copies = range(max(values_of(group.repeat)))
        paths = [f"{path}.{copy}" for copy in copies] if group.vary else [path]
        return _Group(
            self._reading(f"{path}.repeat", group.repeat, int),
            self._slot(group.slot, paths, self._formulas(_keeps_size)),
            group.vary,
        )

    def _slot(self, slot: Slot, paths: Sequence[str], formulas: Formulas) -> SlotCosts:
        chosen = [slot.path(path) for path in paths]
        return SlotCosts(SlotLayers(slot, chosen, self._columns), self._places, formulas)

    def _formulas(self, fits: Callable[[Any, Site], bool]) -> Formulas:
        def picoseconds(layer: Layer | None, site: Site) -> int:
            return 0 if layer is None else self._sum_up(layer.operators(site))

        return Formulas(fits, _placed, picoseconds if self._price else _timeless)

    def _head_formulas(self, classes: int) -> Formulas:
        def found(head: Head, site: Site) -> Placed:
            return placed_head(head, site.channels, site.height, site.width, classes)

        def picoseconds(head: Head, site: Site) -> int:
            return self._sum_up(head.operators(site.channels, site.height, site.width, classes))

        def fits(head: Head, _: Site) -> bool:
            return head.problem() is None

        return Formulas(fits, found, picoseconds if self._price else _timeless)

    def _sum_up(self, operators: Operators) -> int:
        assert self._price is not None  # noqa: S101 (asked for by the callers)
        return round(1000 * sum(map(self._price, operators)))

    def _reading(self, path: str, node: Node, meaning: Callable[[Any], int]) -> _Reading:
        column = None if isinstance(node, Fixed) else self._columns[path]
        return _Reading(column, np.array([meaning(value) for value in values_of(node)]))

    def _size(self, resolution: int | tuple[int, int]) -> int:
        size = (resolution, resolution) if isinstance(resolution, int) else resolution
        return self._places.sizes.number(size)

    def _width(self, width: int | None) -> int:
        return _UNSET if width is None else self._places.channels.number(width)


def _walk_blocks(
    stage: _Stage, codes: IntArray, points: IntArray, channels: IntArray, valid: BoolArray
) -> Iterator[_Put]:
    """The blocks of a stage; alike ones are one, so many times over."""
    for group in stage.groups:
        repeat = group.repeat.at(codes, points)
        for copy in range(max(group.repeat.meanings) if group.vary else 1):
            stands = (repeat > copy) & valid[points]
            here, times = points[stands], repeat[stands]
            at = Standing(
                here,
                copy,
                channels[here],
                channels[here],
                np.ones_like(times) if group.vary else times,
            )
            yield _Put(group.slot, at)


def _channels(tree: Tree) -> Iterator[int]:
    """Every number of channels that a map of some point has, the image's included."""
    yield tree.channels
    for node in (tree.stem_width, *(stage.width for stage in tree.stages)):
        yield from (width for width in values_of(node) if width is not None)


def _placed(layer: Layer | None, site: Site) -> Placed:
    """What a layer is at a site; without one, the map stays as it is."""
    return Placed(0, 0, 0, 0, *site[1:]) if layer is None else placed(layer, *site)


def _timeless(layer: object, site: Site) -> int:  # noqa: ARG001
    return 0


def _stands(layer: Layer, site: Site) -> bool:
    return layer.problem(site) is None


def _begins(layer: Layer | None, site: Site) -> bool:
    """Whether a stage can begin so; without a layer it keeps the channels."""
    return site.in_channels == site.channels if layer is None else layer.problem(site) is None


def _keeps_size(layer: Layer, site: Site) -> bool:
    return block_problem(layer, site) is None

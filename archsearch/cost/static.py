"""What a net costs, in closed form: the sum over its layers, without building a module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple

from archsearch.architecture import Architecture
from archsearch.blocks.counting import Tally
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.live import LiveSet

BYTES = 4  # of a float32, in which everything is counted


class NetCost(NamedTuple):
    """Cost of inference on one image at the architecture's resolution.

    ``params``, ``macs`` and ``activations`` are sums over the layers (``blocks.layer.Cost``).
    ``peak_memory_bytes`` is the largest live set of float32 activations (``Layer.live``): between
    two layers one tensor alone is alive, so that it is the largest of the layers'. It leaves the
    weights out. It is what a runtime that reuses memory needs; eager PyTorch, which writes
    elementwise outputs anew, takes about twice as much.
    """

    params: int = 0
    macs: int = 0
    activations: int = 0
    peak_memory_bytes: int = 0

    @property
    def weight_bytes(self) -> int:
        """Bytes of the parameters. Statistics of batch norms are none: they fold into weights."""
        return BYTES * self.params


class LayerCost(NamedTuple):
    """Cost of one layer, of the head, or of parameters that a stage's layers share.

    ``size`` is (channels, height, width) of the map that the layer gives, (classes, 1, 1) of the
    head. Shared parameters have the kind ``"shared NAME"`` and stand behind their stage's layers.
    """

    path: str
    stage: int
    kind: str
    size: tuple[int, int, int]
    params: int
    macs: int = 0
    activations: int = 0
    peak_memory_bytes: int = 0


def count(architecture: Architecture, classes: int = 1000) -> NetCost:
    """Count one image's inference at the architecture's resolution, exactly.

    Equal to counting the built module, and to the sums over ``detail`` (the largest, for memory).
    """
    params = macs = activations = live = 0
    shared: dict[tuple[int, str], int] = {}
    at = _NOTHING
    for stage, times, at in _all_placed(architecture):
        params += times * at.params
        macs += times * at.macs
        activations += times * at.activations
        if at.live > live:
            live = at.live
        for name, elements in at.shared:
            shared[stage, name] = elements
    head = placed_head(architecture.head, at.channels, at.height, at.width, classes)
    return NetCost(
        params + head.params + sum(shared.values()),
        macs + head.macs,
        activations + head.activations,
        BYTES * max(live, head.live),
    )


def detail(architecture: Architecture, classes: int = 1000) -> list[LayerCost]:
    """Count every layer by itself, stage by stage: its sums are ``count``'s."""
    rows: list[LayerCost] = []
    for stage, places in groupby(architecture.places(), key=attrgetter("stage")):
        shared: dict[str, LayerCost] = {}
        for place in places:
            at = _at(place.layer, place.site)
            rows.append(_row(place.path, stage, place.layer.kind, at))
            for name, elements in at.shared:
                path = f"stages.{stage}.shared.{name}"
                shared[name] = LayerCost(path, stage, f"shared {name}", at.size, elements)
        rows += shared.values()
    site = architecture.out_site()
    head = placed_head(architecture.head, site.channels, site.height, site.width, classes)
    return [*rows, _row("head", len(architecture.stages), "head", head)]


class Placed(NamedTuple):
    """A layer, or the head, where it stands: its cost, and the size of what it gives."""

    params: int
    macs: int
    activations: int
    live: int
    channels: int
    height: int
    width: int
    shared: tuple[tuple[str, int], ...] = ()

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of what it gives."""
        return self.channels, self.height, self.width


_NOTHING = Placed(0, 0, 0, 0, 0, 0, 0)


def _all_placed(architecture: Architecture) -> Iterator[tuple[int, int, Placed]]:
    """Every layer's stage, how often it stands there in a row, and where.

    The same walk as ``Architecture.places``, which makes a path and a site for each layer; a search
    counts by the thousand. Neighbours that are one object are looked up once.
    """
    height, width = architecture.size
    channels = architecture.stem_width or architecture.stages[0].width
    at = placed(architecture.stem, architecture.channels, channels, height, width)
    yield -1, 1, at
    for index, stage in enumerate(architecture.stages):
        if stage.downsample is not None:
            at = placed(stage.downsample, at.channels, stage.width, at.height, at.width)
            yield index, 1, at
        height, width, channels = at.height, at.width, stage.width
        for block, copies in _runs(stage.blocks):
            at = placed(block, channels, channels, height, width)
            yield index, copies, at


def _runs(blocks: tuple[Layer, ...]) -> Iterator[tuple[Layer, int]]:
    """Blocks, and how often each stands in a row as one object."""
    first = 0
    for here, block in enumerate(blocks):
        if block is not blocks[first]:
            yield blocks[first], here - first
            first = here
    if blocks:
        yield blocks[first], len(blocks) - first


def placed(layer: Layer, in_channels: int, channels: int, height: int, width: int) -> Placed:
    """What a layer is at a site, from memory where it was met before.

    Candidates of one space share most of theirs, and so do the slots of a space.

    Its key is the layer's plain values, which are found equal sooner than two pydantic models are
    and give the same answers: a net read from a file takes two thirds of the time.
    """
    key = (type(layer), in_channels, channels, height, width, *layer.__dict__.values())
    at = _met.get(key)
    if at is None:
        if len(_met) >= _MOST_MET:
            _met.clear()
        at = _met[key] = _evaluated(layer, Site(in_channels, channels, height, width))
    return at


_met: dict[tuple[Any, ...], Placed] = {}
_MOST_MET = 262_144


def forget() -> None:
    """Forget every layer and head met, so that it can be timed how long one not met takes."""
    _met.clear()
    placed_head.cache_clear()


def _evaluated(layer: Layer, site: Site) -> Placed:
    """The same as ``layer.cost`` and ``layer.live`` say, without making a tuple of each."""
    in_channels, channels, height, width = site
    tally, live = Tally(), LiveSet(in_channels * height * width)
    layer.count(site, tally)
    layer.follow(site, live)
    height, width = layer.out_size(height, width)
    shapes = layer.shared(site)
    shared = tuple((name, prod(shape)) for name, shape in shapes.items()) if shapes else ()
    params, macs, activations = tally.params, tally.macs, tally.activations
    return Placed(params, macs, activations, live.most, channels, height, width, shared)


@lru_cache(maxsize=4096)
def placed_head(head: Head, channels: int, height: int, width: int, classes: int) -> Placed:
    """What a head is on a map (channels, height, width), from memory where it was met before."""
    cost = head.cost(channels, height, width, classes)
    return Placed(*cost, head.live(channels, height, width, classes), classes, 1, 1)


def _at(layer: Layer, site: Site) -> Placed:
    return placed(layer, site.in_channels, site.channels, site.height, site.width)


def _row(path: str, stage: int, kind: str, at: Placed) -> LayerCost:
    memory = BYTES * at.live
    return LayerCost(path, stage, kind, at.size, at.params, at.macs, at.activations, memory)

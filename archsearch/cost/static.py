"""What a net costs, in closed form: the sum over its layers, without building a module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple

from archsearch.architecture import Architecture
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer, Site

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
    for stage, times, at in _standings(architecture):
        params += times * at.params
        macs += times * at.macs
        activations += times * at.activations
        live = max(live, at.live)
        for name, elements in at.shared:
            shared[stage, name] = elements
    head = _head(architecture.head, at.channels, at.height, at.width, classes)
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
    head = _head(architecture.head, site.channels, site.height, site.width, classes)
    return [*rows, _row("head", len(architecture.stages), "head", head)]


class _Standing(NamedTuple):
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
        return self.channels, self.height, self.width


_NOTHING = _Standing(0, 0, 0, 0, 0, 0, 0)


def _standings(architecture: Architecture) -> Iterator[tuple[int, int, _Standing]]:
    """Every layer's stage, how often it stands there in a row, and where.

    The same walk as ``Architecture.places``, which makes a path and a site for each layer; a search
    counts by the thousand. Neighbours that are one object are looked up once.
    """
    height, width = architecture.size
    channels = architecture.stem_width or architecture.stages[0].width
    at = _standing(architecture.stem, architecture.channels, channels, height, width)
    yield -1, 1, at
    for index, stage in enumerate(architecture.stages):
        if stage.downsample is not None:
            at = _standing(stage.downsample, at.channels, stage.width, at.height, at.width)
            yield index, 1, at
        height, width, channels = at.height, at.width, stage.width
        for _, run in groupby(stage.blocks, key=id):
            block, *copies = run
            at = _standing(block, channels, channels, height, width)
            yield index, 1 + len(copies), at


def _standing(layer: Layer, in_channels: int, channels: int, height: int, width: int) -> _Standing:
    """Memory of layers met before: candidates of one space share most of theirs.

    Its key is the layer's plain values, which are found equal sooner than two pydantic models are
    and give the same answers: a net read from a file takes two thirds of the time.
    """
    leaves = tuple(layer.__dict__.values())
    return _met(type(layer), leaves, in_channels, channels, height, width)


@lru_cache(maxsize=262_144)
def _met(
    kind: type[Layer],
    leaves: tuple[Any, ...],
    in_channels: int,
    channels: int,
    height: int,
    width: int,
) -> _Standing:
    layer = kind(**dict(zip(kind.model_fields, leaves, strict=True)))
    site = Site(in_channels, channels, height, width)
    shared = tuple((name, prod(shape)) for name, shape in layer.shared(site).items())
    size = (channels, *layer.out_size(height, width))
    return _Standing(*layer.cost(site), layer.live(site), *size, shared)


@lru_cache(maxsize=4096)
def _head(head: Head, channels: int, height: int, width: int, classes: int) -> _Standing:
    cost = head.cost(channels, height, width, classes)
    return _Standing(*cost, head.live(channels, height, width, classes), classes, 1, 1)


def _at(layer: Layer, site: Site) -> _Standing:
    return _standing(layer, site.in_channels, site.channels, site.height, site.width)


def _row(path: str, stage: int, kind: str, at: _Standing) -> LayerCost:
    memory = BYTES * at.live
    return LayerCost(path, stage, kind, at.size, at.params, at.macs, at.activations, memory)

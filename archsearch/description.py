"""An architecture stage by stage: layers, sizes, params and MACs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from archsearch.architecture import Architecture, Place
from archsearch.blocks.layer import Cost


@dataclass(frozen=True)
class Part:
    """One layer, with the size of the map that it gives, or numbers that a stage's layers share.

    ``leaves`` holds every leaf; ``changed`` those that are not at their default.
    """

    path: str
    kind: str
    leaves: Mapping[str, Any]
    changed: Mapping[str, Any]
    channels: int
    height: int
    width: int
    params: int
    macs: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of the map."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class StagePart:
    """Stem, stage or head: its parts, the map that it gives, and the sums of their costs."""

    name: str
    channels: int
    height: int
    width: int
    params: int
    macs: int
    layers: tuple[Part, ...]


class Row(NamedTuple):
    """A line of a description as people read it; ``size`` is channels x height x width."""

    stage: str
    layer: str
    size: str
    params: int
    macs: int


@dataclass(frozen=True)
class Description:
    """A net with the costs of all its parts. Totals are the sums, and equal ``cost.count``."""

    id: str
    name: str | None
    params: int
    macs: int
    resolution: int | tuple[int, int]
    stages: tuple[StagePart, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON: ``id``, ``name``, ``params``, ``macs``, ``resolution``, ``stages``.

        The first of ``stages`` is the stem and the last one the head.
        """
        data = asdict(self)
        for stage in data["stages"]:
            for layer in stage["layers"]:
                del layer["changed"]
        return data

    def rows(self) -> list[Row]:
        """One row for each stage with its sums, then one for each run of equal layers in it."""
        rows = []
        for stage in self.stages:
            if len(stage.layers) != 1:
                rows.append(Row(stage.name, "", _size(stage), stage.params, stage.macs))
            for look, run in groupby(stage.layers, key=_look):
                layers = tuple(run)
                times = f"{len(layers)} x " if len(layers) > 1 else ""
                params, macs = _total(layers)
                name = stage.name if len(stage.layers) == 1 else ""
                rows.append(Row(name, times + look, _size(layers[-1]), params, macs))
        return rows


def describe(architecture: Architecture, classes: int = 1000) -> Description:
    """Describe a net at its resolution.

    Args:
        architecture: the net.
        classes: outputs of the head with which it is counted.
    """
    stages = [
        *_stages(architecture),
        _stage_of("head", (_head(architecture, classes),), (classes, 1, 1)),
    ]
    return Description(
        id=architecture.id,
        name=architecture.name,
        params=sum(stage.params for stage in stages),
        macs=sum(stage.macs for stage in stages),
        resolution=architecture.resolution,
        stages=tuple(stages),
    )


def _stages(architecture: Architecture) -> Iterator[StagePart]:
    """Stem and stages; a stage that has no layer gives the map that it gets."""
    parts: dict[int, list[Part]] = {index: [] for index in range(-1, len(architecture.stages))}
    for place in architecture.places():
        parts[place.stage].append(_part(place))
    for (stage, label), shape in architecture.shared().items():
        path = f"stages.{stage}.shared.{label}"
        size = parts[stage][-1].size
        parts[stage].append(Part(path, f"shared {label}", {}, {}, *size, prod(shape), 0))
    size = (architecture.channels, *architecture.size)
    for index, layers in parts.items():
        size = layers[-1].size if layers else size
        yield _stage_of(f"stages.{index}" if index >= 0 else "stem", tuple(layers), size)


def _part(place: Place) -> Part:
    layer, site = place.layer, place.site
    size = (site.channels, *layer.out_size(site.height, site.width))
    changed = layer.model_dump(exclude_defaults=True)
    return Part(place.path, layer.kind, layer.model_dump(), changed, *size, *layer.cost(site))


def _head(architecture: Architecture, classes: int) -> Part:
    head, site = architecture.head, architecture.out_site()
    cost = head.cost(site.channels, site.height, site.width, classes)
    changed = head.model_dump(exclude_defaults=True)
    return Part("head", "head", head.model_dump(), changed, classes, 1, 1, *cost)


def _stage_of(name: str, layers: tuple[Part, ...], size: tuple[int, int, int]) -> StagePart:
    return StagePart(name, *size, *_total(layers), layers)


def _total(layers: Iterable[Part]) -> Cost:
    return sum((Cost(layer.params, layer.macs) for layer in layers), Cost())


def _look(part: Part) -> str:
    """A layer as tables show it: its kind and the leaves that are not at their default."""
    return " ".join([part.kind, *(f"{n}={_value(v)}" for n, v in part.changed.items())])


def _value(value: Any) -> str:
    """A leaf as files write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(part: Part | StagePart) -> str:
    return f"{part.channels} x {part.height} x {part.width}"

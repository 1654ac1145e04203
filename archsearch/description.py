"""An architecture stage by stage: layers, sizes and costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, NamedTuple

from pydantic import BaseModel

from archsearch.architecture import Architecture
from archsearch.cost import LayerCost, NetCost, detail


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
    activations: int
    peak_memory_bytes: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of the map."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class StagePart:
    """Stem, stage or head: its parts, the map that it gives, and the sums of their costs.

    Memory is the largest of them.
    """

    name: str
    channels: int
    height: int
    width: int
    params: int
    macs: int
    activations: int
    peak_memory_bytes: int
    layers: tuple[Part, ...]


class Row(NamedTuple):
    """A line of a description as people read it; ``size`` is channels x height x width."""

    stage: str
    layer: str
    size: str
    params: int
    macs: int
    activations: int
    peak_memory_bytes: int


@dataclass(frozen=True)
class Description:
    """A net with the costs of all its parts. Totals are the sums, and equal ``cost.count``.

    Memory is the largest of its parts'.
    """

    id: str
    name: str | None
    params: int
    macs: int
    activations: int
    peak_memory_bytes: int
    resolution: int | tuple[int, int]
    stages: tuple[StagePart, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON: the fields of this class, of ``StagePart`` and of ``Part``.

        The first of ``stages`` is the stem and the last one the head.
        """
        data = asdict(self)
        for stage in data["stages"]:
            for layer in stage["layers"]:
                del layer["changed"]
        return data

    def rows(self) -> list[Row]:
        """One row for each stage with its sums, then one for each run of equal layers in it.

        The last row is the net's.
        """
        rows = []
        for stage in self.stages:
            if len(stage.layers) != 1:
                rows.append(Row(stage.name, "", _size(stage), *_total([stage])))
            for look, run in groupby(stage.layers, key=_look):
                layers = tuple(run)
                times = f"{len(layers)} x " if len(layers) > 1 else ""
                name = stage.name if len(stage.layers) == 1 else ""
                rows.append(Row(name, times + look, _size(layers[-1]), *_total(layers)))
        return [*rows, Row("total", "", "", *_total(self.stages))]


def describe(architecture: Architecture, classes: int = 1000) -> Description:
    """Describe a net at its resolution.

    Args:
        architecture: the net.
        classes: outputs of the head with which it is counted.
    """
    stages = tuple(_stages(architecture, classes))
    return Description(
        architecture.id,
        architecture.name,
        *_total(stages),
        resolution=architecture.resolution,
        stages=stages,
    )


def _stages(architecture: Architecture, classes: int) -> Iterator[StagePart]:
    """Stem, stages and head; a stage that has no layer gives the map that it gets."""
    numbers = range(-1, len(architecture.stages) + 1)
    parts: dict[int, list[Part]] = {number: [] for number in numbers}
    models: dict[str, BaseModel] = {place.path: place.layer for place in architecture.places()}
    models["head"] = architecture.head
    for row in detail(architecture, classes):
        parts[row.stage].append(_part(row, models.get(row.path)))
    size = (architecture.channels, *architecture.size)
    for name, layers in zip(_names(architecture), parts.values(), strict=True):
        size = layers[-1].size if layers else size
        yield StagePart(name, *size, *_total(layers), tuple(layers))


def _names(architecture: Architecture) -> list[str]:
    return ["stem", *(f"stages.{index}" for index in range(len(architecture.stages))), "head"]


def _part(row: LayerCost, model: BaseModel | None) -> Part:
    """A row of the costs with the leaves of its layer, if it is one's."""
    leaves = model.model_dump() if model else {}
    changed = model.model_dump(exclude_defaults=True) if model else {}
    return Part(row.path, row.kind, leaves, changed, *row.size, *_total([row]))


def _total(parts: Sequence[Part | StagePart | LayerCost]) -> NetCost:
    """Sums, and the largest memory."""
    return NetCost(
        sum(part.params for part in parts),
        sum(part.macs for part in parts),
        sum(part.activations for part in parts),
        max((part.peak_memory_bytes for part in parts), default=0),
    )


def _look(part: Part) -> str:
    """A layer as tables show it: its kind and the leaves that are not at their default."""
    return " ".join([part.kind, *(f"{n}={_value(v)}" for n, v in part.changed.items())])


def _value(value: Any) -> str:
    """A leaf as files write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(part: Part | StagePart) -> str:
    return f"{part.channels} x {part.height} x {part.width}"

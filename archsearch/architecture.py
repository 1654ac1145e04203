"""An architecture: input, stem, stages, head. A small immutable tree of plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer, Shape, Site
from archsearch.families import family_of
from archsearch.shown import StageBox, beside, stages_svg, stages_table

SCHEMA = 1

Resolution = int | tuple[int, int]


@dataclass(frozen=True)
class Stage:
    """A downsampling layer (or none) and the blocks that follow it at one width and size."""

    width: int
    downsample: Layer | None
    blocks: tuple[Layer, ...]


class Place(NamedTuple):
    """One layer of an architecture, with its path in the tree and the site where it stands."""

    path: str
    stage: int
    layer: Layer
    site: Site


@dataclass(frozen=True)
class Architecture:
    """A backbone for images of ``channels`` channels at ``resolution`` (an int, or height, width).

    ``name`` is a label and not part of the identity.
    """

    channels: int
    resolution: Resolution
    stem: Layer
    stem_width: int
    stages: tuple[Stage, ...]
    head: Head
    name: str | None = None

    @cached_property
    def id(self) -> str:
        """First twelve hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:12]

    def canonical(self) -> str:
        """JSON with sorted keys, repeats written out, and leaves at their default left out.

        Leaving defaults out keeps ids stable when a block gains a new leaf.
        """
        return json.dumps(self._data(compact=False), sort_keys=True, separators=(",", ":"))

    def to_data(self) -> dict[str, Any]:
        """The architecture as an architecture file holds it, equal neighbours folded."""
        named = {"name": self.name} if self.name else {}
        return {"schema": SCHEMA, **named, **self._data(compact=True)}

    def at(self, resolution: Resolution) -> Architecture:
        """The same architecture for another input resolution."""
        return replace(self, resolution=resolution)

    @property
    def size(self) -> tuple[int, int]:
        """Input height and width in pixels."""
        return (self.resolution,) * 2 if isinstance(self.resolution, int) else self.resolution

    def places(self) -> Iterator[Place]:
        """Every layer from stem to last block, with the site where it stands."""
        height, width = self.size
        channels = self.stem_width
        yield Place("stem", -1, self.stem, Site(self.channels, channels, height, width))
        height, width = self.stem.out_size(height, width)
        for index, stage in enumerate(self.stages):
            if stage.downsample is not None:
                site = Site(channels, stage.width, height, width)
                yield Place(f"stages.{index}.downsample", index, stage.downsample, site)
                height, width = stage.downsample.out_size(height, width)
            channels = stage.width
            site = Site(channels, channels, height, width)
            for number, block in enumerate(stage.blocks):
                yield Place(f"stages.{index}.blocks.{number}", index, block, site)

    def shared(self) -> dict[tuple[int, str], Shape]:
        """Shape of every parameter that blocks of one stage share, by stage and name."""
        return {
            (place.stage, name): shape
            for place in self.places()
            for name, shape in place.layer.shared(place.site).items()
        }

    def out_site(self) -> Site:
        """Channels and size of the last stage's map, which the head gets."""
        *_, last = self.places()
        height, width = last.layer.out_size(last.site.height, last.site.width)
        return Site(last.site.channels, last.site.channels, height, width)

    def problem(self) -> str | None:
        """Say why this is no valid architecture (a block cannot stand at its width), or None."""
        found = self.fault()
        return found and f"{found[0]}: {found[1]}"

    def fault(self) -> tuple[str, str] | None:
        """Path and reason of what makes this no valid architecture, or None."""
        for index, stage in enumerate(self.stages):
            before = self.stages[index - 1].width if index else self.stem_width
            if stage.downsample is None and before != stage.width:
                return f"stages.{index}", (
                    f"gets {before} channels and has width {stage.width}; "
                    "give it a downsample or the same width"
                )
        for place in self.places():
            rule = block_problem if ".blocks." in place.path else type(place.layer).problem
            if reason := rule(place.layer, place.site):
                return place.path, f"{place.layer.kind}: {reason}"
        idle = self.head.problem()
        return None if idle is None else ("head", idle)

    def blocks_in_short(self) -> str:
        """One line for tables: the blocks of each stage with their counts and widths."""
        return " | ".join(
            f"{stage.width}: " + (" ".join(_counted(stage.blocks)) or "no block")
            for stage in self.stages
        )

    def stage_boxes(self, classes: int = 1000) -> list[StageBox]:
        """Stem, stages and head as they are shown, counted with ``classes`` outputs.

        Stages without layers are left out.
        """
        site = self.out_site()
        cost = self.head.cost(site.channels, site.height, site.width, classes)
        return [*_boxes(self), StageBox("head", (), None, classes, 1, 1, cost.params, cost.macs)]

    def _repr_html_(self) -> str:
        """The net as notebooks show it: its stages as a drawing and a table."""
        name = f"<b>{escape(self.name or self.id)}</b>, {' × '.join(map(str, self.size))} pixels"
        if reason := self.problem():
            return f"{name}: {escape(reason)}"
        boxes = self.stage_boxes()
        return name + beside(stages_table(boxes), stages_svg(boxes))

    def _data(self, *, compact: bool) -> dict[str, Any]:
        height, width = self.size
        stem = layer_data(self.stem)
        first = self.stages[0]
        if first.downsample is not None or self.stem_width != first.width:
            stem["width"] = self.stem_width
        return {
            "input": {
                "channels": self.channels,
                "resolution": height if height == width else [height, width],
            },
            "stem": stem,
            "stages": [_stage_data(stage, compact) for stage in self.stages],
            "head": self.head.model_dump(exclude_defaults=True),
        }


def block_problem(block: Layer, site: Site) -> str | None:
    """Say why ``block`` cannot stand inside a stage at ``site``, or None.

    Beside the layer's own rule it must keep the size of the map, which a stage has one of.
    """
    if block.out_size(2, 2) != (2, 2):
        return "makes the map smaller, which only a downsample may; use stride: 1"
    return block.problem(site)


def layer_data(layer: Layer) -> dict[str, Any]:
    """A layer as files hold it: ``{kind: {leaf: value}}``, leaves at their default left out."""
    return {layer.kind: layer.model_dump(exclude_defaults=True)}


def _boxes(net: Architecture) -> Iterator[StageBox]:
    """Stem and stages; what the blocks of a stage share is counted once."""
    for stage, run in groupby(net.places(), key=lambda place: place.stage):
        places = list(run)
        last = places[-1]
        costs = [place.layer.cost(place.site) for place in places]
        shared = sum(prod(shape) for (at, _), shape in net.shared().items() if at == stage)
        blocks = net.stages[stage].blocks if stage >= 0 else ()
        yield StageBox(
            f"stage {stage + 1}" if stage >= 0 else "stem",
            tuple(_in_words(places)),
            family_of(blocks) if blocks else None,
            last.site.channels,
            *last.layer.out_size(last.site.height, last.site.width),
            sum(cost.params for cost in costs) + shared,
            sum(cost.macs for cost in costs),
        )


def _in_words(places: Iterable[Place]) -> Iterator[str]:
    """Runs of equal kinds, such as ``3 × sdta``; downsampling layers have an arrow."""
    kinds = ("↓ " * ("downsample" in p.path) + p.layer.kind.replace("_", " ") for p in places)
    for kind, run in groupby(kinds):
        count = len(list(run))
        yield f"{count} × {kind}" if count > 1 else kind


def _stage_data(stage: Stage, compact: bool) -> Mapping[str, Any]:
    data: dict[str, Any] = {"width": stage.width}
    if stage.downsample is not None:
        data["downsample"] = layer_data(stage.downsample)
    blocks = [layer_data(block) for block in stage.blocks]
    if compact:
        runs = [(block, len(list(run))) for block, run in groupby(blocks)]
        blocks = [block if count == 1 else {"repeat": count, **block} for block, count in runs]
    return {**data, "blocks": blocks}


def _counted(blocks: tuple[Layer, ...]) -> Iterator[str]:
    for kind, run in groupby(block.kind for block in blocks):
        count = len(list(run))
        yield kind if count == 1 else f"{count}x{kind}"

"""A net that is being changed: plain data whose blocks keep their numbers until the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from archsearch.architecture import Architecture
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer
from archsearch.documents import Document, Location, Misfit
from archsearch.errors import InputError, nearest
from archsearch.grammar import Resolution, Width
from archsearch.leaf_values import annotation_of, checked
from archsearch.space import architecture_of

Kinds = Mapping[str, type[Layer]]

ROOTS = ("input", "stem", "stages", "head")
"""What paths begin with."""

KINDS = sorted({*STEMS, *DOWNSAMPLES, *BLOCKS})
"""Every kind of layer."""


class Leaf(NamedTuple):
    """What can stand at a leaf, and what does if nothing is given."""

    annotation: Any
    default: Any


@dataclass(frozen=True)
class Spot:
    """A layer of a draft: where it stands, and what could stand there."""

    path: str
    kinds: Kinds
    holder: Any
    key: str

    @property
    def kind(self) -> str:
        """Its kind."""
        return next(str(key) for key in self.holder[self.key] if key in self.kinds)

    @property
    def model(self) -> type[Layer]:
        """What its leaves must be."""
        return self.kinds[self.kind]

    @property
    def leaves(self) -> dict[str, Any]:
        """Its leaves that are not at their default."""
        found: dict[str, Any] = self.holder[self.key][self.kind]
        return found

    def put(self, kind: str, leaves: Mapping[str, Any]) -> None:
        """Put another layer here; a stem keeps its width."""
        kept = {k: v for k, v in self.holder[self.key].items() if k not in self.kinds}
        self.holder[self.key] = {kind: dict(leaves), **kept}

    def within(self, at: Sequence[str]) -> bool:
        """Whether it stands in one of these paths; in none given, everything does."""
        return not at or any(f"{self.path}.".startswith(f"{prefix}.") for prefix in at)


class Draft:
    """An architecture as data that can be changed.

    Blocks are called by their numbers in the base, repeats written out: one that is removed leaves
    its number free, and one that is inserted has a name that is no number, so that a path means
    the same block in every arm.
    """

    def __init__(self, base: Architecture) -> None:
        self._data: dict[str, Any] = {"schema": 1, **json.loads(base.canonical())}
        for stage in self._data["stages"]:
            stage["blocks"] = {str(number): block for number, block in enumerate(stage["blocks"])}

    def spots(self) -> Iterator[Spot]:
        """Every layer that is there, stem to last block."""
        yield Spot("stem", STEMS, self._data, "stem")
        for number, stage in enumerate(self._data["stages"]):
            if "downsample" in stage:
                yield Spot(f"stages.{number}.downsample", DOWNSAMPLES, stage, "downsample")
            for label, block in stage["blocks"].items():
                if block is not None:
                    path = f"stages.{number}.blocks.{label}"
                    yield Spot(path, BLOCKS, stage["blocks"], label)

    def of_kind(self, kind: str, at: Sequence[str], place: Location) -> list[Spot]:
        """The layers of a kind inside the paths ``at``.

        Raises:
            Misfit: there is none; says where there are some, or which kinds there are.
        """
        spots = list(self.spots())
        found = [spot for spot in spots if spot.kind == kind and spot.within(at)]
        if found:
            return found
        elsewhere = [spot.path for spot in spots if spot.kind == kind]
        if elsewhere:
            raise Misfit(place, f"touches nothing: {kind} stands at {', '.join(elsewhere)}")
        here = nearest(kind, {spot.kind for spot in spots})
        why = "touches nothing: the net has no" if kind in KINDS else "unknown layer"
        raise Misfit(place, f"{why} {kind!r}; {here}")

    def ensure_there(self, at: Sequence[str], place: Location) -> None:
        """Refuse paths in which no layer stands; a stage may be empty.

        Raises:
            Misfit: with the nearest path.
        """
        spots = list(self.spots())
        stages = {f"stages.{number}" for number in self.stages()}
        valid = {spot.path for spot in spots} | {f"{stage}.blocks" for stage in stages} | stages
        for prefix in at:
            if prefix not in stages and not any(spot.within([prefix]) for spot in spots):
                raise Misfit(place, f"no layer stands at {prefix!r}; {nearest(prefix, valid)}")

    def set_path(self, path: str, value: Any, place: Location) -> Any:
        """Set one leaf by its path; return what it was.

        Raises:
            Misfit: there is no such path or leaf, or the value does not fit.
        """
        parts = path.split(".")
        holder, leaf = self._leaf(parts, place)
        return put(holder, parts[-1], value, leaf, place)

    def _leaf(self, parts: Sequence[str], place: Location) -> tuple[dict[str, Any], Leaf]:
        """What holds a leaf, and what it can be."""
        path, name = ".".join(parts[:-1]), parts[-1]
        for spot in self.spots():
            if path == spot.path and name == "width" and spot.path == "stem":
                return spot.holder[spot.key], Leaf(Width, None)
            if path in (spot.path, f"{spot.path}.{spot.kind}"):
                return spot.leaves, leaf_of(spot.model, name, place)
        if path == "head":
            return self._data["head"], leaf_of(Head, name, place)
        if path == "input" and name in ("resolution", "channels"):
            return self._data["input"], Leaf(Resolution if name == "resolution" else Width, None)
        stages = {f"stages.{i}": stage for i, stage in enumerate(self._data["stages"])}
        if path in stages and name == "width":
            return stages[path], Leaf(Width, None)
        known = nearest(".".join(parts), self._paths())
        raise Misfit(place, f"no leaf {'.'.join(parts)!r}; {known}")

    def _paths(self) -> Iterator[str]:
        yield from ("input.resolution", "input.channels", "stem.width")
        yield from (f"stages.{i}.width" for i in range(len(self._data["stages"])))
        yield from (f"head.{name}" for name in Head.model_fields)
        for spot in self.spots():
            yield from (f"{spot.path}.{name}" for name in spot.model.model_fields)

    def remove(self, spot: Spot) -> None:
        """Take a block away; its number stays free."""
        spot.holder[spot.key] = None

    def stages(self, at: Sequence[str] = ()) -> list[int]:
        """Numbers of the stages all of whose blocks are inside the paths ``at``."""
        every = range(len(self._data["stages"]))
        paths = [f"stages.{number}.blocks." for number in every]
        return [n for n in every if not at or any(paths[n].startswith(f"{p}.") for p in at)]

    def labels(self, stage: int) -> list[str]:
        """What the blocks of a stage are called, in their order, free numbers among them."""
        return list(self._data["stages"][stage]["blocks"])

    def insert(self, stage: int, index: int, label: str, block: Mapping[str, Any]) -> None:
        """Put a block into a stage, before the one whose label has this index."""
        blocks = list(self._data["stages"][stage]["blocks"].items())
        blocks.insert(index, (label, block))
        self._data["stages"][stage]["blocks"] = dict(blocks)

    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """Of every stage, what the blocks that are there are called."""
        return tuple(
            tuple(label for label, block in stage["blocks"].items() if block is not None)
            for stage in self._data["stages"]
        )

    def state(self) -> str:
        """All that can change, to be compared."""
        return json.dumps(self._data, sort_keys=True)

    def architecture(self, name: str) -> Architecture:
        """The net as it stands.

        Raises:
            InputError: it is no valid architecture; blocks are called as here.
        """
        stages = [
            {**stage, "blocks": [b for b in stage["blocks"].values() if b is not None]}
            for stage in self._data["stages"]
        ]
        data = {**self._data, "name": name, "stages": stages}
        return architecture_of(_Drafted(name, data, blocks=self.blocks()))


@dataclass(frozen=True)
class _Drafted(Document):
    """A draft's net, whose errors call blocks as the draft does."""

    blocks: Sequence[Sequence[str]] = ()

    def error(self, misfit: Misfit) -> InputError:
        """Make the error that a user sees."""
        match misfit.location:
            case ("stages", int(stage), "blocks", int(index), *inside):
                location = ("stages", stage, "blocks", self.blocks[stage][index], *inside)
                return super().error(Misfit(location, misfit.message))
        return super().error(misfit)


def put(holder: dict[str, Any], name: str, value: Any, leaf: Leaf, place: Location) -> Any:
    """Set a leaf, unless it has the value already; return what it was.

    Raises:
        Misfit: the value does not fit.
    """
    before, new = holder.get(name, leaf.default), checked(value, leaf.annotation, place)
    if new != (tuple(before) if isinstance(before, list) else before):
        holder[name] = new
    return before


def leaf_of(model: type[BaseModel], name: str, place: Location) -> Leaf:
    """What a layer's leaf can be.

    Raises:
        Misfit: it has no such leaf.
    """
    if name not in model.model_fields:
        known = nearest(name, model.model_fields) if model.model_fields else "it has none"
        kind = getattr(model, "kind", "head")
        raise Misfit(place, f"unknown leaf {name!r} of {kind}; {known}")
    return Leaf(annotation_of(model, name), model.model_fields[name].default)

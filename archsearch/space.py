"""A search space: draw, decode, encode, vary and count its members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from archsearch import matching
from archsearch.architecture import Architecture, Stage
from archsearch.blocks.layer import Layer
from archsearch.codes import leaves_of, made
from archsearch.distinct import all_distinct
from archsearch.documents import Document, Location, Misfit, read
from archsearch.errors import InputError
from archsearch.grammar import (
    Domain,
    Fixed,
    Group,
    Node,
    Slot,
    StageNode,
    Tree,
    parse_tree,
    values_of,
)
from archsearch.sizes import count_members
from archsearch.trial import Choices, Scalar

Pick = Callable[[str, Domain], Scalar]
"""Chooses a label at the leaf with this path."""

NotAMember = matching.NotAMember


class SearchSpace:
    """All architectures that a tree with open leaves stands for.

    A point is a ``Choices``: the label at each active leaf. Leaves inside a layer exist only where
    that layer is chosen and repeated at least once.
    """

    def __init__(self, tree: Tree, name: str) -> None:
        self.tree = replace(tree, name=None)  # a space's name is not its members'
        self.name = name

    def walk(self, pick: Pick) -> Choices:
        """Visit the active leaves in a fixed order, let ``pick`` choose, and return the point."""
        choices: Choices = {}

        def note(path: str, domain: Domain) -> Scalar:
            choices[path] = label = pick(path, domain)
            return label

        resolve(self.tree, note)
        return choices

    def draw(self, rng: np.random.Generator) -> Choices:
        """Draw a point, every active leaf uniformly. It may break a layer's rule: see decode."""
        return self.walk(lambda _, domain: domain.labels[int(rng.integers(len(domain.labels)))])

    def draws(self, rng: np.random.Generator) -> Iterator[Choices]:
        """Draw points one after another, without end."""
        while True:
            yield self.draw(rng)

    def sample(self, rng: np.random.Generator, patience: int = 10_000) -> Architecture:
        """Draw a valid member: points are drawn until one breaks no layer's rule.

        Raises:
            InputError: none of ``patience`` points in a row is valid.
        """
        for _ in range(patience):
            try:
                return self.decode(self.draw(rng))
            except NotAMember as error:  # noqa: PERF203 (a rare refusal)
                reason = str(error)
        raise InputError(f"{self.name}: none of {patience} random points is valid; last: {reason}")

    def decode(self, choices: Mapping[str, Scalar]) -> Architecture:
        """Build the architecture of a point.

        Raises:
            NotAMember: a leaf is missing, left over or out of its domain, or a layer cannot stand
                where it is.
        """
        used: set[str] = set()

        def look_up(path: str, domain: Domain) -> Scalar:
            if path not in choices:
                raise NotAMember(f"{path}: no choice is given; valid: {list(domain.labels)}")
            if choices[path] not in domain.labels:
                raise NotAMember(f"{path}: got {choices[path]!r}; valid: {list(domain.labels)}")
            used.add(path)
            return choices[path]

        architecture = resolve(self.tree, look_up)
        if left := set(choices) - used:
            raise NotAMember(f"{min(left)}: no such leaf is active at this point")
        first = architecture.stages[0].width
        if choices.get("stem.width") == first and None in values_of(self.tree.stem_width):
            raise NotAMember(f"stem.width: {first} is the first stage's; null says the same")
        if reason := architecture.problem():
            raise NotAMember(reason)
        return architecture

    def encode(self, architecture: Architecture) -> Choices:
        """Find the point of an architecture.

        Raises:
            NotAMember: with the first place that does not fit the space.
        """
        return matching.encode(self.tree, architecture)

    def neighbours(self, choices: Choices) -> Iterator[Choices]:
        """Every point that differs in one leaf; newly active leaves take their first label."""
        for path, domain in self._active(choices):
            for label in domain.labels:
                if label != choices[path]:
                    changed = {**choices, path: label}
                    yield self._completed(changed)

    def leaves(self) -> tuple[tuple[str, Domain], ...]:
        """Every leaf that some point has, in the order of the file."""
        return self._leaves

    @cached_property
    def size(self) -> int:
        """Exact number of valid points."""
        return count_members(self.tree)

    @property
    def exact(self) -> bool:
        """True if no two points give the same architecture, so that ``size`` counts architectures.

        False means that this could not be shown, see ``archsearch.distinct``.
        """
        return all_distinct(self.tree)

    @cached_property
    def _leaves(self) -> tuple[tuple[str, Domain], ...]:
        return tuple((leaf.path, leaf.domain) for leaf in leaves_of(self.tree))

    def _completed(self, choices: Choices) -> Choices:
        return self.walk(lambda path, domain: choices.get(path, domain.labels[0]))

    def _active(self, choices: Choices) -> list[tuple[str, Domain]]:
        domains = dict(self._leaves)
        return [(path, domains[path]) for path in choices]


def load_space(path: Path) -> SearchSpace:
    """Read a search-space file.

    Raises:
        InputError: with file, line, the value given, what is valid and the nearest valid name.
    """
    document = read(path)
    return SearchSpace(tree_of(document), str(_name(document) or path.stem))


def tree_of(document: Document) -> Tree:
    """Parse a document, with errors that name its file and line."""
    try:
        return parse_tree(document.data)
    except Misfit as misfit:
        raise document.error(misfit) from None


def architecture_of(document: Document) -> Architecture:
    """Read an architecture: a document of the same language without open leaves."""

    def refuse(path: str, domain: Domain) -> Scalar:
        raise Misfit(
            _location(path),
            f"is open {list(domain.labels)}: this is a search space; "
            "an architecture has one value at each leaf",
        )

    try:
        tree = parse_tree(document.data)
        architecture = resolve(tree, refuse)
        if fault := architecture.fault():
            raise Misfit(_in_file(tree, _location(fault[0])), fault[1])
    except Misfit as misfit:
        raise document.error(misfit) from None
    return architecture


def _location(path: str) -> Location:
    return tuple(int(part) if part.isdigit() else part for part in path.split("."))


def _in_file(tree: Tree, location: Location) -> Location:
    """Where a place of an architecture stands in its file, which writes what is repeated once."""
    if len(location) < 2:
        return location
    _, index, *inside = location
    stage = _written([stage.repeat for stage in tree.stages], index)
    if inside[:1] == ["blocks"]:
        groups = tree.stages[stage].groups
        inside[1] = _written([group.repeat for group in groups], inside[1])
    return ("stages", stage, *inside)


def _written(repeats: list[Node], number: str | int) -> int:
    """Index of the entry whose repetitions include ``number``; the repeats are closed."""
    indices = [i for i, repeat in enumerate(repeats) for _ in range(values_of(repeat)[0])]
    return indices[int(number)]


def resolve(tree: Tree, pick: Pick) -> Architecture:
    """Close every open leaf of ``tree`` by ``pick``. The result may still break a layer's rule."""
    if tree.defined:
        pick = cache(pick)  # a defined layer is chosen once, for all the places that use it
    for slot in tree.defined:
        _layer(slot, "", pick)
    resolution = _close(tree.resolution, "input.resolution", pick)
    stem = _layer(tree.stem, "stem", pick)
    stem_width = _close(tree.stem_width, "stem.width", pick)
    stages = tuple(
        stage
        for index, node in enumerate(tree.stages)
        for stage in _stages(node, f"stages.{index}", pick)
    )
    head = _layer(tree.head, "head", pick)
    width = stem_width or stages[0].width
    return Architecture(tree.channels, resolution, stem, width, stages, head, tree.name)


def _stages(node: StageNode, path: str, pick: Pick) -> tuple[Stage, ...]:
    repeat: int = _close(node.repeat, f"{path}.repeat", pick)
    if not repeat:
        return ()
    width = _close(node.width, f"{path}.width", pick)
    downsample = _layer(node.downsample, f"{path}.downsample", pick)
    blocks = tuple(
        block
        for index, group in enumerate(node.groups)
        for block in _blocks(group, f"{path}.blocks.{index}", pick)
    )
    return (Stage(width, downsample, blocks),) * repeat


def _blocks(group: Group, path: str, pick: Pick) -> tuple[Layer, ...]:
    repeat: int = _close(group.repeat, f"{path}.repeat", pick)
    if not group.vary:
        return (_layer(group.slot, path, pick),) * repeat if repeat else ()
    return tuple(_layer(group.slot, f"{path}.{copy}", pick) for copy in range(repeat))


def _layer(slot: Slot, path: str, pick: Pick) -> Any:
    """The layer or head that stands in a slot; None where a downsampling layer is left out."""
    alternative, path = slot.alternatives[0], slot.path(path)
    if len(slot.alternatives) > 1:
        label = pick(f"{path}.layer", slot.domain)
        alternative = slot.alternatives[slot.domain.labels.index(label)]
    leaves = tuple(
        (name, _close(node, f"{path}.{alternative.label}.{name}", pick))
        for name, node in alternative.leaves.items()
    )
    return None if alternative.model is None else made(alternative.model, leaves)


def _close(node: Node, path: str, pick: Pick) -> Any:
    if isinstance(node, Fixed):
        return node.value
    return node.values[node.domain.labels.index(pick(path, node.domain))]


def _name(document: Document) -> str | None:
    name: str | None = document.data.get("name")
    return name

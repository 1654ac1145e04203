"""Points of a space as rows of numbers, so that many can be handled at once.

A population is an array (N, L): one row a point, one column a leaf in the order of the file, and in
it the index of the label chosen there. Leaves that are not active at a point hold any number,
which has no meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from archsearch.errors import InputError
from archsearch.grammar import Domain, Fixed, Group, Node, Slot, StageNode, Tree, values_of
from archsearch.trial import Choices, Scalar

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Needs = tuple[tuple[str, frozenset[int]], ...]
"""Paths of other leaves and the codes there under which something exists; all must hold."""


class Leaf(NamedTuple):
    """An open leaf, and what must be chosen elsewhere for it to be active."""

    path: str
    domain: Domain
    needs: Needs


def leaves_of(tree: Tree) -> Iterator[Leaf]:
    """Every leaf that some point of ``tree`` has, in the order of the file.

    What is defined comes first, as in every point.
    """
    for slot in tree.defined:
        yield from _slot(slot.path(""), slot)
    yield from _node("input.resolution", tree.resolution)
    yield from _slot("stem", tree.stem)
    yield from _node("stem.width", tree.stem_width)
    for index, stage in enumerate(tree.stages):
        yield from _stage(f"stages.{index}", stage)
    yield from _slot("head", tree.head)


def draw_codes(tree: Tree, rng: np.random.Generator, n: int) -> IntArray:
    """Draw ``n`` points, every leaf uniformly; they may break a layer's rule.

    The points are distributed as ``SearchSpace.draw``'s are, from other random numbers.
    """
    sizes = [len(leaf.domain.labels) for leaf in leaves_of(tree)]
    return rng.integers(0, np.array(sizes, dtype=np.int64), size=(n, len(sizes)))


def active(tree: Tree, codes: IntArray) -> BoolArray:
    """Say which leaves are active at each point: (N, L) as ``codes``."""
    leaves = list(leaves_of(tree))
    columns = {leaf.path: column for column, leaf in enumerate(leaves)}
    masks: dict[Needs, BoolArray] = {(): np.ones(len(codes), dtype=bool)}

    def mask(needs: Needs) -> BoolArray:
        if needs not in masks:
            path, valid = needs[-1]
            masks[needs] = mask(needs[:-1]) & np.isin(codes[:, columns[path]], list(valid))
        return masks[needs]

    shown = np.empty(codes.shape, dtype=bool)
    for column, leaf in enumerate(leaves):
        shown[:, column] = mask(leaf.needs)
    return shown


def choices_of(tree: Tree, row: Sequence[int] | IntArray) -> Choices:
    """Give the point that one row (L,) stands for: the label at each active leaf."""
    leaves = list(leaves_of(tree))
    codes = {leaf.path: int(code) for leaf, code in zip(leaves, row, strict=True)}
    return {
        leaf.path: leaf.domain.labels[codes[leaf.path]]
        for leaf in leaves
        if all(codes[path] in valid for path, valid in leaf.needs)
    }


def codes_of(tree: Tree, choices: Mapping[str, Scalar]) -> IntArray:
    """Give the row (L,) of a point; leaves that are not active hold 0.

    Raises:
        InputError: a choice is of no leaf of the tree, or is none of the leaf's labels.
    """
    leaves = list(leaves_of(tree))
    if strangers := choices.keys() - {leaf.path for leaf in leaves}:
        raise InputError(f"{min(strangers)}: the space has no such leaf")
    for leaf in leaves:
        if leaf.path in choices and choices[leaf.path] not in leaf.domain.labels:
            given, valid = choices[leaf.path], list(leaf.domain.labels)
            raise InputError(f"{leaf.path}: got {given!r}; valid: {valid}")
    codes = [
        leaf.domain.labels.index(choices[leaf.path]) if leaf.path in choices else 0
        for leaf in leaves
    ]
    return np.array(codes, dtype=np.int64)


@lru_cache(maxsize=65_536)
def made(model: type[BaseModel], leaves: tuple[tuple[str, Any], ...]) -> BaseModel:
    """Layers are values: the same leaves give the same object, validated once."""
    return model(**dict(leaves))


def _stage(path: str, stage: StageNode) -> Iterator[Leaf]:
    yield from _node(f"{path}.repeat", stage.repeat)
    needs = _more_than(0, f"{path}.repeat", stage.repeat, ())
    if needs is None:
        return
    yield from _node(f"{path}.width", stage.width, needs)
    if stage.downsample.name is None:
        yield from _slot(f"{path}.downsample", stage.downsample, needs)
    for number, group in enumerate(stage.groups):
        yield from _group(f"{path}.blocks.{number}", group, needs)


def _group(path: str, group: Group, needs: Needs) -> Iterator[Leaf]:
    yield from _node(f"{path}.repeat", group.repeat, needs)
    for copy in range(max(values_of(group.repeat)) if group.vary else 1):
        inside = _more_than(copy, f"{path}.repeat", group.repeat, needs)
        if inside is not None and group.slot.name is None:
            yield from _slot(f"{path}.{copy}" if group.vary else path, group.slot, inside)


def _slot(path: str, slot: Slot, needs: Needs = ()) -> Iterator[Leaf]:
    several = len(slot.alternatives) > 1
    if several:
        yield Leaf(f"{path}.layer", slot.domain, needs)
    for index, alternative in enumerate(slot.alternatives):
        inside = (*needs, (f"{path}.layer", frozenset({index}))) if several else needs
        for name, node in alternative.leaves.items():
            yield from _node(f"{path}.{alternative.label}.{name}", node, inside)


def _node(path: str, node: Node, needs: Needs = ()) -> Iterator[Leaf]:
    if not isinstance(node, Fixed):
        yield Leaf(path, node.domain, needs)


def _more_than(least: int, path: str, repeat: Node, needs: Needs) -> Needs | None:
    """What a copy behind ``least`` others needs to exist; None if it never does."""
    values = values_of(repeat)
    codes = frozenset(code for code, value in enumerate(values) if value > least)
    if not codes:
        return None
    return needs if len(codes) == len(values) else (*needs, (path, codes))

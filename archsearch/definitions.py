"""Spaces in which several places hold one layer: taken apart into plain ones.

A layer that is defined once and used in several places is chosen once. With a layer put in the
place of each name, what is left is a space whose places are chosen freely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod

from pydantic import BaseModel

from archsearch.architecture import block_problem
from archsearch.blocks.layer import Layer, Site
from archsearch.codes import made
from archsearch.grammar import (
    NONE,
    Alternative,
    Domain,
    Fixed,
    Group,
    Slot,
    StageNode,
    Tree,
    values_of,
)

Layers = Mapping[str, BaseModel | None]
"""What stands at the places that use a name; None where a downsampling layer is left out."""


def put_in(tree: Tree, layers: Layers) -> Tree:
    """The space that is left when these layers stand for their names, all that it defines."""

    def slot(given: Slot) -> Slot:
        return given if given.name is None else _closed(layers[given.name])

    def group(given: Group) -> Group:
        return replace(given, slot=slot(given.slot))

    def stage(given: StageNode) -> StageNode:
        groups = tuple(group(one) for one in given.groups)
        return replace(given, downsample=slot(given.downsample), groups=groups)

    return replace(tree, stages=tuple(stage(one) for one in tree.stages), defined=())


def plain_trees(tree: Tree) -> Iterator[tuple[Tree, int]]:
    """Plain spaces that make up ``tree``, each with how many alike ones it stands for.

    Spaces are alike in how many valid points they have where the layers put in can stand at the
    same places.
    """
    kinds = [_alike(tree, slot) for slot in tree.defined]
    for chosen in product(*kinds):
        layers = {slot.name or "": one for slot, (one, _) in zip(tree.defined, chosen, strict=True)}
        yield put_in(tree, layers), prod(number for _, number in chosen)


def layers_of(slot: Slot) -> Iterator[BaseModel | None]:
    """Everything that a slot offers, as often as it does; None for no layer."""
    for alternative in slot.alternatives:
        for values in product(*(values_of(node) for node in alternative.leaves.values())):
            leaves = tuple(zip(alternative.leaves, values, strict=True))
            yield None if alternative.model is None else made(alternative.model, leaves)


def _closed(layer: BaseModel | None) -> Slot:
    if layer is None:
        return Slot((Alternative(NONE, None, {}),), Domain((NONE,)))
    label = str(getattr(layer, "kind", ""))
    leaves = {name: Fixed(getattr(layer, name)) for name in type(layer).model_fields}
    return Slot((Alternative(label, type(layer), leaves),), Domain((label,)))


def _alike(tree: Tree, slot: Slot) -> list[tuple[BaseModel | None, int]]:
    """One layer of each sort that stands at the same places, and how many there are of it."""
    sites = list(_sites(tree, slot.name or ""))
    first: dict[tuple[bool, ...], BaseModel | None] = {}
    numbers: Counter[tuple[bool, ...]] = Counter()
    for layer in layers_of(slot):
        stands = tuple(_stands(layer, *site) for site in sites)
        first.setdefault(stands, layer)
        numbers[stands] += 1
    return [(first[stands], number) for stands, number in numbers.items()]


def _sites(tree: Tree, name: str) -> Iterator[tuple[Site, bool]]:
    """Every site at which a defined layer may have to stand, and whether it is a block there."""
    given = [tree.stem_width, *(stage.width for stage in tree.stages)]
    befores = {width for node in given for width in values_of(node) if width is not None}
    found = dict.fromkeys(
        (Site(width if group else before, width, 1, 1), group is not None)
        for stage, group in tree.users(name)
        for width in values_of(stage.width)
        for before in (befores if group is None else (width,))
    )
    yield from found


def _stands(layer: BaseModel | None, site: Site, block: bool) -> bool:
    if not isinstance(layer, Layer):
        return site.in_channels == site.channels
    return (block_problem(layer, site) if block else layer.problem(site)) is None

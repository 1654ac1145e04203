"""Exact number of valid points of a space.

Whether a layer can stand somewhere depends on channels alone, so that the count is a sum over the
widths of the stages of products of counts within a stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from math import prod

from pydantic import BaseModel

from archsearch.architecture import block_problem
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer, Site
from archsearch.definitions import plain_trees
from archsearch.grammar import Alternative, Group, Slot, StageNode, Tree, values_of

Rule = Callable[[Layer, Site], str | None]


def count_members(tree: Tree) -> int:
    """Count the valid points of ``tree``."""
    return sum(alike * _count_plain(plain) for plain, alike in plain_trees(tree))


def _count_plain(tree: Tree) -> int:
    """Count the valid points of a space whose places are chosen freely."""
    nulls = None in values_of(tree.stem_width)

    @cache
    def stems(channels: int) -> int:
        return _layers(tree.stem, Site(tree.channels, channels, 1, 1), _own_rule)

    @cache
    def first(index: int, stem_width: int | None) -> int:
        """Points of all, where the stages before ``index`` are left out."""
        if index == len(tree.stages):
            return 0
        total = 0
        for repeat in values_of(tree.stages[index].repeat):
            if repeat == 0:
                total += first(index + 1, stem_width)
                continue
            for width in values_of(tree.stages[index].width):
                if width != stem_width or not nulls:  # else null says the same
                    before = stem_width or width
                    total += stems(before) * stage(index, repeat, before, width)
        return total

    @cache
    def behind(index: int, before: int) -> int:
        """Points of the stages from ``index`` on, behind ``before`` channels."""
        if index == len(tree.stages):
            return 1
        total = 0
        for repeat in values_of(tree.stages[index].repeat):
            if repeat == 0:
                total += behind(index + 1, before)
                continue
            for width in values_of(tree.stages[index].width):
                total += stage(index, repeat, before, width)
        return total

    def stage(index: int, repeat: int, before: int, width: int) -> int:
        downs = _downsamples(tree.stages[index], before, width, repeat)
        return downs and downs * blocks(index, width) * behind(index + 1, width)

    @cache
    def blocks(index: int, width: int) -> int:
        return prod(_group(group, width) for group in tree.stages[index].groups)

    starts = sum(first(0, width) for width in values_of(tree.stem_width))
    return len(values_of(tree.resolution)) * _heads(tree.head) * starts


def _downsamples(stage: StageNode, before: int, width: int, repeat: int) -> int:
    """Beginnings of one stage; a repeated one's must fit between its copies too."""
    befores = [before, width] if repeat > 1 else [before]
    return sum(_downsample(option, befores, width) for option in stage.downsample.alternatives)


def _downsample(alternative: Alternative, befores: Sequence[int], width: int) -> int:
    """Count the layers that can stand behind every one of ``befores``."""
    if alternative.model is None:
        return int(all(before == width for before in befores))
    return _layer(alternative, [Site(before, width, 1, 1) for before in befores], _own_rule)


def _group(group: Group, width: int) -> int:
    inside = _layers(group.slot, Site(width, width, 1, 1), block_problem)
    return sum(
        inside**repeat if group.vary else (inside if repeat else 1)
        for repeat in values_of(group.repeat)
    )


def _layers(slot: Slot, site: Site, rule: Rule) -> int:
    return sum(_layer(alternative, [site], rule) for alternative in slot.alternatives)


def _layer(alternative: Alternative, sites: Sequence[Site], rule: Rule) -> int:
    """Count the layers that can stand at every one of ``sites``."""
    return sum(
        isinstance(layer, Layer) and not any(rule(layer, site) for site in sites)
        for layer in _models(alternative)
    )


def _own_rule(layer: Layer, site: Site) -> str | None:
    return layer.problem(site)


def _heads(slot: Slot) -> int:
    return sum(
        isinstance(head, Head) and not head.problem()
        for alternative in slot.alternatives
        for head in _models(alternative)
    )


def _models(alternative: Alternative) -> Iterator[BaseModel]:
    """Everything that an alternative describes."""
    model, leaves = alternative.model, alternative.leaves
    for values in product(*(values_of(node) for node in leaves.values())):
        if model is not None:
            yield model(**dict(zip(leaves, values, strict=True)))

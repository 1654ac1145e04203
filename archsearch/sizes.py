"""Exact number of valid points of a space.

Whether a layer can stand somewhere depends on channels alone, so that the count is a sum over the
widths of the stages of products of counts within a stage.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import prod

from archsearch.blocks.layer import Layer, Site
from archsearch.grammar import Alternative, Group, Slot, StageNode, Tree, values_of


def count_members(tree: Tree) -> int:
    """Count the valid points of ``tree``."""

    @cache
    def behind(index: int, before: int | None) -> int:
        """Points of the stages from ``index`` on, behind ``before`` channels (None: not fixed)."""
        if index == len(tree.stages):
            return 1
        stage = tree.stages[index]
        total = 0
        for repeat in values_of(stage.repeat):
            if repeat == 0:
                total += behind(index + 1, before)
                continue
            for width in values_of(stage.width):
                inside = _stage(stage, before, width, repeat)
                total += inside and inside * behind(index + 1, width)
        return total

    stems = sum(
        behind(0, width) * _layers(tree.stem, Site(tree.channels, width or 1, 1, 1))
        for width in values_of(tree.stem_width)
    )
    return len(values_of(tree.resolution)) * _any(tree.head) * stems


def _stage(stage: StageNode, before: int | None, width: int, repeat: int) -> int:
    """Points of one stage; a repeated one's downsampling layer must fit between its copies too."""
    down = 0
    for alternative in stage.downsample.alternatives:
        first = _downsample(alternative, before, width)
        down += min(first, _downsample(alternative, width, width)) if repeat > 1 else first
    return down and down * prod(_group(group, width) for group in stage.groups)


def _downsample(alternative: Alternative, before: int | None, width: int) -> int:
    if alternative.model is None:
        return int(before in (None, width))
    return 0 if before is None else _layer(alternative, Site(before, width, 1, 1))


def _group(group: Group, width: int) -> int:
    inside = _layers(group.slot, Site(width, width, 1, 1))
    return sum(
        inside**repeat if group.vary else (inside if repeat else 1)
        for repeat in values_of(group.repeat)
    )


def _layers(slot: Slot, site: Site) -> int:
    return sum(_layer(alternative, site) for alternative in slot.alternatives)


def _layer(alternative: Alternative, site: Site) -> int:
    model = alternative.model
    assert model is not None  # noqa: S101
    names = list(alternative.leaves)
    count = 0
    for values in product(*(values_of(alternative.leaves[name]) for name in names)):
        layer = model(**dict(zip(names, values, strict=True)))
        count += not isinstance(layer, Layer) or layer.problem(site) is None
    return count


def _any(slot: Slot) -> int:
    return sum(prod(len(values_of(n)) for n in a.leaves.values()) for a in slot.alternatives)

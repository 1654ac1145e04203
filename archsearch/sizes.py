"""Exact number of valid points of a space.

Whether a layer can stand somewhere depends on channels alone, so that the count is a sum over the
widths of the stages of products of counts within a stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from math import prod

from archsearch.architecture import block_problem
from archsearch.blocks.layer import Layer, Site
from archsearch.grammar import Alternative, Group, Slot, StageNode, Tree, values_of

Rule = Callable[[Layer, Site], str | None]


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
                downs = _downsamples(stage, before, width, repeat)
                total += downs and downs * blocks(index, width) * behind(index + 1, width)
        return total

    @cache
    def blocks(index: int, width: int) -> int:
        return prod(_group(group, width) for group in tree.stages[index].groups)

    stems = sum(
        behind(0, width) * _layers(tree.stem, Site(tree.channels, width or 1, 1, 1), _own_rule)
        for width in values_of(tree.stem_width)
    )
    return len(values_of(tree.resolution)) * _any(tree.head) * stems


def _downsamples(stage: StageNode, before: int | None, width: int, repeat: int) -> int:
    """Beginnings of one stage; a repeated one's must fit between its copies too."""
    befores = [before, width] if repeat > 1 else [before]
    return sum(_downsample(option, befores, width) for option in stage.downsample.alternatives)


def _downsample(alternative: Alternative, befores: Sequence[int | None], width: int) -> int:
    """Count the layers that can stand behind every one of ``befores`` (None: not fixed)."""
    if alternative.model is None:
        return int(all(before in (None, width) for before in befores))
    sites = [Site(before, width, 1, 1) for before in befores if before is not None]
    return 0 if len(sites) < len(befores) else _layer(alternative, sites, _own_rule)


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
    model = alternative.model
    assert model is not None  # noqa: S101
    names = list(alternative.leaves)
    count = 0
    for values in product(*(values_of(alternative.leaves[name]) for name in names)):
        layer = model(**dict(zip(names, values, strict=True)))
        assert isinstance(layer, Layer)  # noqa: S101
        count += not any(rule(layer, site) for site in sites)
    return count


def _own_rule(layer: Layer, site: Site) -> str | None:
    return layer.problem(site)


def _any(slot: Slot) -> int:
    return sum(prod(len(values_of(n)) for n in a.leaves.values()) for a in slot.alternatives)

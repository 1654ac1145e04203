"""Blocks put into stages: where a change may put one, and what it is called there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from archsearch.arms.draft import Draft
from archsearch.arms.layers import counted, in_words, kind_given, leaves_given
from archsearch.blocks import BLOCKS
from archsearch.documents import Location, Misfit
from archsearch.errors import nearest

PLACE = r"(stages\.\d+\.)?(first|last|before_\d+)"
"""A place in every stage that is meant, or in the one that it begins with."""


def inserted(
    draft: Draft, where: str, layer: Any, at: Sequence[str], factor: str, place: Location
) -> str:
    """Put a block at a place in one stage or in several; return it in words.

    It is called ``PLACE.FACTOR`` in its stage: a name that no block of the base has, and that does
    not depend on what else an arm changes.

    Raises:
        Misfit: there is no such place or block, or the change has put one there already.
    """
    position = where.rpartition(".")[2]
    stages = _stages(draft, where, at, place)
    kind = kind_given(layer, BLOCKS, "sdta", place)
    leaves = leaves_given(layer, BLOCKS[kind], (*place, kind))
    for stage in stages:
        name, labels = f"{position}.{factor}", draft.labels(stage)
        if name in labels:
            raise Misfit(place, f"the change puts a block there in stages.{stage} twice; drop one")
        before = _before(position, stage, labels, place)
        draft.insert(stage, before, name, {kind: dict(leaves)})
    into = counted(len(stages), "stage") if where == position else f"stages.{stages[0]}"
    word = position.replace("before_", "before block ")
    return f"{in_words(kind, leaves)} put {word} in {into}"


def _stages(draft: Draft, where: str, at: Sequence[str], place: Location) -> list[int]:
    """Numbers of the stages that a place means."""
    if not re.fullmatch(PLACE, where):
        raise Misfit(place, f"unknown place {where!r}; {nearest(where, _places(draft))}")
    prefix, dot, _ = where.rpartition(".")
    if not dot:
        return _stages_at(draft, at, (*place[:-2], "at"))
    if at:
        raise Misfit(place, f"{where} is a whole path, which at cannot narrow; drop at or the path")
    if not (found := draft.stages([prefix])):
        raise Misfit(place, f"no stage {prefix!r}; {nearest(where, _places(draft))}")
    return found


def _stages_at(draft: Draft, at: Sequence[str], place: Location) -> list[int]:
    for prefix in at:
        if not draft.stages([prefix]):
            known = nearest(prefix, (f"stages.{stage}" for stage in draft.stages()))
            raise Misfit(place, f"{prefix} is no stage, and blocks are put into stages; {known}")
    return draft.stages(at)


def _places(draft: Draft) -> Iterator[str]:
    """Where a block can be put; the places before blocks are as many as there are blocks."""
    yield from ("first", "last", "before_0")
    for stage in draft.stages():
        yield from (f"stages.{stage}.{word}" for word in ("first", "last", "before_0"))


def _before(position: str, stage: int, labels: Sequence[str], place: Location) -> int:
    """Index of the place in its stage; numbers that a removed block left free count."""
    if position in ("first", "last"):
        return 0 if position == "first" else len(labels)
    number = position.removeprefix("before_")
    if number not in labels:
        numbers = [label for label in labels if label.isdigit()]
        has = f"blocks {numbers[0]} to {numbers[-1]}" if numbers else "no blocks"
        raise Misfit(place, f"stages.{stage} has no block {number}; the base has {has} there")
    return labels.index(number)

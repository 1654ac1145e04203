"""Whether the points of a space are distinct architectures.

A stage's blocks are a word that the stage's groups spell, and the stages of an architecture are a
word that the stages of the space spell. Two points meet only if some word can be spelt in two ways,
or if two alternatives of a choice hold the same layer. Blocks are left out when stages are
compared, so that an answer of no is certain and an answer of yes is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, TypeVar

from archsearch.grammar import Alternative, Group, Node, Slot, StageNode, Tree, values_of

Part = TypeVar("Part", Group, StageNode)


def all_distinct(tree: Tree) -> bool:
    """Show that no two points of ``tree`` give the same architecture."""
    slots = [tree.stem, tree.head]
    for stage in tree.stages:
        slots += [stage.downsample, *(group.slot for group in stage.groups)]
    return (
        not any(_meets_itself(slot) for slot in slots)
        and _one_spelling(tree.stages, _stages_meet)
        and all(_one_spelling(stage.groups, _groups_meet) for stage in tree.stages)
    )


def _stages_meet(one: StageNode, other: StageNode) -> bool:
    widths = set(values_of(one.width)) & set(values_of(other.width))
    return bool(widths) and _meet(one.downsample, other.downsample)


def _groups_meet(one: Group, other: Group) -> bool:
    return _meet(one.slot, other.slot)


def _meet(one: Slot, other: Slot) -> bool:
    return any(_same(a, b) for a in one.alternatives for b in other.alternatives)


def _meets_itself(slot: Slot) -> bool:
    return any(_same(a, b) for a, b in combinations(slot.alternatives, 2))


def _same(one: Alternative, other: Alternative) -> bool:
    """Whether some layer is described by both."""
    if one.model is not other.model or one.model is None:
        return one.model is other.model
    return all(
        set(_values(one, name, field.default)) & set(_values(other, name, field.default))
        for name, field in one.model.model_fields.items()
    )


def _values(alternative: Alternative, name: str, default: object) -> Sequence[object]:
    node: Node | None = alternative.leaves.get(name)
    return (default,) if node is None else values_of(node)


class _Reader(NamedTuple):
    """Where one way of spelling stands: at part ``at`` of ``repeat`` copies, ``left`` unread."""

    at: int
    repeat: int
    left: int


def _one_spelling(parts: Sequence[Part], meet: Callable[[Part, Part], bool]) -> bool:
    """Whether every word of ``parts``, each repeated in order, is spelt in one way only.

    Two readers go through all words in step, letter by letter; a pair of readers that have parted
    and both come to the end has found a word with two spellings.
    """
    start = _Reader(-1, 0, 0)
    seen = {(start, start, False)}
    pairs = list(seen)
    while pairs:
        one, other, parted = pairs.pop()
        if parted and _may_end(parts, one) and _may_end(parts, other):
            return False
        for a in _steps(parts, one):
            for b in _steps(parts, other):
                pair = (a, b, parted or a != b)
                if pair not in seen and (a.at == b.at or meet(parts[a.at], parts[b.at])):
                    seen.add(pair)
                    pairs.append(pair)
    return True


def _steps(parts: Sequence[Part], reader: _Reader) -> Iterator[_Reader]:
    """Where ``reader`` can stand after one more letter."""
    if reader.left:
        yield reader._replace(left=reader.left - 1)
        return
    for at in range(reader.at + 1, len(parts)):
        repeats = values_of(parts[at].repeat)
        yield from (_Reader(at, repeat, repeat - 1) for repeat in repeats if repeat)
        if 0 not in repeats:
            return


def _may_end(parts: Sequence[Part], reader: _Reader) -> bool:
    rest = parts[reader.at + 1 :]
    return not reader.left and all(0 in values_of(part.repeat) for part in rest)

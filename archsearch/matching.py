"""Which point of a space an architecture is: the way back from an architecture to choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

from pydantic import BaseModel

from archsearch.architecture import Architecture, Stage, layer_data
from archsearch.blocks.layer import Layer
from archsearch.definitions import Layers, put_in
from archsearch.grammar import NONE, Alternative, Fixed, Group, Node, Slot, StageNode, Tree
from archsearch.trial import Choices


class NotAMember(ValueError):  # noqa: N818 (reads as what it says)
    """A point or an architecture that does not belong to the space, and why."""


class _Reasons:
    """The mismatch found furthest along the architecture: the one worth telling."""

    def __init__(self) -> None:
        self.furthest: tuple[int, str] = (-1, "")

    def note(self, depth: int, reason: str) -> None:
        if depth > self.furthest[0]:
            self.furthest = (depth, reason)


def encode(tree: Tree, architecture: Architecture) -> Choices:
    """Find the choices under which ``tree`` gives ``architecture``.

    Raises:
        NotAMember: with the furthest place that could be matched and what would fit there.
    """
    if not tree.defined:
        return _encode(tree, architecture)
    for layers, choices in _defined(tree.defined, architecture):
        try:
            return choices | _encode(put_in(tree, layers), architecture)
        except NotAMember:  # noqa: PERF203 (few layers fit a definition)
            continue
    _encode(tree, architecture)
    names = " and ".join(str(slot.name) for slot in tree.defined)
    raise NotAMember(f"define: {names}: the places that use it do not hold one and the same layer")


def _defined(slots: Sequence[Slot], architecture: Architecture) -> Iterator[tuple[Layers, Choices]]:
    """What can have been chosen at slots that are defined: layers that the architecture has.

    One of the places that use a definition is always there.
    """
    blocks = (block for stage in architecture.stages for block in stage.blocks)
    met = dict.fromkeys([*(stage.downsample for stage in architecture.stages), *blocks])
    fitting = [
        [(m, found) for m in met if not isinstance(found := _slot(slot, m, slot.path("")), str)]
        for slot in slots
    ]
    for chosen in product(*fitting):
        layers = {str(slot.name): layer for slot, (layer, _) in zip(slots, chosen, strict=True)}
        yield layers, {path: label for _, found in chosen for path, label in found.items()}


def _encode(tree: Tree, architecture: Architecture) -> Choices:
    """Find the choices of a tree, each place on its own."""
    if tree.channels != architecture.channels:
        raise NotAMember(f"input.channels: {architecture.channels}; the space has {tree.channels}")
    choices: Choices = {}
    choices |= _must(_node(tree.resolution, architecture.resolution, "input.resolution"))
    choices |= _must(_slot(tree.stem, architecture.stem, "stem"))
    choices |= _must(_stem_width(tree.stem_width, architecture))
    choices |= _must(_slot(tree.head, architecture.head, "head"))
    reasons = _Reasons()
    found = _stages(tree.stages, architecture.stages, reasons)
    if found is None:
        raise NotAMember(reasons.furthest[1])
    return choices | found


def _stem_width(node: Node, architecture: Architecture) -> Choices | str:
    """No width and the first stage's width say the same; a space that offers both means none."""
    if architecture.stem_width == architecture.stages[0].width:
        left_out = _node(node, None, "stem.width")
        if not isinstance(left_out, str):
            return left_out
    return _node(node, architecture.stem_width, "stem.width")


def _must(found: Choices | str) -> Choices:
    if isinstance(found, str):
        raise NotAMember(found)
    return found


def _stages(
    nodes: Sequence[StageNode], stages: Sequence[Stage], reasons: _Reasons
) -> Choices | None:
    """First way to explain every stage of an architecture by the stages of a space."""

    @cache
    def behind(index: int, done: int) -> Choices | None:
        depth = 10_000 * done
        if index == len(nodes):
            reasons.note(depth, f"stages: {len(stages)}; the space explains {done} of them")
            return {} if done == len(stages) else None
        node, path = nodes[index], f"stages.{index}"
        for repeat, repeated in _labels(node.repeat, f"{path}.repeat"):
            copies = stages[done : done + repeat]
            if len(copies) < repeat:
                reasons.note(depth, f"{path}: the architecture has only {len(stages)} stages")
                continue
            if any(copy != copies[0] for copy in copies):
                reasons.note(depth, f"{path}: the copies of a repeated stage must be alike")
                continue
            inside = _stage(node, copies[0], path, depth, reasons) if copies else {}
            rest = None if inside is None else behind(index + 1, done + repeat)
            if inside is not None and rest is not None:
                return {**repeated, **inside, **rest}
        return None

    return behind(0, 0)


def _stage(
    node: StageNode, stage: Stage, path: str, depth: int, reasons: _Reasons
) -> Choices | None:
    choices: Choices = {}
    width = _node(node.width, stage.width, f"{path}.width")
    downsample = _slot(node.downsample, stage.downsample, f"{path}.downsample")
    for found in (width, downsample):
        if isinstance(found, str):
            reasons.note(depth + 1, found)
            return None
        choices |= found
    blocks = _blocks(node.groups, stage.blocks, path, depth + 2, reasons)
    return None if blocks is None else choices | blocks


def _blocks(
    groups: Sequence[Group], blocks: Sequence[Layer], path: str, depth: int, reasons: _Reasons
) -> Choices | None:
    """First way to explain every block of a stage by its groups.

    Places from which there is none are remembered: groups that overlap would otherwise be tried in
    every combination of their repeats.
    """

    @cache
    def behind(index: int, done: int) -> Choices | None:
        if index == len(groups):
            if done == len(blocks):
                return {}
            left = f"{path}.blocks.{done}: {layer_data(blocks[done])}"
            reasons.note(depth + done, f"{left}; the space has no block left there")
            return None
        group, place = groups[index], f"{path}.blocks.{index}"
        for repeat, repeated in _labels(group.repeat, f"{place}.repeat"):
            copies = blocks[done : done + repeat]
            if len(copies) < repeat:
                reasons.note(depth + done, f"{place}: fewer blocks than the space needs there")
                continue
            inside = _copies(group, copies, place)
            if isinstance(inside, str):
                reasons.note(depth + done, inside)
                continue
            rest = behind(index + 1, done + repeat)
            if rest is not None:
                return {**repeated, **inside, **rest}
        return None

    return behind(0, 0)


def _copies(group: Group, copies: Sequence[Layer], path: str) -> Choices | str:
    if not copies:
        return {}
    if not group.vary:
        if any(copy != copies[0] for copy in copies):
            return f"{path}: the copies of a repeated block must be alike"
        return _slot(group.slot, copies[0], path)
    choices: Choices = {}
    for number, copy in enumerate(copies):
        found = _slot(group.slot, copy, f"{path}.{number}")
        if isinstance(found, str):
            return found
        choices |= found
    return choices


def _slot(slot: Slot, layer: BaseModel | None, path: str) -> Choices | str:
    """The choices under which a slot holds a layer, or why it cannot."""
    model = None if layer is None else type(layer)
    same = [alternative for alternative in slot.alternatives if alternative.model is model]
    if not same:
        known = " or ".join(alternative.label for alternative in slot.alternatives)
        return f"{path}: {getattr(layer, 'kind', NONE)}; the space has {known}"
    reasons = []
    for alternative in same:
        chosen: Choices = {f"{path}.layer": alternative.label} if len(slot.alternatives) > 1 else {}
        found = _leaves(alternative, layer, path)
        if not isinstance(found, str):
            return chosen | found
        reasons.append(found)
    return reasons[0]


def _leaves(alternative: Alternative, layer: BaseModel | None, path: str) -> Choices | str:
    choices: Choices = {}
    for name, info in type(layer).model_fields.items() if layer is not None else ():
        node = alternative.leaves.get(name, Fixed(info.default))
        found = _node(node, getattr(layer, name), f"{path}.{alternative.label}.{name}")
        if isinstance(found, str):
            return found
        choices |= found
    return choices


def _node(node: Node, value: Any, path: str) -> Choices | str:
    if isinstance(node, Fixed):
        return {} if node.value == value else f"{path}: {value!r}; the space has {node.value!r}"
    if value not in node.values:
        return f"{path}: {value!r}; the space has {list(node.domain.labels)}"
    return {path: node.domain.labels[node.values.index(value)]}


def _labels(node: Node, path: str) -> Iterator[tuple[int, Choices]]:
    """Every repeat count that a node can take, with the choice that it stands for."""
    if isinstance(node, Fixed):
        yield node.value, {}
        return
    for label, value in zip(node.domain.labels, node.values, strict=True):
        yield value, {path: label}

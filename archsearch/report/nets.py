"""A net as a page draws it: its stages with the layers, sizes and costs of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from archsearch.architecture import Architecture
from archsearch.description import Part, StagePart, describe
from archsearch.notation import engineering


def drawn(architecture: Architecture, classes: int) -> dict[str, Any]:
    """A net as data: identity, totals, and stages from stem to head.

    Args:
        architecture: the net.
        classes: outputs of the head with which it is counted.
    """
    net = describe(architecture, classes)
    height, width = architecture.size
    return {
        "id": net.id,
        "name": net.name,
        "input": [architecture.channels, height, width],
        "params": engineering(net.params),
        "macs": engineering(net.macs),
        "stages": [_stage(stage, net.params, net.macs) for stage in net.stages if stage.layers],
    }


def block_kinds(nets: Iterable[Mapping[str, Any]]) -> set[str]:
    """Kinds of the blocks of nets as ``drawn`` gives them, each of which has a colour."""
    stages = (stage for net in nets for stage in net["stages"])
    return {kind for stage in stages for _, kind, _, block in stage["layers"] if block}


def _stage(stage: StagePart, params: int, macs: int) -> dict[str, Any]:
    word, _, number = stage.name.partition(".")
    own = [part for part in stage.layers if not part.kind.startswith("shared ")]
    last = stage.layers[-1]
    return {
        "name": f"Stage {int(number) + 1}" if number else word.capitalize(),
        "head": word == "head",
        "size": [last.channels, last.height, last.width] if word != "head" else [stage.channels],
        "params": engineering(stage.params),
        "macs": engineering(stage.macs),
        "share": [stage.params / max(params, 1), stage.macs / max(macs, 1)],
        "layers": [_layers(list(run)) for _, run in groupby(own, key=_look)],
    }


def _look(part: Part) -> tuple[Any, ...]:
    return part.kind, ".blocks." in part.path, tuple(part.changed.items())


def _layers(run: list[Part]) -> list[Any]:
    """How often, which kind, what of it is not as usual, and whether it is a block."""
    part = run[0]
    leaves = ", ".join(_leaf(name, value) for name, value in part.changed.items())
    return [len(run), part.kind, leaves, ".blocks." in part.path]


def _leaf(name: str, value: Any) -> str:
    """A leaf that is not at its default; one that is on needs no more than its name."""
    if isinstance(value, bool):
        return name if value else f"{name} off"
    return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"

"""Our names of weights against those of other codes: prefixes replaced, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from archsearch.architecture import Architecture, Place
from archsearch.network import build


def module_places(architecture: Architecture) -> Iterator[tuple[Place, str]]:
    """Every layer with the path of its module in the built network.

    A stage's downsampling layer is the first module of its sequence, so that the stage's blocks
    begin at 1 where there is one (``stages.2.blocks.0`` is the module ``stages.2.1``).
    """
    for place in architecture.places():
        match place.path.split("."):
            case ["stages", stage, "downsample"]:
                yield place, f"stages.{stage}.0"
            case ["stages", stage, "blocks", number]:
                first = architecture.stages[int(stage)].downsample is not None
                yield place, f"stages.{stage}.{int(number) + first}"
            case _:
                yield place, place.path


def within(ours: str, theirs: str, prefixes: Mapping[str, str]) -> dict[str, str]:
    """``prefixes`` of a module that stands at ``ours`` in our net and at ``theirs`` in the other.

    What ``prefixes`` does not name keeps its name below ``theirs``.
    """
    return {ours: theirs, **{f"{ours}.{a}": f"{theirs}.{b}" for a, b in prefixes.items()}}


def renamed(architecture: Architecture, prefixes: Mapping[str, str]) -> dict[str, str]:
    """Name of every entry of our state dict in the other code, by ours.

    The longest dotted prefix of our name that ``prefixes`` has is replaced.
    """
    with torch.device("meta"):  # the names are all that is needed
        network = build(architecture)
    return {name: _replaced(name, prefixes) for name in network.state_dict()}


def _replaced(name: str, prefixes: Mapping[str, str]) -> str:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        head = ".".join(parts[:end])
        if head in prefixes:
            return ".".join([prefixes[head], *parts[end:]])
    return name

"""Initial weights that depend on a parameter's path and not on what was made before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from archsearch.architecture import Architecture, Resolution
from archsearch.network import Network, build
from archsearch.seeds import derive

M = TypeVar("M", bound=nn.Module)


def build_by_path(
    architecture: Architecture,
    classes: int,
    *,
    resolution: Resolution | None = None,
    seed: int,
    blocks: Sequence[Sequence[str]] | None = None,
) -> Network:
    """Build a net as ``network.build`` does, with random numbers of its own for each parameter.

    Two nets built with one seed begin with the same weights wherever a parameter has the same path,
    shape and initialisation in both: common random numbers, by which a difference between the two
    is that of the nets alone. Every parameter is distributed as in ``network.build``. What the
    blocks of a stage share has the stage's path, whichever of them is there.

    Args:
        architecture: the architecture.
        classes: number of outputs.
        resolution: size that position tables and global kernels are made for, if not its own.
        seed: of all weights. Torch's own generator stays as it is.
        blocks: of every stage, what its blocks are called: a block that has a number takes the path
            that it would have as the block of this number, another one a path of its own. None:
            they are numbered as they stand.

    Raises:
        InputError: a layer cannot stand where it is.
    """

    def made() -> Network:
        return build(architecture, classes, resolution=resolution, seed=seed)

    # A network draws what its blocks share before its layers, in this order.
    shared = [f"stages.{stage}.{name}" for stage, name in architecture.shared()]
    called = {} if blocks is None else dict(_called(architecture, blocks))

    def renamed(path: str) -> str:
        layer = ".".join(path.split(".")[:3])
        return called.get(layer, layer) + path[len(layer) :]

    return with_own_chance(made, seed, shared, renamed)


def _called(
    architecture: Architecture, blocks: Sequence[Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Path of each block in the network, and the path by which its weights are drawn."""
    for index, (stage, labels) in enumerate(zip(architecture.stages, blocks, strict=True)):
        before = 0 if stage.downsample is None else 1
        for place, label in enumerate(labels, before):
            number = int(label) + before if label.isdigit() else label
            yield f"stages.{index}.{place}", f"stages.{index}.{number}"


def with_own_chance(
    make: Callable[[], M],
    seed: int,
    first: Sequence[str] = (),
    renamed: Callable[[str], str] = str,
) -> M:
    """Make a module twice: to learn which parameter each draw is for, then with a seed for each.

    Args:
        make: makes it, drawing the same number of times whenever it is called.
        seed: of all draws.
        first: names of the first draws, in the place of those of their parameters.
        renamed: the name to take for a parameter's path.
    """
    draws = _Draws([])
    with draws:
        module = make()
    names = [*first, *map(renamed, _names(module, draws.drawn[len(first) :]))]
    times: Counter[str] = Counter()
    seeds = []
    for name in names:
        seeds.append(derive(seed, name, times[name]))
        times[name] += 1
    with _Draws(seeds):
        return make()


class _Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Notes every tensor that is filled with random numbers; gives the n-th draw its seed."""

    def __init__(self, seeds: Sequence[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self._seeds = seeds
        self.drawn: list[Tensor] = []  # kept alive, so that no two have one address

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one of torch's operators."""
        del types
        is_random = torch.Tag.nondeterministic_seeded in func.tags
        if is_random and self._seeds:
            torch.manual_seed(self._seeds[len(self.drawn)])
        found = func(*args, **(kwargs or {}))
        if is_random:
            self.drawn.append(found)
        return found


def _names(module: nn.Module, drawn: Sequence[Tensor]) -> list[str]:
    """Path of the parameter or buffer that each draw went to; empty where it is none."""
    held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    paths = {tensor.untyped_storage().data_ptr(): path for path, tensor in held.items()}
    return [paths.get(tensor.untyped_storage().data_ptr(), "") for tensor in drawn]

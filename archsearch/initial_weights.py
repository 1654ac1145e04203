"""Initial weights that depend on a parameter's path and not on what was made before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from archsearch.architecture import Architecture, Resolution
from archsearch.network import Network, build
from archsearch.seeds import derive

M = TypeVar("M", bound=nn.Module)


def build_by_path(
    architecture: Architecture, classes: int, *, resolution: Resolution | None = None, seed: int
) -> Network:
    """Build a net as ``network.build`` does, with random numbers of its own for each parameter.

    Two nets built with one seed begin with the same weights wherever a parameter has the same path,
    shape and initialisation in both: common random numbers, by which a difference between the two
    is that of the nets alone. Every parameter is distributed as in ``network.build``.

    Args:
        architecture: the architecture.
        classes: number of outputs.
        resolution: size that position tables and global kernels are made for, if not its own.
        seed: of all weights. Torch's own generator stays as it is.

    Raises:
        InputError: a layer cannot stand where it is.
    """

    def made() -> Network:
        return build(architecture, classes, resolution=resolution, seed=seed)

    return with_own_chance(made, seed)


def with_own_chance(make: Callable[[], M], seed: int) -> M:
    """Make a module twice: to learn which parameter each draw is for, then with a seed for each."""
    draws = _Draws([])
    with draws:
        module = make()
    names = _names(module, draws.drawn)
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

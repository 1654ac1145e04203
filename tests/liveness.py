"""The live set of a module, found from the operators that PyTorch dispatches in its forward.

The model is the one stated at ``blocks.layer.Layer.live``; nothing here knows the layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

# What they write may lie where an input lay. A norm's statistics are its own workspace.
ELEMENTWISE = {
    aten.add,
    aten.clamp_min,
    aten.div,
    aten.gelu,
    aten.hardsigmoid,
    aten.hardswish,
    aten.hardtanh,
    aten.mul,
    aten._native_batch_norm_legit_no_training,
    aten.native_batch_norm,
    aten.native_layer_norm,
    aten.relu,
    aten.sigmoid,
    aten.silu,
    aten._softmax,
    aten.sub,
}
# They write something new. Of pooling, the places of the maxima are its own workspace.
WRITING = {
    aten.addmm,
    aten.avg_pool2d,
    aten.bmm,
    aten.convolution,
    aten._fft_c2r,
    aten._fft_r2c,
    aten.linalg_vector_norm,
    aten.max_pool2d_with_indices,
    aten.mean,
    aten.mm,
    aten.roll,
    aten.upsample_bilinear2d,
}
# Copies that a memory layout asks for, which the model takes for views.
RESHAPING = {aten.clone, aten._unsafe_view, aten._to_copy}
JOINING = {aten.cat, aten.stack, aten.constant_pad_nd}


class Step(NamedTuple):
    """One operator that writes: the storages that it reads, its own, and may it write over one?"""

    reads: frozenset[int]
    written: int
    elements: int
    elementwise: bool


class Trace(TorchDispatchMode):
    """Note what depends on ``given``; tensors are kept, so that their ids stay theirs."""

    def __init__(self, given: Tensor) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._kept = [given]
        self._storage = {id(given): 0}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operator and note it."""
        out = func(*args, **(kwargs or {}))
        tensors = list(tensors_in([*args, *(kwargs or {}).values()]))
        reads = [self._storage[id(t)] for t in tensors if id(t) in self._storage]
        if reads:
            self._note(func, args, tensors, reads, out)
        return out

    def _note(
        self, func: Any, args: Sequence[Any], tensors: list[Tensor], reads: list[int], out: Any
    ) -> None:
        outs = list(tensors_in([out]))
        self._kept += outs
        packet = func.overloadpacket
        if shares_memory(func, args, tensors):
            self._storage.update({id(t): reads[0] for t in outs})
            return
        assert packet in ELEMENTWISE | WRITING | JOINING, f"{func} is not known to this analysis"
        written = len(self.steps) + 1
        self._storage[id(outs[0])] = written
        complex_parts = 1 + outs[0].is_complex()
        elements = outs[0].numel() * complex_parts
        self.steps.append(Step(frozenset(reads), written, elements, packet in ELEMENTWISE))


def tensors_in(values: Sequence[Any]) -> Iterator[Tensor]:
    """Every tensor in nested lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def shares_memory(func: Any, args: Sequence[Any], tensors: list[Tensor]) -> bool:
    """Whether what an operator gives lies in the memory of its first tensor."""
    packet = func.overloadpacket
    if packet in RESHAPING or any(a.alias_info is not None for a in func._schema.returns):
        return True
    nothing_to_add = packet is aten.constant_pad_nd and not any(args[1])
    return nothing_to_add or (packet in (aten.cat, aten.stack) and len(tensors) == 1)


def largest_live_set(module: nn.Module, x: Tensor) -> int:
    """Elements of the largest live set of ``module`` on ``x``."""
    trace = Trace(x)
    with torch.no_grad(), trace:
        out = module(x)
    return most_alive(math.prod(x.shape), trace.steps, trace._storage[id(out)])


def most_alive(given: int, steps: Sequence[Step], out: int) -> int:
    """Follow the steps: what is read for the last time dies, unless it is written over."""
    last = {read: number for number, step in enumerate(steps) for read in step.reads}
    last[out] = len(steps)
    alive, most = {0: given}, given
    for number, step in enumerate(steps):
        dying = {read for read in step.reads if last[read] == number}
        fitting = [read for read in dying if step.elementwise and alive[read] == step.elements]
        for read in fitting[:1]:
            del alive[read]
        alive[step.written] = step.elements
        most = max(most, sum(alive.values()))
        for read in dying - set(fitting[:1]):
            del alive[read]
        if step.written not in last:
            del alive[step.written]
    assert alive.keys() == {out}
    return most

"""From a module to its graph: the forward pass is run once, on tensors without numbers.

What is drawn is what runs: every function of torch that the forward pass calls is seen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archsearch.blocks.layer import Layer, Site
from archsearch.drawing.graph import MULTIPLYING, Edge, Graph, Operator, simplified
from archsearch.drawing.operators import (
    ARITHMETIC,
    JOINS,
    LATER,
    SPLITS,
    SUMS,
    Call,
    drawn,
    joined,
    plain_name,
    shape_text,
)
from archsearch.errors import InputError

_SHORT = {"gamma": "γ", "pe": "position embedding"}
_NAMELESS = ("weight", "bias", "table")
_NO_NUMBERS = torch.device("meta")


class _Flow(NamedTuple):
    """A tensor that depends on the input: which operator gave it."""

    operator: int
    part: int = 0


def layer_graph(layer: Layer, site: Site) -> Graph:
    """Graph of a layer's module, on one map at ``site``.

    Raises:
        InputError: the layer cannot stand at the site.
    """
    if reason := layer.problem(site):
        raise InputError(f"{layer.kind}: {reason}")
    with torch.random.fork_rng(devices=[]), _NO_NUMBERS:
        shapes = layer.shared(site)
        shared = {name: nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()}
        module = layer.build(site, shared).eval()
        return module_graph(module, (1, site.in_channels, site.height, site.width))


def module_graph(module: nn.Module, shape: tuple[int, ...]) -> Graph:
    """Graph of a module whose tensors lie on the meta device, for an input of ``shape``."""
    with torch.no_grad(), _NO_NUMBERS:
        x = torch.empty(shape)
        recorder = _Recorder(module, x)
        with recorder.following(module), recorder:
            out = module(x)
    return recorder.graph(out)


class _Recorder(TorchFunctionMode):
    """Writes down every call on values that depend on the input, and every multiplying one."""

    def __init__(self, module: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.operators: dict[int, Operator] = {}
        self.edges: list[Edge] = []
        self.flows: dict[int, _Flow] = {}
        self.names = dict(_names(module))
        self.inside: list[nn.Module] = []
        self.alive: list[Any] = [x]  # an id belongs to one tensor as long as that lives
        self.flows[id(x)] = self._add(Operator("end", "Input", shape_text(x.shape)), [])

    @contextmanager
    def following(self, module: nn.Module) -> Iterator[None]:
        """Know, while the forward pass runs, in which module it is."""

        def leave(*_: object) -> None:
            self.inside.pop()

        hooks = []
        for part in module.modules():
            hooks.append(part.register_forward_pre_hook(lambda m, _: self.inside.append(m)))
            hooks.append(part.register_forward_hook(leave))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a function of torch, and write it down."""
        out = func(*args, **(kwargs or {}))
        results, given = _tensors(out), _tensors([args, kwargs or {}])
        self.alive.append(out)
        if results and given:
            self._see(Call(plain_name(func), given[0], out, tuple(args), kwargs or {}), given)
        else:
            self._name(results, given)
        return out

    def graph(self, out: Tensor) -> Graph:
        """What was written down, up to ``out``."""
        end = Operator("end", "Output", shape_text(out.shape))
        last = self._add(end, [self.flows[id(out)]]).operator
        return simplified(Graph(self.operators, tuple(self.edges)), last)

    def _see(self, call: Call, given: list[Tensor]) -> None:
        results = _tensors(call.out)
        known = [tensor for tensor in given if id(tensor) in self.flows]
        if not known and not _multiplies(call):
            self._name(results, given)
            return
        call = call._replace(given=known[0] if known else given[0])
        flow = self._flow(call, given, [self.flows[id(tensor)] for tensor in known])
        for part, result in enumerate(results):
            self.flows[id(result)] = flow._replace(part=part) if call.name in SPLITS else flow

    def _flow(self, call: Call, given: list[Tensor], flows: list[_Flow]) -> _Flow:
        """Write a call down, and say where its result comes from."""
        if call.name in JOINS:
            return self._add(joined(call), [self._flow_of(tensor) for tensor in given])
        if call.name in ARITHMETIC:
            return self._arithmetic(call, given, flows)
        operator = drawn(call)
        if operator is None:
            return self._folded(flows[0], call.out)
        return self._add(operator, flows or [self._flow_of(call.given)])

    def _add(self, operator: Operator, sources: list[_Flow]) -> _Flow:
        number = len(self.operators)
        self.operators[number] = operator
        self.edges += [Edge(flow.operator, number, flow.part) for flow in sources]
        return _Flow(number)

    def _flow_of(self, value: Tensor) -> _Flow:
        """Where a value comes from; one that does not depend on the input is drawn as a source."""
        if id(value) not in self.flows:
            name = self.names.get(id(value), "constant")
            label = name[0].upper() + name[1:]
            source = Operator("parameter", label, shape_text(value.shape))
            self.flows[id(value)] = self._add(source, [])
        return self.flows[id(value)]

    def _arithmetic(self, call: Call, given: list[Tensor], flows: list[_Flow]) -> _Flow:
        is_sum = call.name in SUMS
        if len(flows) > 1:
            return self._add(Operator(*(("add", "+") if is_sum else ("gate", "×"))), flows)
        fixed = [self.names.get(id(t), "constant") for t in given if id(t) not in self.flows]
        numbers = [f"{a:.3g}" for a in call.args if isinstance(a, int | float)]
        label = f"{'+' if is_sum else '×'} {' '.join(fixed or numbers)}"
        return self._add(Operator("parameter", label), flows)

    def _folded(self, flow: _Flow, result: Tensor) -> _Flow:
        """Nothing to draw; but an operator may wait for the shape that its result has now."""
        operator = self.operators[flow.operator]
        if operator.note == LATER:
            self.operators[flow.operator] = replace(operator, note=shape_text(result.shape))
        return flow

    def _name(self, results: list[Tensor], sources: list[Tensor]) -> None:
        """Fixed values are called after the parameters in them, or after the module they are in."""
        named = [self.names[id(t)] for t in sources if id(t) in self.names]
        name = named[0] if named else _words(self.inside[-1]) if self.inside else "constant"
        for result in results:
            self.names.setdefault(id(result), name)


def _multiplies(call: Call) -> bool:
    """Whether a call on fixed values alone has MACs, and is drawn for that."""
    if call.name in JOINS or call.name in ARITHMETIC:
        return False
    operator = drawn(call)
    return operator is not None and operator.role in MULTIPLYING


def _tensors(value: Any) -> list[Tensor]:
    """Every tensor in nested sequences, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _names(module: nn.Module) -> Iterator[tuple[int, str]]:
    """What parameters and buffers are called in a drawing."""
    for part in module.modules():
        fixed = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
        for name, tensor in fixed:
            nameless = name in _NAMELESS
            yield id(tensor), _words(part) if nameless else _SHORT.get(name, name.replace("_", " "))


def _words(module: nn.Module) -> str:
    """The name of a module's class in words: ``relative bias`` of ``RelativeBias``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", type(module).__name__)
    return words.lower()

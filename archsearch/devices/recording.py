"""Nets written as ONNX with a record of what each node is and in which layer it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from archsearch.architecture import Architecture
from archsearch.blocks.gnconv import filters_by_products
from archsearch.blocks.operators import Operator
from archsearch.devices import emulator
from archsearch.devices.onnx_files import Tracing
from archsearch.devices.onnx_files.graph import Graph
from archsearch.network import Network, build

HEAD = "head"
_UNARY = {"Mul": "silu", "Gelu": "gelu", "HardSwish": "hardswish", "Sigmoid": "sigmoid"}
_BY_ROWS = {"Square": "square", "Sqrt": "sqrt", "Div": "div"}
"""Parts of a norm over axes: their maps stand channels first, row by row."""
_PART = re.compile(r"(__matmul_converted|__group__\d+|_raster_\d+)+$")


class Node(NamedTuple):
    """A node of the written graph.

    Attributes:
        kind: ONNX's operator; ``"Square"`` is a Mul of something by itself.
        layer: path of the layer that it stands in.
        shapes: of its inputs, None where unknown.
        attributes: ONNX's.
    """

    kind: str
    layer: str
    shapes: tuple[tuple[int, ...] | None, ...]
    attributes: Mapping[str, Any]


class Recorder(Graph):
    """A graph that remembers its nodes by name, and the layer that was at work."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self.layer = HEAD
        self._shapes: dict[str, tuple[int, ...]] = {}

    def bind(self, tensor: Tensor, name: str) -> None:
        """Say under which name a tensor is known."""
        self._shapes[name] = tuple(tensor.shape)
        super().bind(tensor, name)

    def name(self, value: Tensor | float | Sequence[int]) -> str:
        """Name of a traced tensor, or of a constant."""
        name = super().name(value)
        if isinstance(value, Tensor):
            self._shapes[name] = tuple(value.shape)
        return name

    def add(
        self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with ``count`` outputs and return their names."""
        names = super().add(kind, inputs, count, **attributes)
        shapes = tuple(self._shapes.get(name) for name in inputs)
        is_square = kind == "Mul" and inputs[0] == inputs[1]
        self.nodes[names[0]] = Node("Square" if is_square else kind, self.layer, shapes, attributes)
        return names


def record(architecture: Architecture, classes: int = 1000) -> tuple[bytes, Recorder]:
    """Write a net with seeded weights as ONNX.

    Raises:
        LookupError: it calls an operator that ``onnx_files`` has no entry for.
    """
    network = build(architecture, classes, seed=0).eval()
    x, graph = torch.zeros((1, architecture.channels, *architecture.size)), Recorder()
    graph.bind(x, "input")
    for path, layer in _layers(architecture, network):
        layer.register_forward_pre_hook(partial(_enter, graph, path))
        layer.register_forward_hook(partial(_leave, graph))
    with torch.no_grad(), filters_by_products(), Tracing(graph):
        out = network(x)
    return graph.serialize(x, out), graph


def _enter(graph: Recorder, path: str, *_: object) -> None:
    graph.layer = path


def _leave(graph: Recorder, *_: object) -> None:
    graph.layer = HEAD


def _layers(architecture: Architecture, network: Network) -> list[tuple[str, nn.Module]]:
    blocks = (module for stage in network.stages for module in stage.children())
    places = list(architecture.places())
    modules = (network.stem, *blocks)
    return [(place.path, module) for place, module in zip(places, modules, strict=True)]


def node_of(graph: Recorder, name: str) -> Node | None:
    """The node that MNN made an operator from, by the operator's name."""
    return graph.nodes.get(_PART.sub("", name))


def observed(found: emulator.Operator, node: Node | None) -> Operator | None:
    """What an operator of MNN is in the closed forms' terms; None where they do not tell it."""
    if node is None:
        return None
    shape = found.shape
    channels, pixels = (shape[1] if len(shape) > 1 else 1), prod(shape[2:])
    match found.kind:
        case "Convolution" | "ConvolutionDepthwise":
            return _convolution(found, node)
        case "While" if node.kind == "MatMul":
            return _matmul(node)
        case "LayerNorm" | "Softmax":
            kind = "norm" if found.kind == "LayerNorm" else "softmax"
            return Operator(kind, shape[-1], prod(shape[:-1]))
        case "Reduction" if node.kind == "ReduceMean" and node.shapes[0]:
            return Operator("mean", node.shapes[0][1], prod(node.shapes[0][2:]))
        case "Reduction" if node.kind == "ReduceSum" and node.shapes[0]:
            return Operator("total", prod(node.shapes[0][:-1]), node.shapes[0][-1])
        case "UnaryOp" | "BinaryOp" if node.kind in _BY_ROWS:
            return Operator(_BY_ROWS[node.kind], prod(shape[:-1]), shape[-1])
        case "UnaryOp":
            return Operator(_UNARY.get(node.kind, "neg"), channels, pixels)
        case "BinaryOp":
            return Operator("sum", channels, pixels)
        case "Scale" | "ReLU6" | "While" | "Pooling":
            kinds = {"Scale": "scale", "ReLU6": "clip", "While": "loop", "Pooling": "pool"}
            return Operator(kinds[found.kind], channels, pixels)
    return None


def _convolution(found: emulator.Operator, node: Node) -> Operator | None:
    given = node.shapes[0]
    if given is None:
        return None
    if node.kind != "Conv":  # a linear layer, made into a convolution over its rows
        return Operator("product", found.shape[1], found.shape[0], given[-1])
    taps, stride = prod(node.attributes["kernel_shape"]), node.attributes["strides"][0]
    channels, pixels = found.shape[1], prod(found.shape[2:])
    if found.kind == "ConvolutionDepthwise":
        return Operator("depthwise", channels, pixels, 1, taps, stride)
    inner = given[1] // node.attributes["group"]
    return Operator("product", channels, pixels, inner, taps, stride)


def _matmul(node: Node) -> Operator | None:
    left, right = node.shapes[:2]
    if left is None or right is None:
        return None
    return Operator("matmul", right[-1], left[-2], left[-1], times=prod(left[:-2]))

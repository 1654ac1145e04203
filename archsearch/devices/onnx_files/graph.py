"""An ONNX graph in the making."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from onnx import NodeProto

OPSET, IR_VERSION = 20, 10
"""Those that torch's exporter writes, so that converters meet the same operators."""


class Graph:
    """Nodes, constants, and the names of tensors that depend on the input."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, Tensor] = {}
        self._traced: dict[int, str] = {}
        self._folded: dict[int, str] = {}
        self._kept: list[Tensor] = []

    def is_traced(self, value: object) -> bool:
        """Whether a value depends on the input."""
        return isinstance(value, Tensor) and id(value) in self._traced

    def bind(self, tensor: Tensor, name: str) -> None:
        """Say under which name a tensor is known."""
        self._traced[id(tensor)] = name
        self._kept.append(tensor)  # else another tensor could get its identity

    def name(self, value: Tensor | float | Sequence[int]) -> str:
        """Name of a traced tensor, or of a constant: a tensor, a number or a list of integers."""
        if not isinstance(value, Tensor):
            is_number = isinstance(value, int | float)
            kind = torch.float32 if is_number else torch.int64
            return self._constant(torch.tensor(value, dtype=kind))
        if id(value) in self._traced:
            return self._traced[id(value)]
        if id(value) not in self._folded:
            self._folded[id(value)] = self._constant(value.detach())
            self._kept.append(value)
        return self._folded[id(value)]

    def add(
        self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with ``count`` outputs and return their names."""
        from onnx import helper

        outputs = tuple(f"{kind.lower()}_{len(self._nodes)}_{index}" for index in range(count))
        node = helper.make_node(kind, list(inputs), list(outputs), outputs[0], **attributes)
        self._nodes.append(node)
        return outputs

    def serialize(self, given: Tensor, found: Tensor) -> bytes:
        """Write the model with one input like ``given`` and the output ``found``."""
        from onnx import TensorProto, helper, numpy_helper

        ends = [
            helper.make_tensor_value_info(self.name(tensor), TensorProto.FLOAT, list(tensor.shape))
            for tensor in (given, found)
        ]
        constants = [
            numpy_helper.from_array(tensor.contiguous().numpy(), name)
            for name, tensor in self._constants.items()
        ]
        graph = helper.make_graph(self._nodes, "net", ends[:1], ends[1:], constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        written: bytes = model.SerializeToString()
        return written

    def _constant(self, tensor: Tensor) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants[name] = tensor
        return name

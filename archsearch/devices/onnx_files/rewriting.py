"""What torch's exporter writes in words that a runtime misreads, in other words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def without_vector_norms(model: ModelProto) -> ModelProto:
    """Write every ReduceL2 as the root of a sum of squares, and return the model.

    MNN 3.6.1 takes ReduceL2 over the whole tensor, whatever the axes. The numbers stay the same.
    """
    nodes = [part for node in model.graph.node for part in _parts(node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _parts(node: NodeProto) -> Iterator[NodeProto]:
    """The nodes that stand for one; names of its own result keep it apart from other ones."""
    from onnx import helper

    if node.op_type != "ReduceL2":
        yield node
        return
    values, *axes = node.input
    (out,) = node.output
    square, total = f"{out}_square", f"{out}_total"
    yield helper.make_node("Mul", [values, values], [square], square)
    summed = helper.make_node("ReduceSum", [square, *axes], [total], total)
    summed.attribute.extend(node.attribute)  # keepdims, and what empty axes mean, are alike
    yield summed
    yield helper.make_node("Sqrt", [total], [out], node.name)

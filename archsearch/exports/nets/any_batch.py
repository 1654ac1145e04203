"""ONNX for any number of images, from two files that were written for two and for three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

BATCH = "batch"

_FREE = {"Reshape": -1, "Expand": 1}
"""What a shape says where it leaves a size open: what is left over, or what the input has."""


def any_batch(two: bytes, three: bytes) -> bytes:
    """Free the first axis of a net's input and output.

    The files must be of the same net and differ in nothing but the number of images. Where that
    number stands in a shape it is left open; two files tell it from sizes that happen to be as
    large. That the result computes the same is for the caller to check.

    Raises:
        LookupError: the number stands where it cannot be left open, such as in a constant that was
            repeated for each image; says which operator has it.
    """
    import onnx

    one, other = (onnx.load_from_string(content) for content in (two, three))
    if [node.op_type for node in one.graph.node] != [node.op_type for node in other.graph.node]:
        raise LookupError("other operators")
    pairs = zip(one.graph.initializer, other.graph.initializer, strict=True)
    for constant, counterpart in pairs:
        if constant.raw_data != counterpart.raw_data or constant.dims != counterpart.dims:
            constant.CopyFrom(_freed(one, constant, counterpart))
    for end in (one.graph.input[0], one.graph.output[0]):
        end.type.tensor_type.shape.dim[0].dim_param = BATCH
    del one.graph.value_info[:]  # shapes in between, where somebody wrote them down
    written: bytes = one.SerializeToString()
    return written


def _freed(model: ModelProto, constant: Any, counterpart: Any) -> Any:
    """A shape that leaves open what differs between the files."""
    from onnx import numpy_helper

    uses = {node.op_type for node in model.graph.node if constant.name in node.input}
    values, others = (numpy_helper.to_array(one) for one in (constant, counterpart))
    where = np.flatnonzero(values != others) if values.shape == others.shape else np.arange(0)
    (use,) = uses if len(uses) == 1 else ("",)
    if use not in _FREE or values.dtype != np.int64 or len(where) != 1:
        raise LookupError(", ".join(sorted(uses)))
    values = values.copy()
    values[where] = _FREE[use]
    return numpy_helper.from_array(values, constant.name)

"""What each operator that torch's dispatcher calls is in ONNX: a table of small functions.

A function gets the graph, what the operator returned, and its arguments; it adds nodes and binds
the result. Where torch's exporter has a choice, its choice is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from archsearch.devices.onnx_files.graph import Graph

Emit = Callable[..., None]


def _one(kind: str, **attributes: Any) -> Emit:
    """An operator of one tensor without further arguments."""

    def emit(graph: Graph, out: Tensor, x: Tensor, **_: Any) -> None:
        graph.bind(out, *graph.add(kind, [graph.name(x)], **attributes))

    return emit


def _two(kind: str) -> Emit:
    """An operator of two tensors, or of a tensor and a number."""

    def emit(graph: Graph, out: Tensor, a: Tensor | float, b: Tensor | float, **more: Any) -> None:
        if more.get("alpha", 1) != 1:
            raise LookupError(f"{kind} with alpha")
        graph.bind(out, *graph.add(kind, [graph.name(a), graph.name(b)]))

    return emit


def _same(graph: Graph, out: Tensor, x: Tensor, *_: Any, **__: Any) -> None:
    graph.bind(out, graph.name(x))


def _restrided(graph: Graph, out: Tensor, x: Tensor, *_: Any) -> None:
    """What pooling to one pixel does to keep a memory layout: the numbers stay as they were."""
    if out.shape[2:].numel() != 1:
        raise LookupError("as_strided_ of more than a pixel")
    _same(graph, out, x)


def _reshape(graph: Graph, out: Tensor, x: Tensor, *_: Any) -> None:
    if out.shape == x.shape:
        return _same(graph, out, x)
    return graph.bind(out, *graph.add("Reshape", [graph.name(x), graph.name(list(out.shape))]))


def _expand(graph: Graph, out: Tensor, x: Tensor, *_: Any, **__: Any) -> None:
    if out.shape == x.shape:
        return _same(graph, out, x)
    return graph.bind(out, *graph.add("Expand", [graph.name(x), graph.name(list(out.shape))]))


def _permute(graph: Graph, out: Tensor, x: Tensor, order: Sequence[int]) -> None:
    order = [axis % x.dim() for axis in order]
    graph.bind(out, *graph.add("Transpose", [graph.name(x)], perm=order))


def _transpose(graph: Graph, out: Tensor, x: Tensor, a: int = 0, b: int = 1) -> None:
    order = list(range(x.dim()))
    order[a], order[b] = order[b], order[a]
    _permute(graph, out, x, order)


def _cut(graph: Graph, x: Tensor, axis: int, start: int, end: int, step: int = 1) -> str:
    numbers = [graph.name([number]) for number in (start, end, axis % x.dim(), step)]
    return graph.add("Slice", [graph.name(x), *numbers])[0]


def _slice(
    graph: Graph,
    out: Tensor,
    x: Tensor,
    axis: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> None:
    if out.shape == x.shape:
        return _same(graph, out, x)
    size = x.shape[axis]
    last = size if end is None else min(end, size)
    return graph.bind(out, _cut(graph, x, axis, start or 0, last, step))


def _take(graph: Graph, out: Tensor, x: Tensor, axis: int, index: int) -> None:
    index %= x.shape[axis]
    piece = _cut(graph, x, axis, index, index + 1)
    graph.bind(out, *graph.add("Squeeze", [piece, graph.name([axis % x.dim()])]))


def _unbind(graph: Graph, out: Sequence[Tensor], x: Tensor, axis: int = 0) -> None:
    for index, piece in enumerate(out):
        _take(graph, piece, x, axis, index)


def _split(graph: Graph, out: Sequence[Tensor], x: Tensor, _: Any, axis: int = 0) -> None:
    sizes = graph.name([piece.shape[axis] for piece in out])
    names = graph.add("Split", [graph.name(x), sizes], len(out), axis=axis % x.dim())
    for piece, name in zip(out, names, strict=True):
        graph.bind(piece, name)


def _cat(graph: Graph, out: Tensor, parts: Sequence[Tensor], axis: int = 0) -> None:
    names = [graph.name(part) for part in parts]
    graph.bind(out, *graph.add("Concat", names, axis=axis % out.dim()))


def _stack(graph: Graph, out: Tensor, parts: Sequence[Tensor], axis: int = 0) -> None:
    place = graph.name([axis % out.dim()])
    names = [graph.add("Unsqueeze", [graph.name(part), place])[0] for part in parts]
    graph.bind(out, *graph.add("Concat", names, axis=axis % out.dim()))


def _roll(graph: Graph, out: Tensor, x: Tensor, shifts: Sequence[int], axes: Sequence[int]) -> None:
    name = graph.name(x)
    for shift, axis in zip(shifts, axes, strict=True):
        size = x.shape[axis]
        at = graph.name([axis])
        cut = graph.name([-shift % size])
        tail = graph.add("Slice", [name, cut, graph.name([size]), at])[0]
        head = graph.add("Slice", [name, graph.name([0]), cut, at])[0]
        name = graph.add("Concat", [tail, head], axis=axis)[0]
    graph.bind(out, name)


def _pad(graph: Graph, out: Tensor, x: Tensor, pad: Sequence[int], value: float = 0.0) -> None:
    """Torch counts from the last axis, ONNX from the first, all beginnings before all ends."""
    begins, ends = [0] * x.dim(), [0] * x.dim()
    for index in range(len(pad) // 2):
        begins[-1 - index], ends[-1 - index] = pad[2 * index], pad[2 * index + 1]
    inputs = [graph.name(x), graph.name(begins + ends), graph.name(float(value))]
    graph.bind(out, *graph.add("Pad", inputs))


def _convolution(
    graph: Graph,
    out: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    _: Any,
    groups: int,
) -> None:
    if transposed:
        raise LookupError("transposed convolution")
    inputs = [graph.name(x), graph.name(weight)]
    inputs += [] if bias is None else [graph.name(bias)]
    (name,) = graph.add(
        "Conv",
        inputs,
        kernel_shape=list(weight.shape[2:]),
        strides=list(stride),
        pads=[*padding, *padding],
        dilations=list(dilation),
        group=groups,
    )
    graph.bind(out, name)


def _addmm(graph: Graph, out: Tensor, bias: Tensor, x: Tensor, weight: Tensor) -> None:
    graph.bind(out, *graph.add("Gemm", [graph.name(x), graph.name(weight), graph.name(bias)]))


def _batch_norm(graph: Graph, out: Sequence[Tensor], x: Tensor, *numbers: Any, **_: Any) -> None:
    *tensors, is_training, _momentum, epsilon = numbers
    if is_training:
        raise LookupError("batch norm in training")
    inputs = [graph.name(tensor) for tensor in (x, *tensors)]
    graph.bind(out[0], *graph.add("BatchNormalization", inputs, epsilon=epsilon))


def _layer_norm(
    graph: Graph,
    out: Sequence[Tensor],
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    epsilon: float,
) -> None:
    scale = x.new_ones(tuple(shape)) if weight is None else weight
    inputs = [graph.name(x), graph.name(scale)]
    inputs += [] if bias is None else [graph.name(bias)]
    (name,) = graph.add("LayerNormalization", inputs, axis=-len(shape), epsilon=epsilon)
    graph.bind(out[0], name)


def _silu(graph: Graph, out: Tensor, x: Tensor) -> None:
    (gate,) = graph.add("Sigmoid", [graph.name(x)])
    graph.bind(out, *graph.add("Mul", [graph.name(x), gate]))


def _gelu(graph: Graph, out: Tensor, x: Tensor, *, approximate: str = "none") -> None:
    graph.bind(out, *graph.add("Gelu", [graph.name(x)], approximate=approximate))


def _clip(graph: Graph, out: Tensor, x: Tensor, *limits: float) -> None:
    given = limits or (-1.0, 1.0)
    graph.bind(out, *graph.add("Clip", [graph.name(x), *(graph.name(float(v)) for v in given)]))


def _softmax(graph: Graph, out: Tensor, x: Tensor, axis: int, *_: Any) -> None:
    graph.bind(out, *graph.add("Softmax", [graph.name(x)], axis=axis))


def _reduce(kind: str) -> Emit:
    def emit(
        graph: Graph, out: Tensor, x: Tensor, axes: Sequence[int], keep: bool = False, **_: Any
    ) -> None:
        where = graph.name([axis % x.dim() for axis in axes])
        graph.bind(out, *graph.add(kind, [graph.name(x), where], keepdims=int(keep)))

    return emit


def _vector_norm(
    graph: Graph, out: Tensor, x: Tensor, order: float, axes: Sequence[int], keep: bool = False
) -> None:
    if order != 2:
        raise LookupError(f"norm of order {order}")
    # ReduceL2 would say the same, but MNN 3.6.1 takes it over the whole tensor whatever the axes.
    square, total = x.square(), x.square().sum(tuple(axes), keep)
    graph.bind(square, *graph.add("Mul", [graph.name(x)] * 2))
    _reduce("ReduceSum")(graph, total, square, axes, keep)
    graph.bind(out, *graph.add("Sqrt", [graph.name(total)]))


def _max_pool(
    graph: Graph,
    out: Sequence[Tensor],
    x: Tensor,
    size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    *more: Any,
) -> None:
    if more:
        raise LookupError("max pooling with dilation or ceil_mode")
    (name,) = graph.add(
        "MaxPool",
        [graph.name(x)],
        kernel_shape=list(size),
        strides=list(stride or size),
        pads=[*padding, *padding],
    )
    graph.bind(out[0], name)


OPERATORS: dict[str, Emit] = {
    "aten._softmax.default": _softmax,
    "aten._unsafe_view.default": _reshape,
    "aten.add.Tensor": _two("Add"),
    "aten.addmm.default": _addmm,
    "aten.alias.default": _same,
    "aten.as_strided_.default": _restrided,
    "aten.bmm.default": _two("MatMul"),
    "aten.cat.default": _cat,
    "aten.clamp_min.default": _clip,
    "aten.clone.default": _same,
    "aten.constant_pad_nd.default": _pad,
    "aten.convolution.default": _convolution,
    "aten.detach.default": _same,
    "aten.div.Tensor": _two("Div"),
    "aten.expand.default": _expand,
    "aten.gelu.default": _gelu,
    "aten.hardsigmoid.default": _one("HardSigmoid", alpha=1 / 6, beta=0.5),
    "aten.hardswish.default": _one("HardSwish"),
    "aten.hardtanh.default": _clip,
    "aten.linalg_vector_norm.default": _vector_norm,
    "aten.max_pool2d_with_indices.default": _max_pool,
    "aten.mean.dim": _reduce("ReduceMean"),
    "aten.mm.default": _two("MatMul"),
    "aten.mul.Tensor": _two("Mul"),
    "aten.native_batch_norm.default": _batch_norm,
    "aten.neg.default": _one("Neg"),
    "aten.native_layer_norm.default": _layer_norm,
    "aten.permute.default": _permute,
    "aten.relu.default": _one("Relu"),
    "aten.roll.default": _roll,
    "aten.select.int": _take,
    "aten.sigmoid.default": _one("Sigmoid"),
    "aten.silu.default": _silu,
    "aten.slice.Tensor": _slice,
    "aten.split.Tensor": _split,
    "aten.split_with_sizes.default": _split,
    "aten.squeeze.dim": _reshape,
    "aten.stack.default": _stack,
    "aten.sub.Tensor": _two("Sub"),
    "aten.sum.dim_IntList": _reduce("ReduceSum"),
    "aten.t.default": _transpose,
    "aten.transpose.int": _transpose,
    "aten.unbind.int": _unbind,
    "aten.unsqueeze.default": _reshape,
    "aten.view.default": _reshape,
}

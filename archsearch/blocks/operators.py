"""The operators that a mobile runtime executes for a layer, as closed forms.

``Layer.operators`` lists them in forward's order as MNN runs the exported net: batch norms behind a
convolution and ReLUs behind one are folded into it, and maps are copied between MNN's layouts where
an operator wants another one (four channels side by side, channels first, channels last).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from types import MappingProxyType
from typing import NamedTuple

PRODUCTS = frozenset(("product", "depthwise", "matmul"))
"""Kinds whose multiply-accumulates ``Cost.macs`` counts."""

ELEMENTWISE = frozenset(
    ("silu", "gelu", "hardswish", "sigmoid", "square", "sqrt", "clip", "neg", "sum", "div", "scale",
     "loop", "pool")
)  # fmt: skip
"""Kinds that compute each element of a map by itself."""

COPIES = frozenset(("pack", "swap", "spread", "shuffle"))
"""Kinds that only move elements: to or from four channels side by side; to or from channels last;
one value to many places; any other order, an element at a time."""


class Operator(NamedTuple):
    """One operator on one image.

    Attributes:
        kind: ``"product"`` (a convolution or linear layer), ``"depthwise"``, ``"matmul"`` (of two
            maps), ``"norm"`` (layer norm), ``"softmax"``, ``"mean"``, ``"total"`` (a sum over the
            pixels of each channel), or one of ``ELEMENTWISE`` or ``COPIES``.
        channels: that it writes, of all groups; columns of a matrix product.
        pixels: that it writes for each channel; rows of a matrix product.
        inner: channels that are summed over.
        taps: of a convolution's kernel.
        stride: of a convolution.
        times: groups of a convolution, matrices of a matrix product.
    """

    kind: str
    channels: int
    pixels: int
    inner: int = 1
    taps: int = 1
    stride: int = 1
    times: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates as ``Cost.macs`` counts them."""
        if self.kind not in PRODUCTS:
            return 0
        matrices = self.times if self.kind == "matmul" else 1
        return matrices * self.channels * self.pixels * self.inner * self.taps


Operators = tuple[Operator, ...]

_ACTIVATIONS: Mapping[str, str] = MappingProxyType(
    {"gelu": "gelu", "silu": "silu", "hardswish": "hardswish"}
)


def product(
    inner: int, channels: int, pixels: int, taps: int = 1, stride: int = 1, groups: int = 1
) -> Operator:
    """A convolution, or a linear layer on ``pixels`` tokens, from ``inner`` channels."""
    return Operator("product", channels, pixels, inner // groups, taps, stride, groups)


def depthwise(channels: int, pixels: int, taps: int, stride: int = 1) -> Operator:
    """A depthwise convolution."""
    return Operator("depthwise", channels, pixels, 1, taps, stride)


def matmul(rows: int, inner: int, columns: int, times: int) -> Operator:
    """``times`` products of a rows x inner by an inner x columns matrix."""
    return Operator("matmul", columns, rows, inner, times=times)


def activation(name: str, channels: int, pixels: int) -> Operators:
    """An activation behind a convolution; ReLUs are part of the convolution."""
    kind = _ACTIVATIONS.get(name)
    return (Operator(kind, channels, pixels),) if kind else ()


def loose_activation(name: str, channels: int, pixels: int) -> Operator:
    """An activation behind anything else."""
    return Operator(_ACTIVATIONS.get(name, "clip"), channels, pixels)


def layer_norm(channels: int, pixels: int) -> Operators:
    """A layer norm over the channels of a map, with the way to channels last and back."""
    swap = Operator("swap", channels, pixels)
    return (swap, Operator("norm", channels, pixels), swap)


def unit_rows(heads: int, width: int, pixels: int) -> Operators:
    """Each channel of a map divided by its Euclidean norm over the pixels, part by part."""
    channels = heads * width
    copy = Operator("pack", channels, pixels)
    return (
        copy,
        Operator("square", channels, pixels),
        copy,
        Operator("total", channels, pixels),
        Operator("sqrt", channels, 1),
        Operator("clip", heads, width),
        Operator("spread", channels, pixels),
        copy,
        Operator("div", channels, pixels),
    )


def scaled_sum(channels: int, pixels: int) -> Operators:
    """Layer scale and the sum with what the branch left."""
    sum_ = Operator("sum", channels, pixels)
    return (Operator("spread", channels, pixels), sum_, sum_)


def scaled_mlp(
    channels: int, hidden: int, pixels: int, norm: str, *, folded: bool = False
) -> Operators:
    """A ``ScaledMlp`` and the sum with its block's input.

    Args:
        channels: in and out.
        hidden: in between.
        pixels: of the map.
        norm: ``"layer"`` or ``"batch"``.
        folded: a batch norm is part of the convolution before it.
    """
    if norm == "layer":
        norms, between = layer_norm(channels, pixels), "gelu"
    else:
        norms = () if folded else (Operator("scale", channels, pixels),)
        between = "hardswish"
    return (
        *norms,
        product(channels, hidden, pixels),
        Operator(between, hidden, pixels),
        product(hidden, channels, pixels),
        *scaled_sum(channels, pixels),
    )


def halves(
    channels: int, size: tuple[int, int], *, position: bool, dense: bool = False
) -> Operators:
    """``HalvesCircular`` on a map of ``size``, the concatenation being its reader's."""
    half, pixels, found = channels // 2, prod(size), []
    for axis, length in enumerate(size):
        if position:
            found += [Operator("spread", half, pixels), Operator("loop", half, pixels)]
        found.append(wrap(half, size, axis, length))
        found.append(
            product(half, half, pixels, length) if dense else depthwise(half, pixels, length)
        )
    return (*found, Operator("pack", channels, pixels))


def branch(
    channels: int,
    size: tuple[int, int],
    axes: Iterable[int],
    taps: Iterable[int],
    *,
    position: bool,
    wraps: bool,
) -> Operators:
    """A branch of a PaCC block and the sum with its input: embedding, convolution, twice.

    A batch norm stands before the first convolution.
    """
    pixels, found = prod(size), list[Operator]()
    for number, (axis, length) in enumerate(zip(axes, taps, strict=True)):
        if position:
            found.append(Operator("spread", channels, pixels))
            found.append(Operator("sum" if number else "loop", channels, pixels))
        if number == 0:
            found += [Operator("pack", channels, pixels), Operator("scale", channels, pixels)]
        seen = min(length, size[axis]) if wraps else length
        if wraps:
            found.append(wrap(channels, size, axis, seen))
        found.append(depthwise(channels, pixels, seen))
    return (*found, Operator("pack", channels, pixels), Operator("sum", channels, pixels))


def channel_attention(channels: int, squeezed: int, pixels: int) -> Operators:
    """ParC-Net's channel attention: the map's means through two convolutions to a gate."""
    return (
        Operator("pack", channels, pixels),
        Operator("mean", channels, pixels),
        product(channels, squeezed, 1),
        Operator("hardswish", squeezed, 1),
        product(squeezed, channels, 1),
        Operator("clip", channels, 1),
        Operator("spread", channels, pixels),
        Operator("sum", channels, pixels),
    )


def channel_mixer(channels: int, hidden: int, pixels: int, squeezed: int) -> Operators:
    """The second half of a PaCC block, sum included; no attention where ``squeezed`` is 0."""
    return (
        Operator("pack", channels, pixels),
        Operator("scale", channels, pixels),
        product(channels, hidden, pixels),
        Operator("hardswish", hidden, pixels),
        product(hidden, channels, pixels),
        *(channel_attention(channels, squeezed, pixels) if squeezed else ()),
        Operator("pack", 2 * channels, pixels),
        Operator("sum", channels, pixels),
    )


def wrap(channels: int, size: tuple[int, int], axis: int, taps: int) -> Operator:
    """The copy that fills a map up for a circular convolution along an axis."""
    filled = prod(size) // size[axis] * (size[axis] + taps - 1)
    return Operator("shuffle" if axis else "pack", channels, filled)


def feed_forward(channels: int, hidden: int, tokens: int, between: str) -> Operators:
    """A transformer's feed-forward part over channels-last tokens, norm and sum included."""
    return (
        Operator("norm", channels, tokens),
        Operator("shuffle", channels, tokens),
        product(channels, hidden, tokens),
        Operator(between, hidden, tokens),
        product(hidden, channels, tokens),
        Operator("shuffle", channels, tokens),
        Operator("sum", channels, tokens),
    )


def attention(channels: int, heads: int, tokens: int, sequences: int, *, bias: bool) -> Operators:
    """An ``Attention`` over channels-last tokens, with the norm before and the sum behind it."""
    every, batch, width = tokens * sequences, heads * sequences, channels // heads
    scores = (batch * tokens, tokens)
    return (
        Operator("norm", channels, every),
        Operator("shuffle", channels, every),
        product(channels, 3 * channels, every),
        Operator("shuffle", 3 * channels, every),
        matmul(tokens, width, tokens, batch),
        *[Operator("sum", *scores) for _ in range(1 + bias)],
        Operator("softmax", tokens, batch * tokens),
        matmul(tokens, tokens, width, batch),
        Operator("shuffle", channels, every),
        product(channels, channels, every),
        Operator("shuffle", channels, every),
        Operator("sum", channels, every),
    )


def grouped(inner: int, channels: int, pixels: int, taps: int, groups: int) -> Operators:
    """A convolution in groups; where each has one channel in and out it is depthwise.

    MNN cuts the channels apart and runs a convolution for each group.
    """
    if groups == inner == channels:
        return (depthwise(channels, pixels, taps),)
    conv = product(inner, channels, pixels, taps, groups=groups)
    if groups == 1:
        return (conv,)
    return (Operator("shuffle", inner, pixels), conv, Operator("shuffle", channels, pixels))

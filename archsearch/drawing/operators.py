"""How each function of torch is drawn: its role, its label, and what it says of itself.

A function that has no line here is drawn too, by its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from archsearch.drawing.graph import Operator, Role


class Call(NamedTuple):
    """A call of a function: the map that it was given, and its result."""

    name: str
    given: Tensor
    out: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """An argument that can be given by place or by name."""
        if len(self.args) > place:
            return self.args[place]
        return self.kwargs.get(name, default)


FOLDED = frozenset(
    (
        "reshape", "view", "reshape_as", "view_as", "permute", "transpose", "t", "adjoint",
        "movedim", "moveaxis", "swapaxes", "swapdims", "flatten", "unflatten", "unsqueeze",
        "squeeze", "ravel", "contiguous", "clone", "detach", "to", "type", "type_as", "float",
        "half", "double", "bfloat16", "real", "cpu", "expand", "expand_as", "broadcast_to",
        "view_as_complex", "view_as_real", "get", "dropout", "identity", "alias",
    )
)  # fmt: skip
"""What changes how numbers lie in memory, and not what a reader wants to know."""

_PERMUTATIONS = frozenset(["permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims"])
_PATCHED = 6
"""Axes of a map of which height and width are cut: pixels go to other places, which is shown."""

LATER = "…"
"""Note of an operator whose result has its shape after the call that follows."""

SPLITS = frozenset(["split", "chunk", "tensor_split", "unbind", "split_with_sizes"])
JOINS = frozenset(["cat", "concat", "concatenate", "stack", "hstack", "vstack"])
SUMS = frozenset(["add", "iadd", "radd"])
ARITHMETIC = SUMS | {"mul", "imul", "rmul", "multiply"}
"""Of two maps, or of one and fixed numbers."""

CUTS = frozenset(["getitem", "narrow", "select", "index_select", "slice"])


def joined(call: Call) -> Operator:
    """The operator that shows a concatenation; a stack lays the parts between each other."""
    if call.name == "stack":
        return Operator("join", "Interleave", LATER)
    return Operator("join", "Concat", shape_text(call.out.shape))


def shape_text(shape: Sequence[int]) -> str:
    """A shape as people write it, without the one image: 64 × 28 × 28."""
    kept = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return " × ".join(map(str, kept))


def plain_name(function: Any) -> str:
    """A function's name without underscores around it: ``add`` of ``__add__`` and of ``add_``."""
    return str(getattr(function, "__name__", function)).strip("_")


def drawn(call: Call) -> Operator | None:
    """The operator that shows a call; None where it is folded into the one before."""
    if call.name in _PERMUTATIONS and call.given.dim() >= _PATCHED:
        return Operator("other", "Regroup pixels", LATER)
    if call.name in FOLDED:
        return None
    if call.name in (*CUTS, "pad") and call.out.numel() == call.given.numel():
        return None
    if call.name in _LABELLERS:
        return _LABELLERS[call.name](call)
    role, label = _PLAIN.get(call.name, ("other", call.name.replace("_", " ")))
    return Operator(role, label, _changed(call))


def _changed(call: Call) -> str:
    """The shape of a result, where it is another than that of what was given."""
    if not isinstance(call.out, Tensor) or call.out.shape == call.given.shape:
        return ""
    return shape_text(call.out.shape)


def _conv(call: Call) -> Operator:
    weight: Tensor = call.argument(1, "weight")
    groups: int = call.argument(6, "groups", 1)
    given, channels = call.given.shape[1], weight.shape[0]
    kernel = "×".join(map(str, weight.shape[2:]))
    depthwise = groups == given == channels and groups > 1
    notes = [f"depthwise, {channels} channels" if depthwise else f"{given} → {channels}"]
    strides = {*_pair(call.argument(3, "stride", 1))} - {1}
    notes += [f"stride {'×'.join(map(str, sorted(strides)))}"] if strides else []
    notes += [f"{groups} groups"] if groups > 1 and not depthwise else []
    return Operator("convolution", f"Conv {kernel}", ", ".join(notes))


def _pair(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _linear(call: Call) -> Operator:
    weight: Tensor = call.argument(1, "weight")
    return Operator("linear", "Linear", f"{weight.shape[1]} → {weight.shape[0]}")


def _matrix_product(call: Call) -> Operator:
    return Operator("product", "Matrix product", shape_text(call.out.shape))


def _split(call: Call) -> Operator:
    shapes = [part.shape for part in call.out]
    axes = [a for a in range(len(shapes[0])) if len({shape[a] for shape in shapes}) > 1]
    whole = call.given.shape
    if not axes and len(whole) == len(shapes[0]):
        axes = [a for a in range(len(whole)) if whole[a] != shapes[0][a]]
    if not axes:
        return Operator("split", "Split", f"{len(shapes)} × ({shape_text(shapes[0])})")
    return Operator("split", "Split", " + ".join(str(shape[axes[0]]) for shape in shapes))


def _pool(call: Call) -> Operator:
    kind = "Max" if "max" in call.name else "Mean"
    if (call.out.dim() == 4 and call.out.shape[2:].numel() == 1) or call.out.dim() == 2:
        return Operator("other", f"Global {kind.lower()}", shape_text(call.out.shape[:2]))
    kernel = _pair(call.argument(1, "kernel_size", 1))
    size = "×".join(map(str, kernel * 2 if len(kernel) == 1 else kernel))
    return Operator("other", f"{kind} pool {size}", shape_text(call.out.shape))


def _mean(call: Call) -> Operator:
    if call.given.dim() == 4 and call.out.numel() == call.given.shape[:2].numel():
        return _pool(call)
    return Operator("other", "Mean", shape_text(call.out.shape))


def _hardtanh(call: Call) -> Operator:
    low, high = call.argument(1, "min_val", -1.0), call.argument(2, "max_val", 1.0)
    relu6 = (low, high) == (0.0, 6.0)
    return Operator("activation", "ReLU6" if relu6 else f"Clip to {low:g} … {high:g}")


def _roll(call: Call) -> Operator:
    shifts = ", ".join(f"{s:+d}".replace("-", "−") for s in _pair(call.argument(1, "shifts")))
    return Operator("other", "Cyclic shift", f"by {shifts}")


def _cut(call: Call) -> Operator:
    return Operator("cut", "Part", shape_text(call.out.shape))


_LABELLERS: Mapping[str, Callable[[Call], Operator]] = MappingProxyType(
    {
        **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
        "linear": _linear,
        **dict.fromkeys(("matmul", "bmm", "mm", "rmatmul", "einsum"), _matrix_product),
        **dict.fromkeys(SPLITS, _split),
        **dict.fromkeys(CUTS, _cut),
        **dict.fromkeys(("max_pool2d", "avg_pool2d"), _pool),
        **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d"), _pool),
        "mean": _mean,
        "hardtanh": _hardtanh,
        "roll": _roll,
    }
)

_PLAIN: Mapping[str, tuple[Role, str]] = MappingProxyType(
    {
        "scaled_dot_product_attention": ("product", "Attention"),
        "fft_rfft2": ("fourier", "FFT"),
        "fft_fft2": ("fourier", "FFT"),
        "fft_irfft2": ("fourier", "Inverse FFT"),
        "fft_ifft2": ("fourier", "Inverse FFT"),
        "layer_norm": ("norm", "LayerNorm"),
        "batch_norm": ("norm", "BatchNorm"),
        "group_norm": ("norm", "GroupNorm"),
        "normalize": ("norm", "L2 norm"),
        "gelu": ("activation", "GELU"),
        "silu": ("activation", "SiLU"),
        "relu": ("activation", "ReLU"),
        "hardswish": ("activation", "Hard-Swish"),
        "hardsigmoid": ("activation", "Hard sigmoid"),
        "sigmoid": ("activation", "Sigmoid"),
        "softmax": ("activation", "Softmax"),
        "interpolate": ("other", "Resize"),
        "pad": ("other", "Zero padding"),
    }
)

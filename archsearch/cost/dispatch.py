"""What a module multiplies, operator by operator while it runs: the oracle of the closed forms.

Every operator that PyTorch dispatches is looked at. Those that multiply matrices, convolve,
attend or transform have a formula here or raise; nothing is taken for zero because it is unknown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.hooks import RemovableHandle

from archsearch.blocks.counting import COMPLEX_PRODUCT_MACS, transform_macs
from archsearch.errors import InputError

_aten = torch.ops.aten


class Operation(NamedTuple):
    """One call of an operator that multiplies.

    ``elements`` counts what it writes, a complex number as one; of a fused attention, the result
    alone and not the sums that it keeps for training.
    """

    operator: str
    path: str
    macs: int
    elements: int


def _attention(args: Sequence[Any], out: Tensor) -> int:
    """Count q k^T and its product with v, (..., N, d) with (..., M, d) and (..., M, e)."""
    query: Tensor = args[0]
    key: Tensor = args[1]
    queries = query.numel() // query.shape[-1]
    return queries * key.shape[-2] * (query.shape[-1] + out.shape[-1])


def _real_transform(args: Sequence[Any], out: Tensor) -> int:
    """Count a transform from or to real numbers, by the size of its real side."""
    real: Tensor = out if args[0].is_complex() else args[0]
    points = int(math.prod(real.shape[axis] for axis in args[1]))
    return real.numel() // points * transform_macs(points)


def _complex_transform(args: Sequence[Any], out: Tensor) -> int:
    """Count a transform between complex numbers: two real ones."""
    points = int(math.prod(out.shape[axis] for axis in args[1]))
    return out.numel() // points * 2 * transform_macs(points)


def _complex_product(args: Sequence[Any], out: Tensor) -> int | None:
    """Count an elementwise product of complex numbers; one of real numbers is not noted."""
    both = all(isinstance(factor, Tensor) and factor.is_complex() for factor in args[:2])
    return out.numel() * COMPLEX_PRODUCT_MACS if both else None


def _matrix_by_vector(args: Sequence[Any], out: Tensor) -> int:  # noqa: ARG001
    return int(args[-2].numel())


_Formula = Callable[[Sequence[Any], Tensor], int | None]

_FORMULAS: Mapping[Any, _Formula] = {
    _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    _aten._scaled_dot_product_fused_attention_overrideable: _attention,
    _aten._fft_r2c: _real_transform,
    _aten._fft_c2r: _real_transform,
    _aten._fft_c2c: _complex_transform,
    _aten.mul: _complex_product,
    _aten.mul_: _complex_product,
    _aten.mv: _matrix_by_vector,
    _aten.dot: _matrix_by_vector,
    _aten.vdot: _matrix_by_vector,
}

# One word of an operator's name, between underscores. ``bilinear2d`` (resizing) and ``lgamma`` are
# no such words; ``trilinear`` is what ``nn.Bilinear`` runs.
_MULTIPLIES = re.compile(
    r"(?:.*(?:mm|mv|matmul|fft)|conv|conv\dd|convolution|linear|trilinear|einsum|tensordot|kron"
    r"|attention|transformer|v?dot|addr|ger|cdist|rnn|lstm|gru)(?:_|$)"
)


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Write down every operator that multiplies while this context is active.

    Formulas are PyTorch's own (``torch.utils.flop_counter``, two operations a
    multiply-accumulate), and ours for what it does not know: fused attention on a CPU, Fourier
    transforms and complex products (``blocks.counting.fft2d``), a matrix times a vector.

    Attributes:
        operations: in the order in which they ran.
        path: what the next operation is noted under; see ``operations_of``.

    Raises:
        InputError: an operator multiplies matrices by its name and has no formula.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.path = ""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all operations."""
        return sum(operation.macs for operation in self.operations)

    @property
    def elements(self) -> int:
        """Elements that all operations wrote."""
        return sum(operation.elements for operation in self.operations)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operator and note it if it multiplies."""
        kwargs = kwargs or {}
        packet = func.overloadpacket
        count = _FORMULAS.get(packet) or _known_to_torch(packet, kwargs)
        if count is None and _MULTIPLIES.search(packet.__name__):
            return self._in_parts(func, args, kwargs)
        out = func(*args, **kwargs)
        if count is not None:
            written: Tensor = out if isinstance(out, Tensor) else out[0]
            if (macs := count(args, written)) is not None:
                self.operations.append(Operation(str(func), self.path, macs, written.numel()))
        return out

    def _in_parts(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run an operator that is defined by others, which inference mode leaves whole."""
        with self:
            out = func.decompose(*args, **kwargs)
        if out is NotImplemented:
            where = f" in {self.path}" if self.path else ""
            raise InputError(
                f"{func}{where} multiplies matrices and cannot be counted; "
                f"give it a formula in {__name__}, or use operators that have one"
            )
        return out


def operations_of(module: nn.Module, *inputs: Tensor) -> list[Operation]:
    """Run ``module`` on ``inputs`` without gradients; give the operations that multiplied.

    Their ``path`` is the innermost submodule at work, as in ``named_modules``.

    Raises:
        InputError: an operator multiplies matrices by its name and has no formula.
    """
    ledger = Ledger()
    with torch.no_grad(), ledger, _followed(module, ledger):
        module(*inputs)
    return ledger.operations


@contextmanager
def _followed(module: nn.Module, ledger: Ledger) -> Iterator[None]:
    """Keep ``ledger.path`` at the submodule whose forward runs."""
    around: list[str] = []

    def enter(path: str, *_: Any) -> None:
        around.append(ledger.path)
        ledger.path = path

    def leave(*_: Any) -> None:
        ledger.path = around.pop()

    hooks: list[RemovableHandle] = []
    for path, part in module.named_modules():
        hooks.append(part.register_forward_pre_hook(partial(enter, path)))
        hooks.append(part.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _known_to_torch(packet: Any, kwargs: Mapping[str, Any]) -> _Formula | None:
    formula = flop_registry.get(packet)
    if formula is None:
        return None
    return lambda args, out: int(formula(*args, **kwargs, out_val=out)) // 2

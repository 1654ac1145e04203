"""Which pieces of its rectifiers a net is on: noted in one run, kept to in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Places = tuple[Tensor, ...]
"""Of one call: for each kink which inputs are above it; of a max pool where the maxima are."""


@dataclass(frozen=True)
class Rectifier:
    """A function that is smooth between its kinks.

    Attributes:
        kinks: inputs where the derivative jumps, ascending.
        pieces: what the function is below all kinks, then above each of them.
    """

    kinks: Sequence[float]
    pieces: Sequence[Callable[[Tensor], Tensor | float]]

    def places(self, x: Tensor) -> Places:
        """Find the pieces that the values of ``x`` are on."""
        return tuple(x > kink for kink in self.kinks)

    def on(self, places: Places, x: Tensor) -> Tensor:
        """Continue the pieces of ``places`` to ``x``, which may be beyond them."""
        out: Any = self.pieces[0](x)
        for above, piece in zip(places, self.pieces[1:], strict=True):
            out = torch.where(above, piece(x), out)
        return out  # type: ignore[no-any-return]


def _same(x: Tensor) -> Tensor:
    return x


def _flat(value: float) -> Callable[[Tensor], float]:
    return lambda _: value


def _leaky_relu(negative_slope: float = 0.01) -> Rectifier:
    return Rectifier((0.0,), (lambda x: x * negative_slope, _same))


def _prelu(weight: Tensor) -> Rectifier:
    def below(x: Tensor) -> Tensor:
        return x * weight.view(-1, *(1,) * (x.ndim - 2))

    return Rectifier((0.0,), (below, _same))


def _hardtanh(min_val: float = -1.0, max_val: float = 1.0) -> Rectifier:
    return Rectifier((min_val, max_val), (_flat(min_val), _same, _flat(max_val)))


_RELU = Rectifier((0.0,), (_flat(0.0), _same))
_RELU6 = _hardtanh(0.0, 6.0)
_HARDSIGMOID = Rectifier((-3.0, 3.0), (_flat(0.0), lambda x: x / 6 + 0.5, _flat(1.0)))
_HARDSWISH = Rectifier((-3.0, 3.0), (_flat(0.0), lambda x: x * (x + 3) / 6, _same))
_MAX_POOLS = (F.max_pool2d, torch.max_pool2d)
_IN_PLACE = (torch.relu_, Tensor.relu_)

RECTIFIERS: Mapping[Callable[..., Any], Callable[..., Rectifier]] = {
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu, *_IN_PLACE), lambda: _RELU),
    F.relu6: lambda: _RELU6,
    F.hardtanh: _hardtanh,
    F.leaky_relu: _leaky_relu,
    torch.prelu: _prelu,
    F.hardsigmoid: lambda: _HARDSIGMOID,
    F.hardswish: lambda: _HARDSWISH,
}
"""Functions with kinks, by what their further arguments make of them; modules call them too."""


@dataclass(frozen=True)
class _Call:
    """A call of a rectifier."""

    rectifier: Rectifier
    x: Tensor
    is_in_place: bool

    @classmethod
    def of(cls, func: Callable[..., Any], args: Any, kwargs: Any) -> _Call:
        others = dict(kwargs or {})
        x, *more = args or (others.pop("input"),)
        is_in_place = others.pop("inplace", False) or func in _IN_PLACE
        return cls(RECTIFIERS[func](*more, **others), x, is_in_place)


def _is_max_pool(func: Callable[..., Any], kwargs: Mapping[str, Any] | None) -> bool:
    return func in _MAX_POOLS and not (kwargs or {}).get("return_indices", False)


class NotedPieces(TorchFunctionMode):
    """Notes in ``places`` the pieces of ``RECTIFIERS`` and the maxima of max pools, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Places] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if _is_max_pool(func, kwargs):
            out, maxima = F.max_pool2d_with_indices(*args, **(kwargs or {}))
            self.places.append((maxima,))
            return out
        if func in RECTIFIERS:
            call = _Call.of(func, args, kwargs)
            self.places.append(call.rectifier.places(call.x))
        return func(*args, **(kwargs or {}))


class KeptPieces(TorchFunctionMode):
    """Keeps a net to the ``places`` that were noted: what it computes is smooth in its weights."""

    def __init__(self, places: Sequence[Places]) -> None:
        super().__init__()
        self._places = iter(places)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if _is_max_pool(func, kwargs):
            (maxima,) = next(self._places)
            return args[0].flatten(-2).gather(-1, maxima.flatten(-2)).view(maxima.shape)
        if func in RECTIFIERS:
            call = _Call.of(func, args, kwargs)
            if call.is_in_place:
                return call.x.copy_(call.rectifier.on(next(self._places), call.x.clone()))
            return call.rectifier.on(next(self._places), call.x)
        return func(*args, **(kwargs or {}))

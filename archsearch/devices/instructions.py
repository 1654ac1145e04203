"""Instructions that operators execute: a few terms for each kind of them, with coefficients.

A term is a number that the kernels of MNN work through (multiply-accumulates of whole vectors,
elements written, tiles of pixels), taken from an operator's shapes. How many instructions of each
class one of it takes was fitted on emulated counts (``archsearch devices learn``) and is shipped,
a file for each instruction set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from math import ceil, floor, sqrt
from operator import mul
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from archsearch.blocks.operators import COPIES, ELEMENTWISE, Operator
from archsearch.devices.profile import CLASSES, FloatArray, Isa
from archsearch.documents import Misfit, read
from archsearch.records import check

PACK: Mapping[Isa, int] = MappingProxyType({"aarch64-fp32": 4, "aarch64-fp16": 8})
"""Channels that MNN keeps side by side, by instruction set."""

_TILE = 12  # pixels that a matrix kernel of MNN works on at once
_RUN = 8  # pixels of a row that its depthwise kernels work on at once

_STRASSEN_DEPTH = 5
# Loads of weights that a sum costs, by element of the two factors and the product; found by linear
# programming from which of 563 counted products were split and which not.
_STRASSEN_COSTS = (2.144, 2.833, 4.350)

Terms = Callable[[Operator, int], tuple[float, ...]]


class Basis(NamedTuple):
    """What the instructions of one kind of operator are a sum of."""

    names: tuple[str, ...]
    terms: Terms
    """From an operator and the channels side by side to the value of each term."""


def _padded(channels: int, pack: int) -> int:
    return -(-channels // pack) * pack


class _Multiplied(NamedTuple):
    """What a product of two matrices works through.

    Vector multiply-accumulates, loads of weights by whole tiles and by single pixels, tiles, and
    elements of the sums that Strassen's algorithm forms.
    """

    macs: float
    tile_weights: float
    rest_weights: float
    tiles: float
    added: float


def _multiplied(pixels: int, inner: int, channels: int, pack: int) -> _Multiplied:
    """Product of a pixels x inner by an inner x channels matrix, as MNN does it by tiles."""
    whole, rest = divmod(pixels, _TILE)
    weights = inner * _padded(channels, pack) / pack
    return _Multiplied(weights * pixels, weights * whole, weights * rest, whole + (rest > 0), 0.0)


def _strassen(pixels: int, inner: int, channels: int, pack: int, depth: int = 0) -> _Multiplied:
    """As ``_multiplied``, by Strassen's algorithm where MNN finds that it saves memory traffic.

    Winograd's form: seven products and fifteen sums of parts half as large on each side.
    """
    rows, between = pixels // _TILE // 2 * _TILE, inner // pack // 2 * pack
    columns = channels // pack // 2 * pack
    sizes = (rows * between, between * columns, rows * columns)
    sums = 4 * sizes[0] + 4 * sizes[1] + 7 * sizes[2]
    cost = sum(by * size for by, size in zip(_STRASSEN_COSTS, sizes, strict=True))
    if not all(sizes) or depth == _STRASSEN_DEPTH or rows // _TILE * sizes[1] < cost:
        return _multiplied(pixels, inner, channels, pack)
    part = _strassen(rows, between, columns, pack, depth + 1)
    left = (
        _multiplied(2 * rows, inner - 2 * between, 2 * columns, pack),
        _multiplied(2 * rows, inner, channels - 2 * columns, pack),
        _multiplied(pixels - 2 * rows, inner, channels, pack),
    )
    seven = (*(7 * value for value in part[:-1]), 7 * part.added + sums)
    return _Multiplied(*map(sum, zip(seven, *left, strict=True)))


def _product(at: Operator, pack: int) -> tuple[float, ...]:
    channels, steps = at.channels // at.times, at.pixels * at.taps * at.times
    if at.taps == 1:
        done = _strassen(at.pixels, at.inner, channels, pack)
    else:
        done = _multiplied(at.pixels, at.inner * at.taps, channels, pack)
    gathered = _padded(at.inner, pack) * steps
    return (
        done.macs * at.times,
        done.tile_weights * at.times,
        done.rest_weights * at.times,
        done.tiles * at.times,
        done.added * at.times,
        _padded(channels, pack) * at.pixels * at.times,
        gathered if at.taps == 1 else 0,
        gathered if at.taps > 1 else 0,
        steps if at.taps > 1 else 0,
        at.times,
    )


def _winograd(at: Operator, pack: int) -> tuple[float, ...]:
    unit = winograd_unit(at)
    tiles = ceil(sqrt(at.pixels) / unit) ** 2
    out, inner = _padded(at.channels // at.times, pack), _padded(at.inner, pack)
    points = (unit + 2) ** 2
    weights = points * inner * out / pack * at.times
    return (
        weights * tiles,
        weights * ceil(tiles / _TILE),
        points * tiles * inner * (unit + 2) * at.times,
        points * tiles * out * (unit + 2) * at.times,
        out * at.pixels * at.times,
        tiles * at.times,
        at.times,
    )


def winograd_unit(at: Operator) -> int:
    """Side of the tiles that MNN cuts a 3x3 convolution's output in; 0: it does not."""
    if at.kind != "product" or at.taps != 9 or at.stride != 1:
        return 0
    side, best, unit = sqrt(at.pixels), 1.0, 0
    channels = at.channels // at.times
    direct = 2.0 * at.pixels * at.inner * channels * 9
    for u in range(2, min(8, max(2, floor(side))) + 1):
        points = (u + 2) ** 2
        if u + 2 not in (4, 6, 8):
            continue
        tile = 2 * points * at.inner + points * at.inner * channels
        tile += (2 * u + 2) * u * channels
        rate = direct / (tile * ceil(side / u) ** 2) - points / 9 * 0.12
        if rate > best:
            best, unit = rate, u
    return unit


def _depthwise(at: Operator, pack: int) -> tuple[float, ...]:
    packs, side = _padded(at.channels, pack) / pack, round(sqrt(at.pixels))
    whole, rest = side - side % _RUN, side % _RUN
    return (
        packs * side * whole * at.taps,
        packs * side * whole,
        packs * side * rest * at.taps,
        packs * side * rest,
        packs * side,
        packs,
        1,
    )


def _matmul(at: Operator, pack: int) -> tuple[float, ...]:
    out = _padded(at.channels, pack)
    whole, rest = divmod(at.pixels, _TILE)
    weights = at.inner * out / pack * at.times
    return (
        weights * at.pixels,
        weights * whole,
        weights * rest,
        at.times * at.pixels * at.inner,
        at.times * at.inner * at.channels,
        at.times * at.pixels * at.channels,
        at.times,
        1,
    )


def _elements(at: Operator, pack: int) -> tuple[float, ...]:
    return (_padded(at.channels, pack) * at.pixels * at.taps, 1)


def _copied(at: Operator, pack: int) -> tuple[float, ...]:
    del pack
    return (at.channels * at.pixels, at.channels, 1)


def _rows(at: Operator, pack: int) -> tuple[float, ...]:
    del pack
    return (at.channels * at.pixels, at.pixels, at.channels, 1)


_EACH = Basis(("element", "call"), _elements)
_COPY = Basis(("element", "channel", "call"), _copied)
_ROWS = Basis(("element", "pixel", "channel", "call"), _rows)
_PRODUCT = Basis(
    ("vector_mac", "tile_weight", "rest_weight", "tile", "added", "written", "gathered",
     "gathered_patch", "patch", "call"),
    _product,
)  # fmt: skip
_WINOGRAD = Basis(
    ("vector_mac", "tile_weight", "transformed_in", "transformed_out", "written", "tile", "call"),
    _winograd,
)
_DEPTHWISE = Basis(
    ("vector_mac", "written", "rest_mac", "rest_written", "row", "channel", "call"), _depthwise
)
_MATMUL = Basis(
    ("vector_mac", "tile_weight", "rest_weight", "left", "right", "written", "matrix", "call"),
    _matmul,
)

BASES: Mapping[str, Basis] = MappingProxyType(
    {
        "product": _PRODUCT,
        "winograd": _WINOGRAD,
        "depthwise": _DEPTHWISE,
        "depthwise3": _DEPTHWISE,
        "depthwise_strided": _DEPTHWISE,
        "matmul": _MATMUL,
        "matvec": _MATMUL,
        "norm": _ROWS,
        "softmax": _ROWS,
        "mean": _ROWS,
        "total": _ROWS,
        **dict.fromkeys(sorted(ELEMENTWISE), _EACH),
        **dict.fromkeys(sorted(COPIES), _COPY),
        "net": Basis(("call",), lambda _at, _pack: (1,)),
    }
)
"""By kind. Two kinds have a faster kernel of their own: 3x3 convolutions of stride 1 by Winograd's
algorithm, and depthwise ones. ``"net"`` is what is executed once in every net."""

NET = Operator("net", 1, 1)


def kernel(at: Operator) -> str:
    """Key in ``BASES`` of the kernel that an operator is executed by."""
    if at.kind == "product":
        return "winograd" if winograd_unit(at) else "product"
    if at.kind == "depthwise" and at.stride > 1:
        return "depthwise_strided"
    if at.kind == "depthwise" and at.taps == 9:
        return "depthwise3"
    if at.kind == "matmul" and 1 in (at.pixels, at.channels):
        return "matvec"
    return at.kind


class Coefficients(BaseModel):
    """A file of coefficients.

    Attributes:
        isa: the instruction set that was counted.
        runtime: whose operators they are, with its version.
        source: the command that made the file, and what it counted.
        expected_error: relative, of the instructions of nets that were held out of the fit.
        kernels: by kernel and term what one of it executes, in the order of ``CLASSES``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    isa: Isa
    runtime: str
    source: str
    expected_error: Annotated[float, Field(ge=0)]
    kernels: dict[str, dict[str, tuple[float, ...]]]

    @model_validator(mode="after")
    def _complete(self) -> Coefficients:
        for key, basis in BASES.items():
            if tuple(self.kernels.get(key, ())) != basis.names:
                raise ValueError(f"kernel {key} needs the terms {', '.join(basis.names)}")
            if any(len(row) != len(CLASSES) for row in self.kernels[key].values()):
                raise ValueError(f"kernel {key}: {len(CLASSES)} numbers a term are needed")
        return self


class Instructions:
    """Executed instructions of operators, by coefficients."""

    def __init__(self, given: Coefficients) -> None:
        self.isa, self.runtime = given.isa, given.runtime
        self.expected_error = given.expected_error
        self.coefficients: dict[str, FloatArray] = {
            key: np.array(list(terms.values())) for key, terms in given.kernels.items()
        }
        self._pack = PACK[given.isa]

    def count(self, operators: Iterable[Operator]) -> FloatArray:
        """Instructions of all operators, by class."""
        total = np.zeros(len(CLASSES))
        for operator in operators:
            total += self.of(operator)
        return total

    def of(self, operator: Operator) -> FloatArray:
        """Instructions of one operator, by class."""
        key = kernel(operator)
        found: FloatArray = (
            np.array(BASES[key].terms(operator, self._pack)) @ self.coefficients[key]
        )
        return found

    def priced(self, ns_per_class: FloatArray) -> Callable[[Operator], float]:
        """Return the function from an operator to its nanoseconds.

        It has a memory: the layers of a space have most of their operators in common.
        """
        prices = {key: (c @ ns_per_class).tolist() for key, c in self.coefficients.items()}
        terms = {key: basis.terms for key, basis in BASES.items()}
        pack = self._pack

        @cache
        def price(operator: Operator) -> float:
            key = kernel(operator)
            return float(sum(map(mul, prices[key], terms[key](operator, pack))))

        return price


def isas() -> tuple[Isa, ...]:
    """The instruction sets that coefficients are shipped for."""
    return tuple(isa for isa in PACK if (_folder() / f"{isa}.yaml").is_file())


@cache
def load(isa: Isa) -> Instructions:
    """Load the shipped coefficients."""
    return read_instructions(_folder() / f"{isa}.yaml")


def read_instructions(path: Path) -> Instructions:
    """Read coefficients from a file.

    Raises:
        InputError: the file is missing, or says where something in it does not hold.
    """
    document = read(path)
    try:
        return Instructions(check(Coefficients, document.data))
    except Misfit as misfit:
        raise document.error(misfit) from None


def _folder() -> Path:
    return Path(str(files("archsearch.devices"))) / "coefficients"

"""Profiles: what executed instructions cost on a board, in nanoseconds.

A profile is a YAML file. It has a fit for each instruction set and number of threads that timings
were published for: time = sum over features of (nanoseconds per one) x (how often it was executed).
Single coefficients are collinear: read none of them as the latency of an instruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator

from archsearch.documents import Misfit, read
from archsearch.errors import InputError, nearest
from archsearch.records import check

FloatArray = NDArray[np.float64]
Counts = Mapping[str, float] | Mapping[str, FloatArray]
"""For each of ``CLASSES`` how often it was executed: one number a net, or equally long arrays."""

Isa = Literal["aarch64-fp32", "aarch64-fp16", "armv7"]
"""The instruction set that was counted, as the emulator names it."""

INSTRUCTIONS = (
    "fma_q", "fma_d", "fma_s", "fpdiv", "varith", "vperm", "vld", "vst", "ild", "ist", "prf", "alu",
    "imul", "idiv", "br",
)  # fmt: skip
CLASSES = (*INSTRUCTIONS, "ld_bytes", "st_bytes")
"""What is counted: instructions by class, and the bytes that they load and store."""

_DIVISION = 10.0  # a vector division keeps its unit busy for about this many other instructions

FEATURES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "instruction": dict.fromkeys(INSTRUCTIONS, 1.0),
        "fma": {"fma_q": 1.0, "fma_d": 1.0},
        "simd": {"varith": 1.0, "vperm": 1.0, "fpdiv": _DIVISION},
        "scalar": dict.fromkeys(("fma_s", "alu", "imul", "idiv", "br"), 1.0),
        "load": {"vld": 1.0, "ild": 1.0},
        "store": {"vst": 1.0, "ist": 1.0},
        "vector_load": {"vld": 1.0},
        "vector_store": {"vst": 1.0},
        "integer_access": {"ild": 1.0, "ist": 1.0},
        "load_byte": {"ld_bytes": 1.0},
        "store_byte": {"st_bytes": 1.0},
    }
)
"""What a coefficient can be about, as sums over ``CLASSES``."""

OTHER_RUNTIME_ERROR = 0.21
"""Relative error to expect of another runtime's counts than those that a profile was fitted on.

Only one check is known: ParC-Net's README states 353 and 457 ms (ParC-Net-S, MobileViT-S; MNN on
RK3288, threads not stated); MNN counts with coefficients fitted on ncnn gave 303 to 398 and 359 to
465 ms, so at worst 21 % off.
"""

_PREFIX = "ns_per_"


def class_weights(features: Sequence[str]) -> FloatArray:
    """Return the matrix that turns counts into features, shape (classes, features)."""
    return np.array([[FEATURES[f].get(c, 0.0) for f in features] for c in CLASSES])


def as_array(counts: Counts) -> FloatArray:
    """Return counts as an array whose last axis runs over ``CLASSES``.

    Raises:
        InputError: a class is missing.
    """
    missing = [name for name in CLASSES if name not in counts]
    if missing:
        raise InputError(f"counts lack {', '.join(missing)}; a profile needs {', '.join(CLASSES)}")
    return np.stack([np.asarray(counts[name], dtype=float) for name in CLASSES], axis=-1)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Errors(_Record):
    """Relative errors on nets whose whole family was held out (0.06 is 6 %)."""

    nets: PositiveInt
    families: PositiveInt
    mape: Annotated[float, Field(ge=0)]
    median: Annotated[float, Field(ge=0)]
    max: Annotated[float, Field(ge=0)]
    spearman: Annotated[float, Field(ge=-1, le=1)]


class Fit(_Record):
    """Coefficients for the counts of one instruction set and for one number of threads.

    Attributes:
        counts: the instruction set that is counted.
        runtime: the one whose counts were fitted.
        threads: of the runtime.
        coefficients: nanoseconds by ``ns_per_FEATURE``.
        cross_validated: what to expect of nets of other families.
    """

    counts: Isa
    runtime: str
    threads: PositiveInt
    coefficients: dict[str, Annotated[float, Field(ge=0)]]
    cross_validated: Errors

    @field_validator("coefficients")
    @classmethod
    def _known(cls, coefficients: dict[str, float]) -> dict[str, float]:
        known = [_PREFIX + feature for feature in FEATURES]
        for name in coefficients:
            if name not in known:
                raise ValueError(f"unknown coefficient {name!r}; {nearest(name, known)}")
        return coefficients

    @cached_property
    def ns_per_class(self) -> FloatArray:
        """Nanoseconds for each of ``CLASSES``."""
        features = [name.removeprefix(_PREFIX) for name in self.coefficients]
        ns: FloatArray = class_weights(features) @ np.array(list(self.coefficients.values()))
        return ns

    def milliseconds(self, counts: Counts | FloatArray) -> FloatArray:
        """Turn counts (or an array whose last axis runs over ``CLASSES``) into milliseconds."""
        array = counts if isinstance(counts, np.ndarray) else as_array(counts)
        return np.asarray(array @ self.ns_per_class / 1e6)

    def expected_error(self, runtime: str | None = None) -> float:
        """Relative error to expect of counts of ``runtime``, by default the one fitted on."""
        own = self.cross_validated.mape
        same = runtime is None or _product(runtime) == _product(self.runtime)
        return own if same else max(own, OTHER_RUNTIME_ERROR)


def _product(runtime: str) -> str:
    return runtime.split()[0].lower()


class Source(_Record):
    """Where the timings came from that a profile was fitted on."""

    table: str
    commit: str
    licence: str
    time: str


class Profile(_Record):
    """A board's core, and what instructions cost on it.

    Attributes:
        board: the name by which devices are asked for.
        title: what the source of the timings calls it.
        core: of the threads that were timed.
        clock_ghz: highest clock of that core; None where the source does not state it.
        source: of the timings.
        fits: one for each instruction set and number of threads.
    """

    board: str
    title: str
    core: str
    clock_ghz: PositiveFloat | None = None
    source: Source
    fits: Annotated[tuple[Fit, ...], Field(min_length=1)]

    @property
    def isas(self) -> tuple[Isa, ...]:
        """The instruction sets whose counts this profile takes, the preferred one first."""
        return tuple(dict.fromkeys(fit.counts for fit in self.fits))

    def fit(self, threads: int = 1, isa: Isa | None = None) -> Fit:
        """Find the fit for ``threads`` and the counts of ``isa``, by default the first it takes.

        Raises:
            InputError: there is none; says which there are.
        """
        for fit in self.fits:
            if fit.threads == threads and isa in (None, fit.counts):
                return fit
        there = ", ".join(f"{_threads(fit.threads)} with {fit.counts} counts" for fit in self.fits)
        wanted = _threads(threads) + (f" and {isa} counts" if isa else "")
        raise InputError(
            f"{self.board} has no profile for {wanted}; it has: {there}; "
            "choose with --threads N, or 'threads' and 'isa' of a device file"
        )

    def milliseconds(
        self, counts: Counts | FloatArray, threads: int = 1, isa: Isa | None = None
    ) -> FloatArray:
        """Turn executed instructions into milliseconds.

        Args:
            counts: of one net or of many: see ``Counts``, or an array (..., classes).
            threads: of the runtime.
            isa: whose instructions were counted.

        Returns:
            Milliseconds, shaped as one class's counts.

        Raises:
            InputError: a class is missing, or there is no fit for ``threads`` and ``isa``.
        """
        return self.fit(threads, isa).milliseconds(counts)

    def expected_error(
        self, threads: int = 1, isa: Isa | None = None, runtime: str | None = None
    ) -> float:
        """Relative error to expect: cross-validated, or ``OTHER_RUNTIME_ERROR`` if that is more."""
        return self.fit(threads, isa).expected_error(runtime)


def _threads(number: int) -> str:
    return f"{number} thread{'s' * (number > 1)}"


def names() -> tuple[str, ...]:
    """Every shipped profile, sorted by name."""
    found = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


@cache
def load(name: str) -> Profile:
    """Load a shipped profile by its board.

    Raises:
        InputError: no profile has this name; the message names the nearest.
    """
    if name not in names():
        raise InputError(f"unknown device {name!r}; {nearest(name, names())}")
    return read_profile(_folder() / f"{name}.yaml")


def read_profile(path: Path) -> Profile:
    """Read a profile from a file of the user's.

    Raises:
        InputError: the file is missing, or says where something in it does not hold.
    """
    document = read(path)
    try:
        return check(Profile, document.data)
    except Misfit as misfit:
        raise document.error(misfit) from None


def _folder() -> Path:
    return Path(str(files("archsearch.devices"))) / "profiles"

"""Fits what instructions cost on boards, with whole families of nets held out.

The boards whose counts come from one instruction set, at one number of threads, form a group. In a
group, with coefficients k >= 0 scaled so that a feature's root mean square share of the time is 1:

1. The pool: k0 minimises mean rho(predicted / published - 1) over the nets of all boards, each
   board's times scaled by its median time an instruction. rho is Huber's loss: beyond 5 % an error
   counts linearly, so that a net whose kernels changed between two releases of a runtime (the
   table's rows are years apart) does not bend the rest.
2. A board: k minimises the same mean over its own nets + ridge * |k - k0|^2.

Which of ``FEATURE_SETS`` and which of ``RIDGES`` is used is chosen by cross-validation over
families: at one thread, where the core decides, a set for the group by the mean of its boards'
errors; at more threads, where the memory decides and boards differ, a set for each board; and
always a ridge for each board. Reported errors are nested: for each family the choice and the fits
see neither its nets on this board nor on any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from archsearch.devices.board_table import Sample
from archsearch.devices.profile import Errors, Fit, FloatArray, Profile, class_weights
from archsearch.errors import InputError, nearest

FEATURE_SETS: Mapping[str, tuple[str, ...]] = {
    "classes": ("fma", "simd", "scalar", "load_byte", "store_byte"),
    "instructions": ("instruction", "store_byte"),
    "accesses": ("fma", "simd", "scalar", "load", "store", "load_byte", "store_byte"),
    "both": (
        "instruction", "fma", "simd", "scalar", "vector_load", "vector_store", "integer_access",
        "load_byte", "store_byte",
    ),
}  # fmt: skip
"""None needs a simulated cache: counting would take several times as long."""

RIDGES = (0.001, 0.01, 0.1, 1.0)
HUBER = 0.05
"""Relative error from which on it counts linearly: timings repeat to a few percent."""

_TOLERANCE = 1e-7
_MOST_ITERATIONS = 500


def fit_relative(
    a: FloatArray, prior: FloatArray | None = None, ridge: float = 0.0, huber: float = HUBER
) -> FloatArray:
    """Minimise mean rho(a k - 1) + ridge |k - prior|^2 over k >= 0.

    rho(r) is r^2 up to ``huber`` and 2 huber |r| - huber^2 beyond (Huber, Annals of Mathematical
    Statistics 1964). Each step minimises the quadratic that touches it from above, by non-negative
    least squares, so the objective never grows, and it is convex.

    Args:
        a: counts divided by times, shape (nets, features).
        prior: shape (features,).
        ridge: pull towards ``prior``.
        huber: relative error from which on it counts linearly.

    Returns:
        k, shape (features,).
    """
    nets, features = a.shape
    pull = np.sqrt(ridge * nets) * np.eye(features)
    target = pull @ prior if prior is not None else np.zeros(features)
    weights, k = np.ones(nets), np.full(features, np.inf)
    for _ in range(_MOST_ITERATIONS):
        before = k
        k, _ = nnls(np.vstack([a * weights[:, None], pull]), np.concatenate([weights, target]))
        if np.abs(k - before).max() < _TOLERANCE:
            break
        weights = np.sqrt(huber / np.maximum(np.abs(a @ k - 1), huber))
    return k


@dataclass(frozen=True)
class Fitted:
    """All boards of a group, fitted without some families.

    Attributes:
        features: what the coefficients are about.
        coefficients: milliseconds per one of each feature, shape (ridges, boards, features).
    """

    features: tuple[str, ...]
    coefficients: FloatArray

    @cached_property
    def per_class(self) -> FloatArray:
        """Milliseconds for each class, shape (ridges, boards, classes)."""
        per_class: FloatArray = self.coefficients @ class_weights(self.features).T
        return per_class


def fit_group(
    samples: Sequence[Sample], features: tuple[str, ...], held: Iterable[str] = ()
) -> Fitted:
    """Fit the pool, and each board at each of ``RIDGES``, on nets of families not in ``held``.

    Raises:
        InputError: a board has no net left.
    """
    weights, held = class_weights(features), list(held)
    shares, scales = [], []
    for sample in samples:
        used = ~np.isin(sample.families, held)
        if not used.any():
            raise InputError(f"{sample.board.name} has no net outside of {', '.join(held)}")
        counts, ms = sample.counts[used], sample.ms[used]
        scales.append(np.median(ms / (counts @ class_weights(("instruction",))).ravel()))
        shares.append(counts @ weights * (scales[-1] / ms)[:, None])
    stacked = np.vstack(shares)
    unit = np.sqrt((stacked**2).mean(axis=0))
    unit[unit == 0] = 1.0
    pool = fit_relative(stacked / unit)
    fitted = [[fit_relative(share / unit, pool, ridge) for share in shares] for ridge in RIDGES]
    return Fitted(features, np.array(fitted) / unit * np.array(scales)[:, None])


@dataclass
class Group:
    """Boards that are fitted together; what was fitted is kept, because choices share it."""

    samples: Sequence[Sample]
    _fitted: dict[frozenset[str], list[Fitted]] = field(default_factory=dict)

    @cached_property
    def families(self) -> list[str]:
        """Every family, sorted."""
        return sorted({family for sample in self.samples for family in sample.families})

    def fitted(self, held: frozenset[str]) -> list[Fitted]:
        """Fit every feature set without the families ``held``."""
        if held not in self._fitted:
            self._fitted[held] = [fit_group(self.samples, f, held) for f in FEATURE_SETS.values()]
        return self._fitted[held]

    def predictions(self, board: int, family: str, held: frozenset[str]) -> FloatArray:
        """Predict a family's nets, shape (sets, ridges, nets), by fits without ``held``."""
        sample = self.samples[board]
        counts = sample.counts[np.isin(sample.families, [family])]
        return np.stack([fitted.per_class[:, board] @ counts.T for fitted in self.fitted(held)])

    def choose(self, held: frozenset[str] = frozenset()) -> list[tuple[int, int]]:
        """Choose each board's feature set and ridge, seeing nothing of the families ``held``.

        Returns:
            For each board indices into ``FEATURE_SETS`` and ``RIDGES``.
        """
        errors = np.stack([self._inner_error(b, held) for b in range(len(self.samples))])
        of_sets = errors.min(axis=2)
        if self.samples[0].threads == 1:
            of_sets = np.broadcast_to(of_sets.mean(axis=0), of_sets.shape)
        sets = of_sets.argmin(axis=1)
        return [(int(s), int(errors[b, s].argmin())) for b, s in enumerate(sets)]

    def _inner_error(self, board: int, held: frozenset[str]) -> FloatArray:
        """Cross-validated error of each candidate, shape (sets, ridges)."""
        sample = self.samples[board]
        wrong = []
        for family in sorted(set(sample.families) - held):
            ms = sample.ms[np.isin(sample.families, [family])]
            wrong.append(np.abs(self.predictions(board, family, held | {family}) / ms - 1))
        mean: FloatArray = np.concatenate(wrong, axis=2).mean(axis=2)
        return mean

    def cross_validated(self) -> list[FloatArray]:
        """Predict each net by choices and fits that saw nothing of its family, in ms a board."""
        predicted = [np.empty(len(sample.ms)) for sample in self.samples]
        for family in self.families:
            held = frozenset({family})
            for board, choice in enumerate(self.choose(held)):
                of = np.isin(self.samples[board].families, [family])
                if of.any():
                    predicted[board][of] = self.predictions(board, family, held)[choice]
        return predicted

    def fits(self) -> list[Fit]:
        """Fit every board on all nets, with the nested error of doing so."""
        predicted = self.cross_validated()
        made = []
        for board, (chosen, ridge) in enumerate(self.choose()):
            sample, fitted = self.samples[board], self.fitted(frozenset())[chosen]
            named = zip(fitted.features, fitted.coefficients[ridge, board] * 1e6, strict=True)
            made.append(
                Fit(
                    counts=sample.isa,
                    runtime=sample.runtime,
                    threads=sample.threads,
                    coefficients={f"ns_per_{name}": _rounded(value) for name, value in named},
                    cross_validated=errors_of(sample, predicted[board]),
                )
            )
        return made


def errors_of(sample: Sample, predicted: FloatArray) -> Errors:
    """Compare predicted with published milliseconds."""
    wrong = np.abs(predicted / sample.ms - 1)
    return Errors(
        nets=len(sample.nets),
        families=len(set(sample.families)),
        mape=round(float(wrong.mean()), 4),
        median=round(float(np.median(wrong)), 4),
        max=round(float(wrong.max()), 4),
        spearman=round(float(spearmanr(predicted, sample.ms).statistic), 4),
    )


def fit_profiles(
    samples: Sequence[Sample], boards: Sequence[str] = (), threads: int | None = None
) -> list[Profile]:
    """Fit a profile for each board.

    Args:
        samples: of every board; the others of a group are its pool.
        boards: names of the boards that are wanted; empty for all.
        threads: the one number of threads that is wanted.

    Raises:
        InputError: there is no sample of a wanted board, or none at this number of threads.
    """
    known = {sample.board.name for sample in samples}
    for name in boards:
        if name not in known:
            raise InputError(f"no board {name!r} has enough counts and timings; "
                             f"{nearest(name, known)}")  # fmt: skip
    made: dict[str, list[tuple[Sample, Fit]]] = {}
    for group in groups_of(samples):
        wanted = [sample.board.name in (boards or known) for sample in group.samples]
        if any(wanted) and threads in (None, group.samples[0].threads):
            for sample, fit, want in zip(group.samples, group.fits(), wanted, strict=True):
                if want:
                    made.setdefault(sample.board.name, []).append((sample, fit))
    if not made:
        there = ", ".join(map(str, sorted({sample.threads for sample in samples})))
        raise InputError(f"no timing with {threads} threads; threads in the table: {there}")
    return [_profile(made[name]) for name in sorted(made)]


def _profile(fits: Sequence[tuple[Sample, Fit]]) -> Profile:
    board = fits[0][0].board
    order = {isa: place for place, isa in enumerate(board.isas)}
    return Profile(
        board=board.name,
        title=board.title,
        core=board.core,
        clock_ghz=board.clock_ghz,
        source=board.source,
        fits=tuple(sorted((f for _, f in fits), key=lambda f: (order[f.counts], f.threads))),
    )


def groups_of(samples: Iterable[Sample]) -> list[Group]:
    """Group samples by the instruction set that was counted and the number of threads."""
    by_kind: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        by_kind.setdefault((sample.isa, sample.threads), []).append(sample)
    return [Group(by_kind[kind]) for kind in sorted(by_kind)]


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")

"""The terms of a factorial design: the subspace of the arms that each factor or interaction is.

Two-level factors and mixed ones, full and fractional: a term's contrasts are the products of its
factors' contrasts over the arms. In a full factorial the terms are orthogonal to each other; in a
regular fraction they are orthogonal or the same, and those that are the same are aliases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from archsearch.errors import InputError

Floats = npt.NDArray[np.float64]

HIGHER = "higher orders"
"""The term of all that main effects and interactions of two factors leave of the arms."""

_SAME = 1e-9


@dataclass(frozen=True)
class Term:
    """One term.

    Attributes:
        name: "a", "a x b" or ``HIGHER``.
        directions: orthonormal (arms, degrees).
        aliases: names of the terms that are the same in this design; with - in front where their
            levels are this term's turned round.
        contrast: (arms,) of +1 and -1 where the term has two levels: its effect is the mean over
            the arms with +1 less that over those with -1; else None.
    """

    name: str
    directions: Floats
    aliases: tuple[str, ...] = ()
    contrast: Floats | None = None


def terms_of(levels: pd.DataFrame) -> tuple[Term, ...]:
    """Main effects, interactions of two factors, and what is left.

    Args:
        levels: index: arms; a column a factor; the first arm's level is a factor's first.

    Raises:
        InputError: if a factor has one level, if an arm stands twice, or if the terms are neither
            orthogonal nor the same, as in a design of one factor at a time.
    """
    _check(levels)
    factors = [str(name) for name in levels.columns]
    chosen = [*combinations(factors, 1), *combinations(factors, 2)]
    found = [_mean(len(levels))]
    for factors_of_it in chosen:
        _add(found, _term(levels, factors_of_it))
    rest = _complement(np.hstack([term.directions for term in found]))
    higher = [Term(HIGHER, rest)] if rest.shape[1] else []
    return (*found[1:], *higher)


def _check(levels: pd.DataFrame) -> None:
    for factor in levels.columns:
        if levels[factor].nunique() < 2:
            raise InputError(f"factor {factor!r} has one level in all arms; leave it out")
    if (twice := levels.duplicated()).any():
        arm = levels.index[twice][0]
        raise InputError(f"arm {arm!r} has the levels of another arm; each combination stands once")


def _mean(arms: int) -> Term:
    return Term("the mean", np.full((arms, 1), arms**-0.5))


def _term(levels: pd.DataFrame, factors: tuple[str, ...]) -> Term:
    columns = reduce(_products, (_contrasts(levels[factor]) for factor in factors))
    contrast = columns[:, 0] if columns.shape[1] == 1 else None
    return Term(" x ".join(factors), columns, contrast=contrast)


def _contrasts(column: pd.Series) -> Floats:
    """Contrasts (arms, levels - 1) of a factor; with two levels -1 at the first, else 1."""
    codes, found = pd.factorize(column)
    coded = np.eye(len(found))[codes][:, 1:]
    return np.asarray(coded * len(found) - 1 if len(found) == 2 else coded - 1 / len(found))


def _products(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("ai,aj->aij", one, other).reshape(len(one), -1))


def _add(found: list[Term], term: Term) -> None:
    """Append a term, or name it as an alias of the one that it is the same as.

    A term that is the mean itself (the defining relation) is known by no data and left out.
    """
    basis = _orthonormal(term.directions)
    for place, other in enumerate(found):
        shared = float(np.linalg.norm(other.directions.T @ basis))
        if shared < _SAME:
            continue
        alike = abs(shared**2 - basis.shape[1]) < 1e-6 and other.directions.shape == basis.shape
        if not alike:
            raise InputError(
                f"{term.name!r} and {other.name!r} are neither independent nor the same in this "
                "design; effects are decomposed of full factorials and regular fractions of them"
            )
        found[place] = replace(other, aliases=(*other.aliases, _alias(other, term)))
        return
    found.append(replace(term, directions=basis))


def _alias(term: Term, other: Term) -> str:
    """Name of ``other`` beside ``term``, with its sign where both have two levels."""
    turned = (
        term.contrast is not None
        and other.contrast is not None
        and float(term.contrast @ other.contrast) < 0
    )
    return f"-{other.name}" if turned else other.name


def _orthonormal(columns: Floats) -> Floats:
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, sizes > _SAME * sizes[0]])


def _complement(basis: Floats) -> Floats:
    left, sizes, _ = np.linalg.svd(basis, full_matrices=True)
    return np.asarray(left[:, int((sizes > _SAME).sum()) :])

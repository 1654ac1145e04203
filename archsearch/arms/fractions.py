"""Regular fractions of two-level factorial designs: generators, defining relation, aliases.

A factor is 0 (as in the base) or 1 (changed). Of k factors m are free; each other one is the sum,
modulo 2, of some of the free ones (its generator), so that the cell without a change is always
there. A generator with its factor is a word; the words and all their sums are the defining
relation, and the length of its shortest word is the resolution (Box and Hunter 1961).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

Word = frozenset[int]


@dataclass(frozen=True)
class Fraction:
    """A fraction of a design of ``factors`` factors.

    Attributes:
        factors: how many.
        words: the defining relation, shortest first, without the identity; sets of factors.
        cells: levels (0 or 1) of every factor, a row an arm, the base first.
    """

    factors: int
    words: tuple[Word, ...]
    cells: tuple[tuple[int, ...], ...]

    def aliases(self, term: Word) -> Iterator[tuple[int, Word]]:
        """Main effects and interactions of two that a term cannot be told from, each with a sign.

        Where the sign is -1, what is estimated is the term's effect less the other's.
        """
        for word in self.words:
            other = term ^ word
            if 1 <= len(other) <= 2:
                yield (-1) ** len(word), other


def fraction(factors: int, resolution: int) -> Fraction | None:
    """The smallest regular fraction with at least this resolution; None if all cells are needed."""
    for free in range(1, factors):
        generators = _generators(free, factors - free, resolution)
        if generators is not None:
            return _made(free, generators)
    return None


def _generators(free: int, wanted: int, resolution: int) -> list[int] | None:
    """Generators as bit masks over the free factors, long ones first."""
    masks = [m for m in range(1, 2**free) if m.bit_count() >= resolution - 1]
    masks.sort(key=lambda mask: (-mask.bit_count(), mask))
    return _extended([], [(0, 0)], masks, wanted, resolution)


def _extended(
    chosen: list[int],
    sums: Sequence[tuple[int, int]],
    masks: Sequence[int],
    wanted: int,
    resolution: int,
) -> list[int] | None:
    """Choose ``wanted`` more of ``masks``; ``sums`` are those of the chosen, with their numbers."""
    if not wanted:
        return chosen
    for place, mask in enumerate(masks):
        new = [(mask ^ other, 1 + number) for other, number in sums]
        if all(total.bit_count() + number >= resolution for total, number in new):
            rest = masks[place + 1 :]
            found = _extended([*chosen, mask], [*sums, *new], rest, wanted - 1, resolution)
            if found is not None:
                return found
    return None


def _made(free: int, generators: Sequence[int]) -> Fraction:
    own = [frozenset({free + place, *_bits(mask)}) for place, mask in enumerate(generators)]
    words = set()
    for number in range(1, len(own) + 1):
        for some in combinations(own, number):
            word: Word = frozenset()
            for one in some:
                word ^= one
            words.add(word)
    cells = tuple(
        (*cell, *(sum(cell[bit] for bit in _bits(mask)) % 2 for mask in generators))
        for cell in product((0, 1), repeat=free)
    )
    ordered = tuple(sorted(words, key=lambda word: (len(word), sorted(word))))
    return Fraction(free + len(generators), ordered, cells)


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def named(word: Word, names: Sequence[str], sign: int = 1) -> str:
    """A word or a term as tables write it: ``a x b``, or ``-a x b``."""
    return ("-" if sign < 0 else "") + " x ".join(names[factor] for factor in sorted(word))


def relation(design: Fraction, names: Sequence[str]) -> tuple[str, ...]:
    """The words of the defining relation, each equal to the identity with its sign."""
    return tuple(named(word, names, (-1) ** len(word)) for word in design.words)


def alias_table(design: Fraction, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Every main effect and interaction of two that has aliases among them."""
    factors = range(design.factors)
    terms = [frozenset(term) for size in (1, 2) for term in combinations(factors, size)]
    found = {
        named(term, names): tuple(named(other, names, sign) for sign, other in design.aliases(term))
        for term in terms
    }
    return {term: others for term, others in found.items() if others}

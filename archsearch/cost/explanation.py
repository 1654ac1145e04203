"""Why a counter's MACs are not ours: operators by name, with a sum that is the difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import nn

from archsearch.cost.counters.charges import Charge, Tally
from archsearch.cost.dispatch import Operation

UNEXPLAINED = "unexplained"

_KINDS: Mapping[str, tuple[str, ...]] = {
    "convolution": ("conv",),
    "Fourier transform": ("fft",),
    "fused attention, q k^T and its product with v": ("attention",),
    "product of complex numbers": ("aten.mul",),
    "matrix product": ("mm", "mv", "dot", "linear"),
}
"""Kinds of multiplying operators, by a part of the name that PyTorch dispatches them under."""


class Line(NamedTuple):
    """One reason of a difference: how often it occurs and what it adds to a counter's MACs.

    ``why`` says why an operator is not counted; it is empty where one is counted that we do not
    count.
    """

    name: str
    why: str
    occurrences: int
    macs: int


def explain(
    module: nn.Module,
    operations: Sequence[Operation],
    tally: Tally,
    blind: Mapping[str, str],
) -> list[Line]:
    """Explain by how much a counter's MACs differ from those of ``operations``.

    Every charge for an operator that multiplies is paired with an operation of the same submodule
    that has the same MACs once the charge for the bias is taken off. What the counter charges
    besides, and what it leaves out, are lines by the operator's name. What is left of the
    difference after that has no reason and is the line ``UNEXPLAINED``.

    Args:
        module: the module that was counted.
        operations: what it multiplied, by our own ledger.
        tally: what the counter said.
        blind: why the counter misses an operator, by kind; the others' reason is at "".

    Returns:
        Lines by falling size, whose sum is the difference; none where there is no difference.
    """
    waiting: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        waiting[operation.path].append(operation)
    found = [(name, "", macs) for name, macs in _charged(tally.charges, waiting)]
    missed = (operation for left in waiting.values() for operation in left)
    found += [(*_missed(module, operation, blind), -operation.macs) for operation in missed]
    difference = tally.macs - sum(operation.macs for operation in operations)
    if rest := difference - sum(macs for _, _, macs in found):
        found.append((UNEXPLAINED, "", rest))
    return _summed(found)


def kind_of(operator: str) -> str:
    """What people call an operator that PyTorch dispatches, such as ``aten.addmm.default``."""
    return next(
        (kind for kind, parts in _KINDS.items() if any(part in operator for part in parts)),
        operator,
    )


def _charged(
    charges: Iterable[Charge], waiting: Mapping[str, list[Operation]]
) -> Iterator[tuple[str, int]]:
    """Names and MACs of what is charged beside our operations, which are taken from waiting."""
    for charge in charges:
        if not charge.multiplies:
            yield charge.meaning, charge.macs
            continue
        here, macs = waiting.get(charge.path, []), charge.macs - charge.bias
        partner = next((operation for operation in here if operation.macs == macs), None)
        if partner is not None:
            here.remove(partner)
            yield "bias additions", charge.bias


def _missed(module: nn.Module, operation: Operation, blind: Mapping[str, str]) -> tuple[str, str]:
    kind = kind_of(operation.operator)
    owner = type(module.get_submodule(operation.path)).__name__
    return f"{kind} in {owner}", f"not counted, {blind.get(kind, blind[''])}"


def _summed(found: Iterable[tuple[str, str, int]]) -> list[Line]:
    """One line for each reason that adds or takes something, the largest first."""
    lines: dict[tuple[str, str], Line] = {}
    for name, why, macs in found:
        if macs:
            last = lines.get((name, why), Line(name, why, 0, 0))
            lines[name, why] = Line(name, why, last.occurrences + 1, last.macs + macs)
    return sorted(lines.values(), key=lambda line: -abs(line.macs))

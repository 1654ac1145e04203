"""The graph that a drawing shows: operators, and the values that flow between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Shape = tuple[int, ...]

Role = Literal[
    "end",  # what comes in and what goes out
    "convolution",
    "linear",
    "product",  # of two matrices
    "fourier",
    "norm",
    "activation",
    "parameter",  # a sum or product with learnt or fixed numbers, or such numbers themselves
    "add",
    "gate",  # elementwise product
    "join",
    "split",
    "cut",  # a part of a map
    "other",
]

MULTIPLYING: frozenset[Role] = frozenset(("convolution", "linear", "product", "fourier"))
"""Roles whose operators have MACs."""


@dataclass(frozen=True)
class Operator:
    """One step of a forward pass; ``note`` is the second line of its box."""

    role: Role
    label: str
    note: str = ""


class Edge(NamedTuple):
    """A value that flows from one operator to another, by their numbers.

    ``part`` tells the results of a split apart.
    """

    source: int
    target: int
    part: int = 0


@dataclass(frozen=True)
class Graph:
    """Operators by number, in an order in which they can run, and the edges between them."""

    operators: dict[int, Operator]
    edges: tuple[Edge, ...]

    def before(self, number: int) -> list[int]:
        """Operators whose values the given one takes."""
        return [edge.source for edge in self.edges if edge.target == number]

    def after(self, number: int) -> list[int]:
        """Operators that take the given one's values."""
        return [edge.target for edge in self.edges if edge.source == number]

    def without(self, numbers: Iterable[int]) -> Graph:
        """The graph without some operators and all their edges."""
        gone = set(numbers)
        kept = {n: o for n, o in self.operators.items() if n not in gone}
        edges = (e for e in self.edges if e.source not in gone and e.target not in gone)
        return Graph(kept, tuple(edges))


def simplified(graph: Graph, end: int) -> Graph:
    """Leave out what does not reach ``end``; show a map that is wrapped around as one operator."""
    for number in list(graph.operators):
        graph = _unwrapped(graph, number)
    reached = {end}
    for edge in sorted(graph.edges, key=lambda edge: -edge.target):
        if edge.target in reached:
            reached.add(edge.source)
    return graph.without(set(graph.operators) - reached)


def _unwrapped(graph: Graph, join: int) -> Graph:
    """Fold ``conv(concat(x, part of x))`` at ``join``: circular padding."""
    sources = graph.before(join)
    if graph.operators[join].role != "join":
        return graph
    parts = [s for s in sources if graph.operators[s].role == "cut" and graph.after(s) == [join]]
    whole = {s for s in sources if s not in parts}
    users = graph.after(join)
    roots = whole | {source for part in parts for source in graph.before(part)}
    circular = [u for u in users if graph.operators[u].role == "convolution"]
    if not parts or len(whole) != 1 or roots != whole or circular != users:
        return graph
    [intake] = [e for e in graph.edges if e.target == join and e.source in whole]
    operators = dict(graph.operators)
    for user in users:
        old = operators[user]
        operators[user] = replace(old, label=f"Circular {old.label[0].lower()}{old.label[1:]}")
    edges = (Edge(intake.source, user, intake.part) for user in users)
    return Graph(operators, (*graph.edges, *edges)).without([join, *parts])

"""Where the boxes of a graph stand: ranks from top to bottom, straight chains, room for edges.

The steps are those of layered graph drawing (Sugiyama et al. 1981; Gansner et al. 1993): ranks by
a linear program over edge lengths, order within ranks by barycentres, places by a linear program
over horizontal offsets. All lengths are inches; y grows downwards.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

BETWEEN_BOXES = 0.22
BESIDE_LANE = 0.13
_LANE_WIDTH = 0.02
_SWEEPS = 8
_BENDS = {"main": 8.0, "branch": 3.0, "side": 1.0, "lane": 10.0}
"""What a bend costs, by the kind of an edge's piece."""
_CENTRED, _LOOSE = 10.0, 0.3
"""What it costs a centred box to stand aside, and what a bend towards it costs then."""


@dataclass(frozen=True)
class Box:
    """What is placed.

    A ``bar`` is as wide as its neighbours are apart. A ``centred`` box stands in their middle.
    """

    width: float
    height: float
    bar: bool = False
    centred: bool = False


class Link(NamedTuple):
    """An edge between boxes, by their numbers; ``part`` tells the values of one box apart."""

    source: int
    target: int
    part: int = 0


@dataclass
class Layout:
    """Items are the boxes and, after them, the lanes of edges that pass by a rank.

    ``paths`` has for each link its items from source to target.
    """

    boxes: Sequence[Box]
    ranks: list[list[int]]
    paths: Mapping[Link, list[int]]
    x: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def is_lane(self, item: int) -> bool:
        """Whether an item is a lane."""
        return item >= len(self.boxes)

    def width(self, item: int) -> float:
        """Width of an item."""
        return _LANE_WIDTH if self.is_lane(item) else self.boxes[item].width

    def pieces(self) -> set[tuple[int, int]]:
        """Pairs of items in neighbouring ranks that an edge joins."""
        return {piece for path in self.paths.values() for piece in pairwise(path)}


def placed(boxes: Sequence[Box], links: Sequence[Link]) -> Layout:
    """Rank, order and place boxes; ``links`` lead from lower to higher numbers."""
    layout = _with_lanes(boxes, links, _ranks(len(boxes), links))
    _order(layout)
    layout.x = _places(layout)
    return layout


def _ranks(count: int, links: Sequence[Link]) -> list[int]:
    """Ranks with the shortest edges in sum; of several such, the earliest."""
    lengths = np.full(count, 1e-3)
    steps = np.zeros((len(links), count))
    for row, link in enumerate(links):
        lengths[link.target] += 1
        lengths[link.source] -= 1
        steps[row, link.source], steps[row, link.target] = 1, -1
    found = linprog(lengths, A_ub=steps, b_ub=-np.ones(len(links)), bounds=(0, None))
    return [round(rank) for rank in found.x]


def _with_lanes(boxes: Sequence[Box], links: Sequence[Link], rank: Sequence[int]) -> Layout:
    """Lay a lane through each rank that an edge passes; edges with one value share theirs."""
    ranks: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for number in range(len(boxes)):
        ranks[rank[number]].append(number)
    lanes: dict[tuple[int, int, int], int] = {}
    paths = {}
    for link in links:
        path = [link.source]
        for passed in range(rank[link.source] + 1, rank[link.target]):
            key = (link.source, link.part, passed)
            if key not in lanes:
                lanes[key] = len(boxes) + len(lanes)
                ranks[passed].append(lanes[key])
            path.append(lanes[key])
        paths[link] = [*path, link.target]
    return Layout(boxes, ranks, paths)


def _order(layout: Layout) -> None:
    """Sort each rank by its neighbours, down and up in turns; the fewest crossings win."""
    above, below = defaultdict(list), defaultdict(list)
    for link, path in layout.paths.items():
        for start, end in pairwise(path):
            part = 0.0 if layout.is_lane(start) else 0.1 * link.part
            above[end].append((start, part))
            below[start].append((end, part))
    lanes = {item for rank in layout.ranks for item in rank if layout.is_lane(item)}
    best = [list(rank) for rank in layout.ranks]
    fewest = _crossings(layout)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        ranks = layout.ranks if down else layout.ranks[::-1]
        for before, rank in pairwise(ranks):
            near = above if down else below
            _sort(rank, before, near, sign=1 if down else 0, lanes=lanes)
        if (crossings := _crossings(layout)) < fewest:
            fewest, best = crossings, [list(rank) for rank in layout.ranks]
    layout.ranks = best


def _sort(
    rank: list[int],
    before: Sequence[int],
    neighbours: Mapping[int, list[tuple[int, float]]],
    *,
    sign: int,
    lanes: Set[int],
) -> None:
    """Sort by the mean place of neighbours; items without any keep their place."""
    place = {item: index for index, item in enumerate(before)}
    own = {item: float(index) for index, item in enumerate(rank)}
    key = {
        item: float(np.mean([place[n] + sign * part for n, part in neighbours[item]]))
        if neighbours.get(item)
        else own[item]
        for item in rank
    }
    boxes = [place[item] for item in before if item not in lanes]
    for item in lanes & key.keys():  # on the outer side of what it passes by
        key[item] += -0.05 if key[item] < float(np.mean(boxes or [0])) else 0.05
    rank.sort(key=lambda item: key[item])


def _crossings(layout: Layout) -> int:
    place = {item: i for rank in layout.ranks for i, item in enumerate(rank)}
    rank_of = {item: r for r, rank in enumerate(layout.ranks) for item in rank}
    pieces = defaultdict(list)
    for link, path in layout.paths.items():
        for start, end in pairwise(path):
            part = 0.0 if layout.is_lane(start) else 0.01 * link.part
            pieces[rank_of[start]].append((place[start] + part, place[end]))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for gap in pieces.values()
        for i, a in enumerate(gap)
        for b in gap[:i]
    )


def _places(layout: Layout) -> NDArray[np.float64]:
    """Horizontal centres: the least bends, weighted, with room between neighbours in a rank."""
    count = sum(map(len, layout.ranks))
    terms = list(_bends(layout, count))
    rows, limits = [], []
    for rank in layout.ranks:
        for left, right in pairwise(rank):
            row = np.zeros(count + len(terms))
            row[left], row[right] = 1, -1
            lanes = layout.is_lane(left) or layout.is_lane(right)
            room = (layout.width(left) + layout.width(right)) / 2
            rows.append(row)
            limits.append(-room - (BESIDE_LANE if lanes else BETWEEN_BOXES))
    for number, (offset, _) in enumerate(terms):
        for sign in (1, -1):
            slack = np.zeros(len(terms))
            slack[number] = -1
            rows.append(np.concatenate([sign * offset, slack]))
            limits.append(0.0)
    weights = np.concatenate([np.zeros(count), [weight for _, weight in terms]])
    if not rows:
        return np.zeros(count)
    found = linprog(weights, A_ub=np.array(rows), b_ub=limits, bounds=(None, None))
    x: NDArray[np.float64] = np.round(found.x[:count], 6)
    x -= x[0]
    return x


def _bends(layout: Layout, count: int) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Offsets that should be nothing, as rows over all centres, and what each costs."""
    kinds = _kinds(layout)
    loose = set()
    for number, box in enumerate(layout.boxes):
        counted = ("main", "branch") if box.bar else ("main",)
        near = [piece for piece in kinds if number in piece and kinds[piece] in counted]
        for side in (0, 1):
            around = [piece for piece in near if piece[side] == number]
            if (box.bar or box.centred) and len(around) > 1:
                others = [piece[1 - side] for piece in around]
                yield _difference(count, number, others), _CENTRED * len(around)
                loose |= set(around)
    for piece, kind in kinds.items():
        yield _difference(count, piece[0], piece[1:]), _LOOSE if piece in loose else _BENDS[kind]


def _kinds(layout: Layout) -> dict[tuple[int, int], str]:
    """What each piece of an edge is part of.

    The main path goes from box to box, and should be straight. A result that is used once, far
    below, is a branch; one that is used again, or is a part of a split, passes by at the side, and
    so does what does not depend on the first box.
    """
    users = Counter(link.source for link in layout.paths)
    main = {0}
    for link in sorted(layout.paths):
        if link.source in main:
            main.add(link.target)
    kinds = {}
    for link, path in sorted(layout.paths.items()):
        for piece in pairwise(path):
            lanes = sum(map(layout.is_lane, piece))
            if lanes == 2:
                kinds[piece] = "lane"
            elif link.source not in main:
                kinds[piece] = "side"
            elif lanes:
                kinds[piece] = "branch" if users[link.source] == 1 else "side"
            else:
                kinds[piece] = "main"
    return kinds


def _difference(count: int, item: int, others: Sequence[int]) -> NDArray[np.float64]:
    """The row that takes the mean of others from an item."""
    row = np.zeros(count)
    row[item] = 1
    for other in others:
        row[other] -= 1 / len(others)
    return row

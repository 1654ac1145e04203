"""How edges run between placed boxes: along lanes, horizontally between ranks alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from typing import NamedTuple

from archsearch.drawing.layout import BESIDE_LANE, Layout, Link

GAP = 0.18
"""Between two ranks where every edge is straight."""
_TRACK = 0.09
_PORTS = 0.26
_MOST_PERMUTED = 6
_SAME = 1e-3

Point = tuple[float, float]
Value = tuple[int, int]
"""A box and the part of its result."""


class Frame(NamedTuple):
    """Where a box stands: its left, top, right and bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def centre(self) -> Point:
        """The middle of the box."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Routed:
    """Boxes, the polyline of each link (its last point is the arrow's tip), and branch points."""

    frames: Sequence[Frame]
    lines: Mapping[Link, list[Point]]
    dots: Sequence[Point]


class _Piece(NamedTuple):
    """An edge's way through one gap, from where it leaves to where it arrives."""

    value: Value
    start: float
    end: float


def routed(layout: Layout) -> Routed:
    """Find a line for every link."""
    spans = _spans(layout)
    entries = _entries(layout, spans)
    exits = _exits(layout, spans, entries)
    pieces = {link: _pieces(layout, link, entries, exits) for link in layout.paths}
    rank_of = {item: r for r, rank in enumerate(layout.ranks) for item in rank}
    gaps: list[set[_Piece]] = [set() for _ in layout.ranks]
    for link, ways in pieces.items():
        for step, piece in enumerate(ways):
            gaps[rank_of[link.source] + step].add(piece)
    tracks = [_tracks(sorted(gap)) for gap in gaps]
    tops = _tops(layout, tracks)
    frames = _frames(layout, spans, tops)
    lines, dots = {}, set()
    for link, ways in pieces.items():
        points = [(ways[0].start, frames[link.source].bottom)]
        for step, piece in enumerate(ways):
            gap = rank_of[link.source] + step
            y = _track_height(tops[gap + 1], tracks[gap], piece.value)
            if abs(piece.start - piece.end) > _SAME:
                points += [(piece.start, y), (piece.end, y)]
            others = {p.end for p in gaps[gap] if p.value == piece.value}
            if len(others) > 1:
                dots.add((piece.start, y))
        points.append(_arrival(layout, link, ways[-1].end, frames, entries))
        if points[-1][1] > frames[link.target].top + _SAME:
            points.insert(-1, (ways[-1].end, points[-1][1]))
        lines[link] = points
    return Routed(frames, lines, sorted(dots))


def _spans(layout: Layout) -> list[tuple[float, float]]:
    """Left and right of each box; bars reach over their neighbours as far as there is room."""
    spans = []
    neighbours = defaultdict(set)
    for start, end in layout.pieces():
        neighbours[start].add(end)
        neighbours[end].add(start)
    limits = _limits(layout)
    for number, box in enumerate(layout.boxes):
        x = float(layout.x[number])
        left, right = x - box.width / 2, x + box.width / 2
        if box.bar:
            over = [float(layout.x[n]) for n in neighbours[number]]
            left = max(limits[number][0], min([left, *(n - _PORTS / 2 for n in over)]))
            right = min(limits[number][1], max([right, *(n + _PORTS / 2 for n in over)]))
        spans.append((left, right))
    return spans


def _limits(layout: Layout) -> dict[int, tuple[float, float]]:
    """How far an item can reach to both sides before it comes close to another one."""
    limits = {}
    for rank in layout.ranks:
        edges = [
            (float(layout.x[i]), 0.5 * BESIDE_LANE if layout.is_lane(i) else _beside_box(layout, i))
            for i in rank
        ]
        for place, item in enumerate(rank):
            left = sum(edges[place - 1]) if place else -float("inf")
            far = float("inf")
            right = edges[place + 1][0] - edges[place + 1][1] if place + 1 < len(edges) else far
            limits[item] = (left, right)
    return limits


def _beside_box(layout: Layout, number: int) -> float:
    return layout.width(number) / 2 + BESIDE_LANE


def _entries(layout: Layout, spans: Sequence[tuple[float, float]]) -> dict[Link, float]:
    """Where each link comes down to its target; outside of a circle, it enters from the side."""
    into = defaultdict(list)
    from_split = set()
    for link, path in layout.paths.items():
        into[link.target].append((float(layout.x[path[-2]]), link.part, link))
        if len(path) == 2 and layout.boxes[link.source].bar:
            from_split.add(link)
    entries = {}
    for target, coming in into.items():
        x = float(layout.x[target])
        coming.sort()
        if layout.boxes[target].bar:
            left, right = spans[target]
            entries.update({c[2]: min(max(c[0], left + 0.06), right - 0.06) for c in coming})
        elif _is_circle(layout, target) and len(coming) == 2:
            entries.update(_into_circle(layout, target, coming))
        else:
            above = [x if link in from_split else at for at, _, link in coming]
            places = _ports(x, layout.boxes[target].width, above)
            entries.update({c[2]: place for c, place in zip(coming, places, strict=True)})
    return entries


def _ports(x: float, width: float, above: Sequence[float]) -> list[float]:
    """Where links arrive on a box at ``x``: straight down where they can, with room between."""
    if len(above) == 1:
        return [x]
    reach = width / 2 - 0.12
    places = [min(max(at, x - reach), x + reach) for at in above]
    room = min(_PORTS, 2 * reach / (len(above) - 1))
    if any(after - before < room - _SAME for before, after in pairwise(places)):
        middle = (len(above) - 1) / 2
        return [x + (place - middle) * room for place in range(len(above))]
    return places


def _is_circle(layout: Layout, number: int) -> bool:
    box = layout.boxes[number]
    return box.width == box.height


def _into_circle(
    layout: Layout, target: int, coming: Sequence[tuple[float, int, Link]]
) -> dict[Link, float]:
    """One link from above, the other from the side, or both from above where that is taken."""
    x, radius = float(layout.x[target]), layout.boxes[target].width / 2
    near, far = sorted(coming, key=lambda c: (abs(c[0] - x), c[1]))
    side = 1 if far[0] >= x else -1
    lane = far[0] if abs(far[0] - x) > 2 * radius else x + side * 3 * radius
    [rank] = [rank for rank in layout.ranks if target in rank]
    others = [(float(layout.x[i]), layout.width(i) / 2 + 0.05) for i in rank if i != target]
    low, high = sorted((x, lane))
    if any(at + half > low and at - half < high for at, half in others):
        return {near[2]: x - side * radius / 2, far[2]: x + side * radius / 2}
    return {near[2]: x, far[2]: lane}


def _exits(
    layout: Layout, spans: Sequence[tuple[float, float]], entries: Mapping[Link, float]
) -> dict[Link, float]:
    """Where each link leaves its source: the middle, or a place for each part of a split."""
    exits = {}
    parts: dict[int, set[int]] = defaultdict(set)
    for link in layout.paths:
        parts[link.source].add(link.part)
    for link, path in layout.paths.items():
        exits[link] = float(layout.x[link.source])
        if len(parts[link.source]) > 1:
            direct = len(path) == 2
            ahead = entries[link] if direct else float(layout.x[path[1]])
            left, right = spans[link.source]
            exits[link] = min(max(ahead, left + 0.06), right - 0.06)
    values = {(link.source, link.part) for link in exits}
    for value in values:  # one value leaves at one place
        same = sorted(link for link in exits if (link.source, link.part) == value)
        straight = [link for link in same if len(layout.paths[link]) == 2] or same
        for link in same:
            exits[link] = exits[straight[0]]
    return exits


def _pieces(
    layout: Layout, link: Link, entries: Mapping[Link, float], exits: Mapping[Link, float]
) -> list[_Piece]:
    path = layout.paths[link]
    stops = [exits[link], *(float(layout.x[item]) for item in path[1:-1]), entries[link]]
    value = (link.source, link.part)
    return [_Piece(value, start, end) for start, end in pairwise(stops)]


def _tracks(pieces: Sequence[_Piece]) -> dict[Value, int]:
    """Give each value with a horizontal piece in a gap its track, so that few lines cross."""
    ways: dict[Value, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        ways[piece.value].append(piece)
    bent = [v for v, ps in ways.items() if any(abs(p.start - p.end) > _SAME for p in ps)]
    if not bent:
        return {}
    orders = permutations(bent) if len(bent) <= _MOST_PERMUTED else iter([tuple(bent)])
    best = min(orders, key=lambda order: _clashes([ways[value] for value in order]))
    tracks: dict[Value, int] = {}
    for value in best:
        under = [t for v, t in tracks.items() if _overlap(ways[v], ways[value])]
        tracks[value] = max(under, default=-1) + 1
    return tracks


def _overlap(a: Sequence[_Piece], b: Sequence[_Piece]) -> bool:
    (low_a, high_a), (low_b, high_b) = _interval(a), _interval(b)
    return low_a < high_b + _TRACK and low_b < high_a + _TRACK


def _interval(pieces: Sequence[_Piece]) -> tuple[float, float]:
    xs = [x for piece in pieces for x in (piece.start, piece.end)]
    return min(xs), max(xs)


def _clashes(order: Sequence[Sequence[_Piece]]) -> int:
    """Crossings of tracks in this order from above; lines on top of each other count a hundred."""
    clashes = 0
    for upper, lower in combinations(order, 2):
        low, high = _interval(upper)
        trunk = lower[0].start
        clashes += low < trunk < high
        low, high = _interval(lower)
        ends = [piece.end for piece in upper]
        clashes += sum(low < end < high for end in ends)
        clashes += 100 * sum(abs(end - trunk) < _TRACK / 2 for end in ends)
    return clashes


def _tops(layout: Layout, tracks: Sequence[Mapping[Value, int]]) -> list[float]:
    """Top of each rank, and the bottom of all."""
    tops = [0.0]
    for rank, gap in zip(layout.ranks, tracks, strict=True):
        height = max((layout.boxes[i].height for i in rank if not layout.is_lane(i)), default=0.0)
        used = max(gap.values(), default=-1) + 1
        tops.append(tops[-1] + height + GAP + _TRACK * used)
    tops[-1] -= GAP
    return tops


def _track_height(below: float, tracks: Mapping[Value, int], value: Value) -> float:
    """Height of a value's track; the last one leaves room for the arrows."""
    used = max(tracks.values(), default=-1) + 1
    return below - GAP * 0.7 - _TRACK * (used - tracks.get(value, 0) - 0.6)


def _frames(
    layout: Layout, spans: Sequence[tuple[float, float]], tops: Sequence[float]
) -> list[Frame]:
    frames = {}
    for rank, top in zip(layout.ranks, tops, strict=False):
        boxes = [item for item in rank if not layout.is_lane(item)]
        tallest = max((layout.boxes[item].height for item in boxes), default=0.0)
        for item in boxes:
            height = layout.boxes[item].height
            upper = top + (tallest - height) / 2
            frames[item] = Frame(spans[item][0], upper, spans[item][1], upper + height)
    return [frames[number] for number in range(len(layout.boxes))]


def _arrival(
    layout: Layout,
    link: Link,
    x: float,
    frames: Sequence[Frame],
    entries: Mapping[Link, float],
) -> Point:
    """The tip of an arrow: on top of a box, or at the side of a circle."""
    frame = frames[link.target]
    if not _is_circle(layout, link.target):
        return x, frame.top
    centre, radius = frame.centre, (frame.right - frame.left) / 2
    aside = entries[link] - centre[0]
    if abs(aside) > radius + _SAME:
        return centre[0] + (radius if aside > 0 else -radius), centre[1]
    return x, centre[1] - (radius**2 - aside**2) ** 0.5

"""The drawing of one block: the data flow of its module, with the shapes at a site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.blocks.layer import Layer, Site
from archsearch.drawing.canvas import Canvas
from archsearch.drawing.graph import MULTIPLYING, Graph, Operator, Role
from archsearch.drawing.layout import Box, Link, placed
from archsearch.drawing.routing import Frame, Point, Routed, routed
from archsearch.drawing.style import FILLS, LABEL_PT, NOTE_PT, PADDING, text_width
from archsearch.drawing.tracing import layer_graph

_LINE_HEIGHT = 0.19
_TWO_LINES = 0.30
_CIRCLE = 0.17
_GLUED: frozenset[Role] = frozenset(("norm", "activation", "parameter"))
_ALONE: frozenset[Role] = frozenset(("end", "split", "join", "add", "gate", "cut"))
_CIRCLES: frozenset[Role] = frozenset(("add", "gate"))
_BARS: frozenset[Role] = frozenset(("split", "join"))


class Unit(NamedTuple):
    """Operators that are drawn as one pile, without arrows between them."""

    operators: tuple[Operator, ...]

    @property
    def role(self) -> Role:
        """Role of the operator with MACs, or else of the first."""
        roles = [operator.role for operator in self.operators]
        return next((role for role in roles if role in MULTIPLYING), roles[0])

    def box(self) -> Box:
        """The size that the pile needs, in inches."""
        if self.role in _CIRCLES:
            return Box(_CIRCLE, _CIRCLE)
        width = max(_width(operator) for operator in self.operators) + 2 * PADDING
        height = sum(map(_height, self.operators))
        return Box(width, height, bar=self.role in _BARS, centred=self.role == "product")


def block_figure(layer: Layer, site: Site, *, ax: Axes | None = None) -> Figure:
    """Draw a layer at a site as its data flow, from the module's own forward pass.

    Args:
        layer: a block, stem or downsampling layer.
        site: where it stands; the shapes in the drawing are those there.
        ax: where to draw; None makes a figure of the size that the drawing needs.

    Raises:
        InputError: the layer cannot stand at the site.
    """
    return graph_figure(layer_graph(layer, site), ax=ax)


def graph_figure(graph: Graph, *, ax: Axes | None = None) -> Figure:
    """Draw a graph of operators from top to bottom."""
    units, links = piled(graph)
    boxes = [unit.box() for unit in units]
    drawing = routed(placed(boxes, links))
    canvas = Canvas(_extent(drawing), ax)
    for line in drawing.lines.values():
        canvas.arrow(line)
    for dot in drawing.dots:
        canvas.dot(dot)
    for unit, frame in zip(units, drawing.frames, strict=True):
        _paint(canvas, unit, frame)
    return canvas.figure


def piled(graph: Graph) -> tuple[list[Unit], list[Link]]:
    """Pile operators that feed each other alone, at most one multiplying one in a pile."""
    home: dict[int, int] = {}
    piles: list[list[Operator]] = []
    for number, operator in graph.operators.items():
        before = graph.before(number)
        if len(before) == 1 and graph.after(before[0]) == [number]:
            pile = piles[home[before[0]]]
            if _can_stand_under(operator, pile):
                home[number] = home[before[0]]
                pile.append(operator)
                continue
        home[number] = len(piles)
        piles.append([operator])
    links = {Link(home[edge.source], home[edge.target], edge.part) for edge in graph.edges}
    outside = sorted(link for link in links if link.source != link.target)
    return [Unit(tuple(pile)) for pile in piles], outside


def _can_stand_under(operator: Operator, pile: Sequence[Operator]) -> bool:
    if operator.role in _GLUED:
        return pile[-1].role not in _ALONE
    return operator.role in MULTIPLYING and all(above.role in _GLUED for above in pile)


def _lines(operator: Operator) -> Iterator[tuple[str, float]]:
    """The lines of an operator's box with their type sizes."""
    if operator.role in _BARS:
        yield f"{operator.label}  {operator.note}".rstrip(), NOTE_PT + 0.5
        return
    yield operator.label, LABEL_PT
    if operator.note:
        yield operator.note, NOTE_PT


def _width(operator: Operator) -> float:
    return max(text_width(text, size) for text, size in _lines(operator))


def _height(operator: Operator) -> float:
    return _TWO_LINES if len(list(_lines(operator))) > 1 else _LINE_HEIGHT


def _extent(drawing: Routed) -> Frame:
    """What the boxes and lines take."""
    points: list[Point] = [point for line in drawing.lines.values() for point in line]
    for frame in drawing.frames:
        points += [(frame.left, frame.top), (frame.right, frame.bottom)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Frame(min(xs), min(ys), max(xs), max(ys))


def _paint(canvas: Canvas, unit: Unit, frame: Frame) -> None:
    if unit.role in _CIRCLES:
        canvas.circle(frame, times=unit.role == "gate")
        return
    top, slabs = frame.top, []
    for operator in unit.operators:
        slab = Frame(frame.left, top, frame.right, top + _height(operator))
        slabs.append((slab, FILLS[operator.role].fill))
        top = slab.bottom
    canvas.pile(slabs, FILLS[unit.role].border)
    for operator, (slab, _) in zip(unit.operators, slabs, strict=True):
        canvas.text(slab, list(_lines(operator)))

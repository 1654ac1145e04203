"""The drawing of a whole net: its stages from left to right, with their layers and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archsearch.architecture import Architecture
from archsearch.description import Description, Part, StagePart, describe
from archsearch.drawing.canvas import Canvas
from archsearch.drawing.repeats import Run, runs
from archsearch.drawing.routing import Frame
from archsearch.drawing.style import (
    LABEL_PT,
    NOTE_PT,
    PADDING,
    PANEL,
    PLAIN,
    family_look,
    text_width,
)
from archsearch.notation import engineering

_TITLE_PT = 7.5
_LINE = 0.125
_ROOM = 0.055
_BETWEEN_CARDS = 0.05
_BETWEEN_STAGES = 0.3
_BESIDE = 0.08
"""Beside the cards in the panel of a stage."""
_CHARACTERS = 24
_UNBROKEN = "\u00a0"
_BRACKET = 0.26
"""Width at the right of cards that are repeated together."""


class Card(NamedTuple):
    """A run of equal layers: what it is called, what is said of it, and its colour."""

    title: str
    notes: tuple[str, ...]
    fill: str
    border: str

    @property
    def height(self) -> float:
        """Height in inches."""
        return _LINE * (1 + len(self.notes)) + 2 * _ROOM

    @property
    def width(self) -> float:
        """Width in inches."""
        notes = (text_width(note, NOTE_PT) for note in self.notes)
        return max(text_width(self.title, LABEL_PT, bold=True), *notes, 0.6) + 2 * PADDING


class Column(NamedTuple):
    """Stem, stage or head: piles of cards, each with how often it stands there, and a caption."""

    title: str
    piles: tuple[tuple[int, tuple[Card, ...]], ...]
    caption: tuple[str, ...]

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards from top to bottom."""
        return tuple(card for _, cards in self.piles for card in cards)

    @property
    def inner(self) -> float:
        """Width of the cards."""
        texts = [text_width(self.title, _TITLE_PT, bold=True)]
        texts += [text_width(line, NOTE_PT) for line in self.caption]
        return max([*texts, *(card.width for card in self.cards)])

    @property
    def width(self) -> float:
        """Width with the room for the counts of piles that repeat."""
        return self.inner + (_BRACKET if any(count > 1 for count, _ in self.piles) else 0.0)

    @property
    def height(self) -> float:
        """Height of the cards."""
        gaps = _BETWEEN_CARDS * (len(self.cards) - 1)
        return sum(card.height for card in self.cards) + gaps


def net_figure(
    architecture: Architecture, classes: int = 1000, *, ax: Axes | None = None
) -> Figure:
    """Draw a net: stem, stages and head with their layers, output sizes, params and MACs.

    Blocks have the colour of their family, stem, downsampling layers and head are white; the words
    in them say which layer it is, and which of its leaves are not at their default.

    Args:
        architecture: the net.
        classes: outputs of the head with which it is counted.
        ax: where to draw; None makes a figure of the size that the drawing needs.
    """
    description = describe(architecture, classes)
    kinds = [block.kind for stage in architecture.stages for block in stage.blocks]
    columns = [_column(stage, kinds) for stage in description.stages if stage.layers]
    tallest = max(column.height for column in columns)
    source = _source(architecture)
    start = text_width(source[1], NOTE_PT) + _BESIDE
    width = start + sum(column.width + _BETWEEN_STAGES + _BESIDE for column in columns)
    captions = max(len(column.caption) for column in columns)
    top, bottom = -0.55, tallest + 0.12 + _LINE * captions
    canvas = Canvas(Frame(0.0, top, width, bottom), ax)
    canvas.words(0.0, top + 0.07, _headline(description), _TITLE_PT, bold=True, align="left")
    middle = tallest / 2
    canvas.text(Frame(0, middle - 0.2, start - _BESIDE, middle + 0.2), _sized(source))
    left = start
    for column in columns:
        canvas.arrow([(left, middle), (left + _BETWEEN_STAGES - _BESIDE, middle)])
        left += _BETWEEN_STAGES
        panel = Frame(left - _BESIDE, -0.28, left + column.width + _BESIDE, bottom)
        canvas.pile([(panel, PANEL.fill)], PANEL.border, behind=True)
        _paint(canvas, column, left, middle, tallest)
        left += column.width + _BESIDE
    return canvas.figure


def _headline(description: Description) -> str:
    counts = f"{engineering(description.params)} params, {engineering(description.macs)} MACs"
    return f"{description.name or description.id}: {counts}"


def _source(architecture: Architecture) -> tuple[str, str]:
    height, width = architecture.size
    return "Input", f"{architecture.channels} × {height} × {width}"


def _sized(lines: Sequence[str]) -> list[tuple[str, float]]:
    """Lines of text with their type sizes: the first is larger."""
    return [(line, NOTE_PT if place else LABEL_PT) for place, line in enumerate(lines)]


def _column(stage: StagePart, kinds: Sequence[str]) -> Column:
    word, _, number = stage.name.partition(".")
    title = f"Stage {int(number) + 1}" if number else word.capitalize()
    layers = [part for part in stage.layers if not part.kind.startswith("shared ")]
    looks = [_look(part) for part in layers]
    piles = tuple((run.times, _cards(run, layers, kinds)) for run in runs(looks))
    size = "{} × {} × {}".format(*stage.layers[-1].size)
    output = f"{stage.channels} classes" if word == "head" else size
    costs = f"{engineering(stage.params)} params", f"{engineering(stage.macs)} MACs"
    return Column(title, piles, (output, *costs))


def _look(part: Part) -> tuple[Any, ...]:
    return part.kind, "downsample" in part.path, tuple(part.changed.items())


def _cards(run: Run, layers: Sequence[Part], kinds: Sequence[str]) -> tuple[Card, ...]:
    return tuple(_card(layers[item.start], item.times, kinds) for item in run.items)


def _card(part: Part, count: int, kinds: Sequence[str]) -> Card:
    look = family_look(part.kind, kinds) if ".blocks." in part.path else PLAIN
    kind = part.kind.replace("_", " ")
    told = (f"{name} {_value(value)}".strip() for name, value in part.changed.items())
    leaves = ", ".join(leaf.replace(" ", _UNBROKEN) for leaf in told)
    notes = tuple(line.replace(_UNBROKEN, " ") for line in wrap(leaves, _CHARACTERS))
    title = f"{count} × {kind}" if count > 1 else kind
    return Card(title, notes, *look)


def _value(value: Any) -> str:
    """A leaf's value; a leaf that is on needs no more than its name."""
    if isinstance(value, bool):
        return "" if value else "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _paint(canvas: Canvas, column: Column, left: float, middle: float, tallest: float) -> None:
    """One column: its title above, its cards around the middle, its caption below."""
    right = left + column.inner
    centre = (left + right) / 2
    top = middle - column.height / 2
    canvas.words(centre, -0.14, column.title, _TITLE_PT, bold=True)
    for count, cards in column.piles:
        first = top
        for card in cards:
            frame = Frame(left, top, right, top + card.height)
            canvas.pile([(frame, card.fill)], card.border)
            canvas.text(frame, _sized([card.title, *card.notes]), bold=True)
            top = frame.bottom + _BETWEEN_CARDS
        if count > 1:
            canvas.bracket(right + 0.03, first, top - _BETWEEN_CARDS, f"×{count}")
    for place, line in enumerate(column.caption):
        canvas.words(centre, tallest + 0.1 + _LINE * place, line, NOTE_PT)

"""How values show themselves in a notebook: tables and pictures as HTML, from plain values."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from math import log
from typing import NamedTuple

from archsearch.colours import BLUE, ORANGE, look
from archsearch.notation import engineering

_COLUMN, _WIDEST, _NARROWEST, _TALLEST, _FLATTEST = 116.0, 84.0, 14.0, 72.0, 10.0
_TOP, _LINE, _BAR, _LONGEST, _TEXT = 24.0, 13.0, 14.0, 28.0, 10
_COSTS = ((BLUE, "params"), (ORANGE, "MACs"))


class StageBox(NamedTuple):
    """Stem, stage or head of a net as it is shown.

    ``layers`` are runs of equal layers in words, ``family`` is that of its blocks (None: no
    blocks), the size is that of the map that it gives.
    """

    name: str
    layers: tuple[str, ...]
    family: str | None
    channels: int
    height: int
    width: int
    params: int
    macs: int

    @property
    def size(self) -> str:
        """Channels, height and width; a head gives logits, which have no place."""
        places = "" if self.height == self.width == 1 else f" × {self.height} × {self.width}"
        return f"{self.channels}{places}"

    @property
    def costs(self) -> tuple[int, int]:
        """Params and MACs."""
        return self.params, self.macs


def beside(table: str, picture: str) -> str:
    """A picture, and a table beside it or, where there is no room, below it."""
    style = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start"
    return f'<div style="{style}"><div>{picture}</div><div>{table}</div></div>'


def png_image(content: bytes, words: str, width: int) -> str:
    """A PNG in the page itself, ``width`` pixels wide; ``words`` say what it shows."""
    data = base64.b64encode(content).decode()
    style = "max-width:100%;height:auto"
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(words)}" width="{width}" '
        f'style="{style}">'
    )


def stages_table(boxes: Sequence[StageBox]) -> str:
    """A row a stage, and the sums."""
    words = [[box.name, ", ".join(box.layers), box.size] for box in boxes] + [["total", "", ""]]
    sums = tuple(sum(box.costs[which] for box in boxes) for which in (0, 1))
    costs = [*(box.costs for box in boxes), sums]
    rows = [
        _row("td", [*said, *map(engineering, cost)])
        for said, cost in zip(words, costs, strict=True)
    ]
    return f"<table>{_row('th', ['', 'layers', 'map', 'params', 'MACs'])}{''.join(rows)}</table>"


def stages_svg(boxes: Sequence[StageBox]) -> str:
    """A net from input to head as ``figures.plot_stages`` draws it, small and without matplotlib.

    A box is as wide as its stage has channels and as high as its map, both by their logarithms;
    below it are its layers and bars of its shares of the params and of the MACs. Texts and lines
    have the colour of the page's text, so that they can be read in the dark.
    """
    wide = _by_log([box.channels for box in boxes], _NARROWEST, _WIDEST)
    high = _by_log([box.height for box in boxes], _FLATTEST, _TALLEST)
    bars = _TOP + _TALLEST + _LINE * (2.5 + max(len(box.layers) for box in boxes))
    families = [box.family for box in boxes if box.family]
    parts = [_text(_COLUMN * place, 12, box.name) for place, box in enumerate(boxes)]
    for place, box in enumerate(boxes):
        fill = look(box.family, families)[0] if box.family else "none"
        parts.append(_rect(_COLUMN * place, _middle(), wide[place], high[place], fill))
        lines = [box.size, *box.layers]
        below = _TOP + _TALLEST + _LINE
        parts += [_text(_COLUMN * place, below + _LINE * n, line) for n, line in enumerate(lines)]
    parts += [_arrow(place, wide) for place in range(len(boxes) - 1)]
    parts += [part for which in (0, 1) for part in _shares(boxes, which, bars)]
    return _svg(parts, len(boxes), bars + 2 * _BAR + 4)


def _shares(boxes: Sequence[StageBox], which: int, top: float) -> Iterable[str]:
    """A bar a stage from the left of its column, with its share of all behind it."""
    colour, _ = _COSTS[which]
    whole = max(sum(box.costs[which] for box in boxes), 1)
    largest = max(max(box.costs[which] for box in boxes), 1)
    y = top + _BAR * which
    for place, box in enumerate(boxes):
        left, length = _COLUMN * (place - 0.4), _LONGEST * box.costs[which] / largest
        yield (
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{length:.1f}" height="{_BAR - 3}" '
            f'fill="{colour}"/>'
        )
        words = f"{box.costs[which] / whole:.0%} of {_COSTS[which][1]}"
        yield _text(left + length + 3, y + 9, words, anchor="start")


def _svg(parts: Iterable[str], columns: int, height: float) -> str:
    box = f"{-_COLUMN / 2:.0f} 0 {_COLUMN * columns:.0f} {height:.0f}"
    style = f"max-width:100%;height:auto;font:{_TEXT}px sans-serif"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="the net stage by stage" '
        f'viewBox="{box}" width="{_COLUMN * columns:.0f}" style="{style}" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _middle() -> float:
    return _TOP + _TALLEST / 2


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect class="stage" x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" fill="{fill}" stroke="currentColor"/>'
    )


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _arrow(place: int, wide: Sequence[float]) -> str:
    """From a box to the next one."""
    start = _COLUMN * place + wide[place] / 2 + 3
    end = _COLUMN * (place + 1) - wide[place + 1] / 2 - 3
    head = f"M{end:.1f} {_middle():.1f}l-5 -3v6z"
    line = f'<path d="M{start:.1f} {_middle():.1f}H{end:.1f}" stroke="currentColor"/>'
    return f'{line}<path d="{head}"/>'


def _by_log(values: Sequence[int], least: float, most: float) -> list[float]:
    """Lengths from ``least`` to ``most`` that go with the logarithms of sizes."""
    logs = [log(max(value, 1)) for value in values]
    room = max(logs) - min(logs)
    return [least + (most - least) * ((one - min(logs)) / room if room else 1.0) for one in logs]


def _row(tag: str, cells: Iterable[str]) -> str:
    """A row of a table, words to the left and the two numbers at its end to the right."""
    sides = ("left", "left", "left", "right", "right")
    return "<tr>{}</tr>".format(
        "".join(
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
    )

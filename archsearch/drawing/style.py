"""How drawings look: colours, type sizes, and how wide a text is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from matplotlib.colors import to_hex, to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from archsearch.colours import look
from archsearch.drawing.graph import Role

INK = "#333333"
FAINT = "#6B6B6B"
LINE = "#4D4D4D"

LABEL_PT = 7.0
NOTE_PT = 6.0
PADDING = 0.1
"""Inches beside a text in its box."""

_POINTS_PER_INCH = 72
_TINT = 0.2


class Look(NamedTuple):
    """Colours of a box."""

    fill: str
    border: str


# Tints of Okabe and Ito's colours with the colours themselves as borders: told apart with any
# colour vision, and by their lightness in grey print. Every box says in words what it is.
FILLS: Mapping[Role, Look] = MappingProxyType(
    {
        "end": Look("#FFFFFF", "#FFFFFF"),
        "convolution": Look("#CFE3F1", "#0072B2"),
        "linear": Look("#CFE3F1", "#0072B2"),
        "product": Look("#F9D9C2", "#D55E00"),
        "fourier": Look("#F9D9C2", "#D55E00"),
        "norm": Look("#EDEDED", "#8A8A8A"),
        "activation": Look("#FBF5C4", "#B5A400"),
        "parameter": Look("#D3EFE3", "#009E73"),
        "add": Look("#FFFFFF", LINE),
        "gate": Look("#FFFFFF", LINE),
        "join": Look("#FFFFFF", LINE),
        "split": Look("#FFFFFF", LINE),
        "cut": Look("#FFFFFF", "#8A8A8A"),
        "other": Look("#FFFFFF", "#8A8A8A"),
    }
)

PANEL = Look("#F8F8F8", "#DDDDDD")
PLAIN = Look("#FFFFFF", "#8A8A8A")

_TO_PATH = TextToPath()


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line in inches, by the font's own metrics."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    width, _, _ = _TO_PATH.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / _POINTS_PER_INCH


def family_look(kind: str, kinds: Sequence[str]) -> Look:
    """Colours of a block's family, those that it has in figures of fronts.

    ``kinds`` are all blocks in the drawing, so that unknown ones get different colours.
    """
    border, _ = look(kind, kinds)
    red, green, blue = (1 - _TINT * (1 - part) for part in to_rgb(border))
    return Look(to_hex((red, green, blue)), border)

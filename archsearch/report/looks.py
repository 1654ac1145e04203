"""Colours of a page, each in a light and a dark variant, and the markers of families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from matplotlib.colors import to_hex, to_rgb

from archsearch.colours import YELLOW, look
from archsearch.drawing.style import family_look
from archsearch.figures.interactive import SYMBOLS
from archsearch.figures.style import SERIES

Palette = Mapping[str, "Tone"]

_LEAST_LIGHT = 0.24
"""Relative luminance below which a colour does not stand out from a dark page."""


class Tone(NamedTuple):
    """A colour on a light page and on a dark one."""

    light: str
    dark: str


def tone(colour: str) -> Tone:
    """A figure's colour, and the same one light enough for a dark page."""
    red, green, blue = to_rgb(colour)
    mix = 0.0
    while _luminance(mixed := [c + mix * (1 - c) for c in (red, green, blue)]) < _LEAST_LIGHT:
        mix += 0.02
    return Tone(to_hex((red, green, blue)), to_hex((mixed[0], mixed[1], mixed[2])))


def _luminance(colour: Sequence[float]) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def palette(families: Iterable[str], kinds: Iterable[str]) -> dict[str, Tone]:
    """Every colour that the page's figures name, by its token.

    Tokens are ``family:NAME``, ``kind:NAME`` (blocks), ``series:NUMBER`` (runs) and ``star``.
    """
    families, kinds = sorted(set(families)), sorted(set(kinds))
    found = {f"family:{name}": tone(look(name, families)[0]) for name in families}
    found |= {f"kind:{name}": tone(family_look(name, kinds).border) for name in kinds}
    found |= {f"series:{place}": tone(one.colour) for place, one in enumerate(SERIES)}
    return found | {"star": tone(YELLOW)}


def symbols(families: Iterable[str]) -> dict[str, str]:
    """Plotly's markers of families."""
    families = sorted(set(families))
    return {name: SYMBOLS[look(name, families)[1]] for name in families}


SERIES_SYMBOLS = [SYMBOLS[one.marker] for one in SERIES]
"""Markers of runs, in the order of the page's."""

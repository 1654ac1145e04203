"""Colours of whatever is drawn, and the looks of block families.

Okabe and Ito's colours (Color Universal Design, 2008), which readers with any colour vision tell
apart.
"""

from __future__ import annotations

from collections.abc import Sequence

INK, FAINT, PALE, GRID, SHADE = "#333333", "#8A8A8A", "#D5D5D5", "#E9E9E9", "#F1F4F7"

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F"

# Families keep their look in every figure, drawings of nets included.
_FAMILIES: dict[str, tuple[str, str]] = {
    "pacc": (VERMILION, "o"),
    "gnconv": (BLUE, "s"),
    "sdta": (GREEN, "^"),
    "cmt": (PURPLE, "D"),
    "mobilevit": (SKY, "v"),
    "convolutions only": (GREY, "X"),
}
_FAMILY_OF = {
    "pacc_frame": "pacc",
    **dict.fromkeys(("conv_encoder", "inverted_residual", "bottleneck"), "convolutions only"),
}
_OTHER_FAMILIES = ((ORANGE, "p"), (BLACK, "h"), (YELLOW, "P"), (SKY, ">"))


def look(family: str, families: Sequence[str]) -> tuple[str, str]:
    """Colour and marker of a block family, or of the family that a kind of block belongs to.

    ``families`` are all that the figure shows, so that unknown ones get different looks.
    """
    family = _FAMILY_OF.get(family, family)
    if family in _FAMILIES:
        return _FAMILIES[family]
    new = sorted(name for name in set(families) if name not in {*_FAMILIES, *_FAMILY_OF})
    return _OTHER_FAMILIES[new.index(family) % len(_OTHER_FAMILIES)]

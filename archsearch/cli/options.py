"""Options that several commands read in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archsearch.architecture import Resolution


def resolution_of(text: str) -> Resolution:
    """Read a height and a width, or one number for both.

    Raises:
        InputError: it is neither.
    """
    from archsearch.errors import InputError

    sides = text.split("x")
    if len(sides) > 2 or not all(s.isascii() and s.isdigit() and int(s) for s in sides):
        raise InputError(
            f"--resolution {text}: is no size in pixels; give one side, as in 256, or height and "
            "width, as in 256x192"
        )
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))

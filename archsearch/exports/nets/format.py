"""What a format of nets is: how its file is written, and how it is run to be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from archsearch.exports.weights import Weighed

Write = Callable[[Weighed, Tensor, Path], None]
"""Writes a net to a path in a folder of its own; images (B, C, H, W) are what it will be run on."""

Run = Callable[[Path, Tensor], Tensor]
"""Gives the logits (B, classes) of a written file for images (B, C, H, W)."""


class Format(NamedTuple):
    """A format of nets.

    Attributes:
        ending: of its file.
        write: writes the file, and others beside it where it needs them.
        run: runs it.
        meaning: for people.
    """

    ending: str
    write: Write
    run: Run
    meaning: str

"""How a board is reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from archsearch.devices.boards.process import Done


class Link(Protocol):
    """A way to run a program on a board: one a file."""

    def run(self, arguments: Sequence[str], data: bytes | None, timeout_s: float) -> Done:
        """Run a program there.

        Args:
            arguments: program and arguments, as the program shall get them.
            data: its stdin. None: silent, and ends when this process or the connection ends.
            timeout_s: bounds everything, the connection included.

        Raises:
            BoardFailed: the board cannot be reached, or the connection was lost.
        """
        ...

    def close(self) -> None:
        """Leave nothing open."""
        ...

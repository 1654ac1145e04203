"""This machine as a board: the same protocol in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.devices.boards.process import Done, run_process
from archsearch.devices.boards.settings import HostSettings


class HostLink:
    """Runs programs here."""

    def __init__(self, settings: HostSettings) -> None:
        del settings

    def run(self, arguments: Sequence[str], data: bytes | None, timeout_s: float) -> Done:
        """Run a program; see ``Link``."""
        return run_process(arguments, data, timeout_s)

    def close(self) -> None:
        """Nothing is open."""

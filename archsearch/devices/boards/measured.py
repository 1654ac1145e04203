"""The measured device: a net is deployed to a board and timed there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.devices.boards import LINKS
from archsearch.devices.boards.answer import Machine, Timing
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.cores import device_text
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.settings import read_settings
from archsearch.devices.closing import Closing
from archsearch.devices.deploy import Deployed, deploy
from archsearch.devices.emulator.installation import Installation
from archsearch.devices.reading import Latency
from archsearch.devices.runtimes import Refused, find_runtime

REFERENCE, REFERENCE_SIZE = "mobilenetv2_100", (128, 128)
"""The reference net: small, and taken by every runtime."""


class Measured(Closing):
    """A user's own board as a device. Keep one for many nets: it keeps the connection."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._folder = tempfile.TemporaryDirectory(prefix="archsearch-board.")
        self._reference: Deployed | None = None
        self._machine: Machine | None = None

    @classmethod
    def open(cls, path: Path) -> Measured:
        """Open the board that a file describes; nothing is sent yet.

        Raises:
            InputError: the file does not hold.
        """
        settings = read_settings(path)
        return cls(Board(path.stem, settings, LINKS[settings.kind](settings)))

    def close(self) -> None:
        """End the connection and remove what was deployed."""
        self.board.close()
        self._folder.cleanup()

    @property
    def reference(self) -> Deployed:
        """The reference net, deployed once."""
        if self._reference is None:
            architecture = published.load(REFERENCE).at(REFERENCE_SIZE)
            self._reference = self._deploy(architecture, 1000, Path(self._folder.name))
        return self._reference

    @property
    def machine(self) -> Machine:
        """What the board said of itself with its last timing.

        Raises:
            BoardFailed: it has timed nothing yet.
        """
        if self._machine is None:
            raise BoardFailed(f"{self.board.name}: has timed nothing yet")
        return self._machine

    def latency(self, architecture: Architecture, classes: int = 1000) -> Latency:
        """Latency of one net.

        Raises:
            BoardFailed: the board cannot be used, or was not steady.
            InputError: the runtime's converter is not set up.
            Refused: the runtime does not take the net, or computes something else than torch.
        """
        with tempfile.TemporaryDirectory(prefix="archsearch-board.") as folder:
            net = self._deploy(architecture, classes, Path(folder))
            return self.reading(self.board.time(net, self.reference))

    def latencies(
        self, architectures: Iterable[Architecture], classes: int = 1000
    ) -> Iterator[Latency | Refused | BoardFailed]:
        """Latencies of many nets, in order; in the place of one that failed stands why."""
        for architecture in architectures:
            yield self._latency_or_reason(architecture, classes)

    def _latency_or_reason(
        self, architecture: Architecture, classes: int
    ) -> Latency | Refused | BoardFailed:
        try:
            return self.latency(architecture, classes)
        except (Refused, BoardFailed) as failed:
            return failed

    def _deploy(self, architecture: Architecture, classes: int, folder: Path) -> Deployed:
        """Convert a net for the board's runtime, into an empty folder."""
        name = self.board.settings.runtime
        wants_tools = bool(find_runtime(name).host_wheels)
        tools = Installation.read().tools(name) if wants_tools else folder
        return deploy(architecture, name, folder, tools, classes)

    def reading(self, timing: Timing) -> Latency:
        """A timing as a latency; its expected error is the drift that was seen."""
        self._machine = timing.machine
        return Latency(
            latency_ms=timing.median_ms,
            p10_ms=timing.p10_ms,
            p90_ms=timing.p90_ms,
            n=timing.n,
            threads=timing.threads,
            how="measured",
            device=device_text(self.board.name, timing.machine),
            runtime=f"{self.board.runtime.name} {timing.runtime}",
            expected_error=timing.drifted,
        )

"""The emulated device: a net's real ARM code is run and counted, a profile gives the time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from archsearch.architecture import Architecture
from archsearch.devices.closing import Closing
from archsearch.devices.deploy import deploy
from archsearch.devices.emulator.emulator import Counts, Emulator, GuestFailed, Job, Run
from archsearch.devices.emulator.installation import Installation
from archsearch.devices.profile import Isa, Profile
from archsearch.devices.reading import Latency
from archsearch.devices.runtimes import Refused, find_runtime
from archsearch.errors import InputError


class Emulated(Closing):
    """A board with a profile, its ARM code emulated here.

    The emulated processes start with the device and serve until it is closed: keep one device for
    many nets. Counts do not depend on what ran before or on what else this machine does.

    Args:
        profile: of the board.
        runtime: name of the runtime that is run.
        threads: of the runtime on the board; instructions are counted with one.
        isa: instruction set that is run; None takes the first that profile and runtime share.
        processes: emulated processes; one a core is best.
        installation: a finished setup; None takes the default folder's.

    Raises:
        InputError: emulation is not set up, or profile, runtime and instruction set do not agree.
    """

    def __init__(
        self,
        profile: Profile,
        runtime: str = "mnn",
        *,
        threads: int = 1,
        isa: Isa | None = None,
        processes: int = 2,
        installation: Installation | None = None,
    ) -> None:
        self._fit = profile.fit(threads, isa or shared_isa(profile, runtime))
        self.name = f"emulated:{profile.board}"
        self.runtime = find_runtime(runtime).title
        self._emulator = Emulator(
            runtime, self._fit.counts, processes=processes, installation=installation
        )

    def close(self) -> None:
        """End the emulated processes."""
        self._emulator.close()

    def latency(self, architecture: Architecture, classes: int = 1000) -> Latency:
        """Latency of one net.

        Raises:
            Refused: the runtime does not take the net, or computes something else than torch.
        """
        (found,) = self.latencies([architecture], classes)
        if isinstance(found, Refused):
            raise found
        return found

    def latencies(
        self, architectures: Iterable[Architecture], classes: int = 1000
    ) -> Iterator[Latency | Refused]:
        """Latencies of many nets, in order; in the place of one that is refused stands why."""
        for counts in self.counts(architectures, classes):
            yield counts if isinstance(counts, Refused) else self._latency(counts)

    def counts(
        self, architectures: Iterable[Architecture], classes: int = 1000
    ) -> Iterator[Counts | Refused]:
        """Executed instructions of many nets, each net checked against torch."""

        def one(architecture: Architecture, run: Run) -> Counts | Refused:
            try:
                return self._count(architecture, classes, run)
            except Refused as refused:
                return refused

        yield from self._emulator.map(one, architectures)

    def _count(self, architecture: Architecture, classes: int, run: Run) -> Counts:
        tools = self._emulator.installation.tools(self._emulator.runtime)
        with tempfile.TemporaryDirectory(prefix="archsearch-deploy.") as folder:
            net = deploy(architecture, self._emulator.runtime, Path(folder), tools, classes)
            try:
                counted = run(Job(net.model, net.shape, net.input))
            except GuestFailed as failed:
                raise Refused(f"{net.name}: {self.runtime} cannot run it: {failed}") from failed
            net.check(counted.output, half=self._emulator.isa.half)
        return counted.counts

    def _latency(self, counts: Counts) -> Latency:
        ms = float(self._fit.milliseconds(counts))
        return Latency(
            latency_ms=ms,
            p10_ms=ms,
            p90_ms=ms,
            n=1,
            threads=self._fit.threads,
            how="emulated",
            device=self.name,
            runtime=self.runtime,
            expected_error=self._fit.expected_error(self.runtime),
        )


def shared_isa(profile: Profile, runtime: str) -> Isa:
    """First instruction set that a board's profile and a runtime share.

    Raises:
        InputError: they share none.
    """
    runs_on = find_runtime(runtime).isas
    for isa in profile.isas:
        if isa in runs_on:
            return isa
    raise InputError(
        f"{find_runtime(runtime).name} does not run on {', '.join(profile.isas)}, which the "
        f"profile of {profile.board} is for; it runs on {', '.join(runs_on)}"
    )

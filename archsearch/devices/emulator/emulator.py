"""Many models counted at once: a few guests, each with its share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from archsearch.devices.closing import Closing
from archsearch.devices.emulator.guest import Counted, Counts, Guest, GuestFailed, Job, Operator
from archsearch.devices.emulator.installation import Installation
from archsearch.devices.emulator.isas import find_isa

__all__ = ["Counted", "Counts", "Emulator", "GuestFailed", "Job", "Operator"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Run = Callable[[Job], Counted]
"""Runs a job on a guest that the caller has for itself."""


class Emulator(Closing):
    """Emulated processes of one runtime and instruction set, started ahead of their first job.

    What is counted does not depend on the number of processes or on what ran before.

    Args:
        runtime: name of the runtime (``runtimes.RUNTIMES``).
        isa: name of the instruction set (``isas.ISAS``).
        processes: emulated processes; one a core is best.
        installation: a finished setup; None takes the default folder's.
        timeout_s: for one model.

    Raises:
        InputError: emulation is not set up, or not for this runtime and instruction set.
    """

    def __init__(
        self,
        runtime: str = "mnn",
        isa: str = "aarch64-fp32",
        *,
        processes: int = 2,
        installation: Installation | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        self.installation = installation or Installation.read()
        self.runtime = runtime
        self.isa = find_isa(isa)
        self._timeout_s = timeout_s
        self._guests: SimpleQueue[Guest] = SimpleQueue()
        self.processes = processes
        for _ in range(processes):
            self._guests.put(self._guest())

    def close(self) -> None:
        """End the processes."""
        while not self._guests.empty():
            self._guests.get().close()

    def run(self, job: Job) -> Counted:
        """Run one model on the next free guest.

        Raises:
            GuestFailed: the model cannot be loaded or run; the guest is replaced if it ended.
        """
        guest = self._guests.get()
        try:
            return guest.run(job, self._timeout_s)
        finally:
            if not guest.is_alive:
                guest.close()
                guest = self._guest()
            self._guests.put(guest)

    def map(
        self, function: Callable[[_Item, Run], _Result], items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """Call ``function(item, run)`` for items, as many at once as there are guests, in order.

        What it does beside ``run`` (export, conversion) goes on while other guests compute.
        """
        with ThreadPoolExecutor(self.processes) as pool:
            yield from pool.map(lambda item: function(item, self.run), items)

    def count(self, jobs: Iterable[Job]) -> list[Counted]:
        """Count jobs, in their order.

        Raises:
            GuestFailed: one of them cannot be loaded or run.
        """
        return list(self.map(lambda job, run: run(job), jobs))

    def count_models(self, models: Sequence[Path], shape: tuple[int, ...] = ()) -> list[Counts]:
        """Count models of the runtime, all inputs at 0.5.

        Args:
            models: the runtime's own files.
            shape: of their one input; ncnn alone wants to be told.
        """
        return [counted.counts for counted in self.count(Job(model, shape) for model in models)]

    def _guest(self) -> Guest:
        return Guest(self.installation, self.runtime, self.isa)

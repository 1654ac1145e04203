"""One emulated process that loads and runs models, one after the other."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from archsearch.devices.emulator.installation import Installation
from archsearch.devices.emulator.isas import Isa
from archsearch.devices.profile import CLASSES

Counts = dict[str, float]
"""By column, see ``profile.CLASSES``."""


class GuestFailed(RuntimeError):  # noqa: N818 (an outcome of a model, not a fault)
    """A guest could not run a model, or ended; the message says why."""


@dataclass(frozen=True)
class Job:
    """One model to run once.

    Attributes:
        model: the runtime's own file.
        shape: of its input.
        input: file of float32 values for it; None leaves every value at 0.5.
        operators: count every operator by itself too (MNN only), in a second run.
    """

    model: Path
    shape: tuple[int, ...]
    input: Path | None = None
    operators: bool = False


@dataclass(frozen=True)
class Operator:
    """What one operator of a model executes: its kind and name in the runtime, output's shape.

    The counts of a model's operators add up to those of the model.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    counts: Counts


@dataclass(frozen=True)
class Counted:
    """What a model executes, in all and by operator where asked; ``output`` as float32 values."""

    counts: Counts
    output: bytes = b""
    operators: tuple[Operator, ...] = field(default=(), repr=False)


class Guest:
    """An emulated process; started at once, ready when the first job asks."""

    def __init__(self, installation: Installation, runtime: str, isa: Isa) -> None:
        installation.site(runtime, isa)  # refused before anything is begun
        self._folder = tempfile.TemporaryDirectory(prefix="archsearch-guest.")
        out = Path(self._folder.name) / "counts"
        out.touch()
        command = installation.command(runtime, isa, out)
        self._errors = (Path(self._folder.name) / "messages").open("w+b")
        self._process = subprocess.Popen(  # noqa: S603 (an emulator that the setup proved)
            command,
            cwd=self._folder.name,
            env=installation.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self._counts = out.open()
        self._is_ready = False

    def __enter__(self) -> Guest:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    def run(self, job: Job, timeout_s: float = 600.0) -> Counted:
        """Run a model once, counted from its first instruction to its last.

        Raises:
            GuestFailed: the model cannot be loaded or run; or the process ended or gave no answer
                in time, and is of no more use (``is_alive``).
        """
        if not self._is_ready:
            self._answer(timeout_s)
            self._is_ready = True
        message = {
            "model": str(job.model.resolve()),
            "shape": list(job.shape),
            "input": str(job.input.resolve()) if job.input else None,
            "operators": job.operators,
        }
        self._send(json.dumps(message))
        answer = self._answer(timeout_s)
        if "error" in answer:
            self._counts.read()  # a region that was begun and not ended leaves nothing behind
            raise GuestFailed(f"{answer['error']}{self._last_words()}")
        regions = [self._region() for _ in range(answer["regions"])]
        return _counted(answer, regions)

    @property
    def is_alive(self) -> bool:
        """Whether another job can be given."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors, self._counts):
            if stream is not None:
                stream.close()
        self._folder.cleanup()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 (asked for above)
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise GuestFailed(self._ended()) from None

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        """Next answer, or why there is none. Nothing is buffered: one answer to one job."""
        assert self._process.stdout is not None  # noqa: S101 (asked for above)
        ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        if not ready:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()  # until then it counts as alive and would be given another job
            raise GuestFailed(f"no answer in {timeout_s:g} s; the emulated process was ended")
        line = self._process.stdout.readline()
        if not line:
            raise GuestFailed(self._ended())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> str:
        code = self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        return f"the emulated process ended {how}{self._last_words()}"

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()[-3:]
        return f" ({' | '.join(lines)})" if lines else ""

    def _region(self) -> Counts:
        """Next region that the plugin wrote; it writes before the guest answers."""
        values: list[int] = json.loads(self._counts.readline())
        return dict(zip(CLASSES, map(float, values), strict=True))


def _counted(answer: dict[str, Any], regions: list[Counts]) -> Counted:
    whole, *parts = regions
    # Being called between operators costs a guest's python some ten thousand instructions each,
    # the same for all: what operators have in sum beyond the whole run is taken off in equal parts.
    excess = {
        column: (sum(part[column] for part in parts) - whole[column]) / max(1, len(parts))
        for column in CLASSES
    }
    operators = tuple(
        Operator(
            found["kind"],
            found["name"],
            tuple(found["shape"]),
            {column: part[column] - excess[column] for column in CLASSES},
        )
        for found, part in zip(answer["operators"], parts, strict=True)
    )
    return Counted(whole, base64.b64decode(answer["output"]), operators)

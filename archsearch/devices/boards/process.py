"""Processes that cannot hang and that leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from archsearch.devices.boards.failure import BoardFailed

_MOST_BYTES = 1 << 22
"""A command that prints more than this is no command of ours."""


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status (negative: the signal that ended it) and its words."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """What it said last, for a message."""
        said = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return " | ".join(said[-3:])[-400:] or "it said nothing"


def run_process(command: Sequence[str], data: bytes | None, timeout_s: float) -> Done:
    """Run a command; end it with all its children at the timeout or when we are interrupted.

    Args:
        command: program and arguments; no shell.
        data: what it reads from stdin. None: its stdin stays open and silent until it ends, so
            that it learns from the end of its stdin that its caller has gone.
        timeout_s: how long it may take.

    Raises:
        BoardFailed: the program is not there, takes too long, or prints without end.
    """
    # Files and no pipes: a process that goes to the background holds a pipe open for ever.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with tempfile.TemporaryFile() as given:
            given.write(data or b"")
            given.seek(0)
            process = _start(command, subprocess.PIPE if data is None else given, out, errors)
        try:
            _wait(process, command[0], timeout_s, (out, errors))
        finally:
            _end(process)
        return Done(process.returncode, _text(out), _text(errors))


def _start(
    command: Sequence[str], stdin: int | IO[bytes], out: IO[bytes], errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 (an argument list, quoted where a shell reads it)
            command, stdin=stdin, stdout=out, stderr=errors, start_new_session=True
        )
    except OSError as error:
        raise BoardFailed(
            f"{command[0]}: cannot be run ({error.strerror}); install it or correct its path"
        ) from error


def _wait(
    process: subprocess.Popen[bytes], program: str, timeout_s: float, said: Sequence[IO[bytes]]
) -> None:
    deadline = time.monotonic() + timeout_s
    while not _ended(process, min(0.5, deadline - time.monotonic())):
        if sum(os.fstat(file.fileno()).st_size for file in said) > _MOST_BYTES:
            raise BoardFailed(f"{program}: prints without end", again=True)
        if time.monotonic() >= deadline:
            raise BoardFailed(f"{program}: no answer in {timeout_s:g} s", again=True)


def _ended(process: subprocess.Popen[bytes], wait_s: float) -> bool:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs. A jump host's ssh is a child of ours' child, hence the group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_BYTES).decode(errors="replace")

"""What an inference runtime is to archsearch: wheels, a session on the device, a conversion."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archsearch.errors import InputError

_TIMEOUT_S = 600


class Refused(InputError):  # noqa: N818 (an answer to a question, not a fault)
    """A runtime cannot take a net; the message says why and what to use in its place."""


@dataclass(frozen=True)
class Conversion:
    """One model to convert.

    Attributes:
        onnx: the ONNX file.
        folder: an empty folder, private to this conversion, for the result. Converters write
            scratch files beside what they make; two at once in one folder give wrong weights.
    """

    onnx: Path
    folder: Path


Convert = Callable[[Sequence[Conversion], Path], list[Path]]
"""Converts models with the tools in a folder; returns the file of each that a session loads."""


@dataclass(frozen=True)
class Runtime:
    """An inference runtime.

    Attributes:
        name: how people write it.
        version: of the runtime and of its converter, which must agree.
        guest_wheels: requirements on the device, with everything that its session imports.
        host_wheels: requirements of the converter on this machine.
        session: the file with the runtime's ``Session``, which runs on the device.
        isas: instruction sets that wheels are published for.
        convert: from ONNX to the runtime's own file.
    """

    name: str
    version: str
    guest_wheels: tuple[str, ...]
    host_wheels: tuple[str, ...]
    session: Path
    isas: tuple[str, ...]
    convert: Convert

    @property
    def title(self) -> str:
        """Name and version, as readings say it."""
        return f"{self.name} {self.version}"


def session_file(name: str) -> Path:
    """File of a session, by its runtime's name."""
    return Path(__file__).parent / "sessions" / f"{name}_session.py"


def copy_onnx(conversions: Sequence[Conversion], tools: Path) -> list[Path]:
    """Convert for a runtime that reads ONNX itself."""
    del tools
    copies = [conversion.folder / "model.onnx" for conversion in conversions]
    for conversion, copy in zip(conversions, copies, strict=True):
        shutil.copyfile(conversion.onnx, copy)
    return copies


def run_converter(command: Sequence[str], folder: Path, what: str) -> str:
    """Run a converter in ``folder`` and return what it printed.

    Raises:
        Refused: it fails; with the last lines that it printed.
    """
    try:
        done = subprocess.run(  # noqa: S603 (a fetched converter, files made by us)
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{what} gave no answer in {_TIMEOUT_S} s") from error
    if done.returncode:
        raise Refused(f"{what} cannot convert this net: {_last_words(done.stdout)}")
    return done.stdout


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it said nothing"

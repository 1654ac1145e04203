"""MNN: takes every net of this package, attention and Fourier transforms included."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from archsearch.devices.runtimes.runtime import Conversion, Runtime, run_converter, session_file

_VERSION = "3.6.1"
_AT_ONCE = 256
"""Models to one converter process: its command line has an end."""


def convert(conversions: Sequence[Conversion], tools: Path) -> list[Path]:
    """Convert in a process of its own, which the start of is paid for once for many models."""
    script = str(Path(__file__).with_name("mnn_convert.py"))
    for begin in range(0, len(conversions), _AT_ONCE):
        part = conversions[begin : begin + _AT_ONCE]
        files = [str(path.resolve()) for one in part for path in (one.onnx, one.folder)]
        command = [sys.executable, "-S", "-s", script, str(tools), *files]
        run_converter(command, part[0].folder, f"MNN {_VERSION}")
    return [conversion.folder / "model.mnn" for conversion in conversions]


MNN = Runtime(
    name="MNN",
    version=_VERSION,
    guest_wheels=(f"MNN=={_VERSION}",),
    host_wheels=(f"MNN=={_VERSION}",),
    session=session_file("mnn"),
    isas=("aarch64-fp32", "aarch64-fp16"),
    convert=convert,
)

"""ncnn: plain convolutional nets, and the one of the three that has wheels for ARMv7."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archsearch.devices.runtimes.runtime import (
    Conversion,
    Refused,
    Runtime,
    run_converter,
    session_file,
)

_VERSION = "1.0.20261020"
_CONVERTER = "20261020"


def convert(conversions: Sequence[Conversion], tools: Path) -> list[Path]:
    """Convert by pnnx, weights in single precision.

    Raises:
        Refused: pnnx fails, or left an operator in the net that ncnn does not know.
    """
    return [_convert(conversion, tools) for conversion in conversions]


def _convert(conversion: Conversion, tools: Path) -> Path:
    what = f"ncnn's converter pnnx {_CONVERTER}"
    target = conversion.folder / "model.ncnn.param"
    pnnx = str(tools / "pnnx" / "pnnx")
    (conversion.folder / "model.onnx").symlink_to(conversion.onnx.resolve())
    run_converter([pnnx, "model.onnx", "fp16=0"], conversion.folder, what)
    if not target.exists():
        raise Refused(f"{what} made no model of this net; use MNN")
    if left := sorted(_unknown(target)):
        raise Refused(f"{what} has no ncnn layer for {', '.join(left)} in this net; use MNN")
    return target


def _unknown(param: Path) -> set[str]:
    """Kinds of layers that pnnx passed through: ncnn's own names have no dot."""
    kinds = {line.split()[0] for line in param.read_text().splitlines()[2:] if line.strip()}
    return {kind for kind in kinds if "." in kind or "::" in kind}


NCNN = Runtime(
    name="ncnn",
    version=_VERSION,
    guest_wheels=(f"ncnn=={_VERSION}",),
    host_wheels=(f"pnnx=={_CONVERTER}",),
    session=session_file("ncnn"),
    isas=("aarch64-fp32", "aarch64-fp16", "armv7"),
    convert=convert,
)

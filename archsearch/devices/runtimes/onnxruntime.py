"""ONNX Runtime: reads ONNX itself; the most instructions of the three on small nets."""

from __future__ import annotations

from archsearch.devices.runtimes.runtime import Runtime, copy_onnx, session_file

_VERSION = "1.31.1"

ONNXRUNTIME = Runtime(
    name="ONNX Runtime",
    version=_VERSION,
    guest_wheels=(f"onnxruntime=={_VERSION}", "numpy==2.4.6"),
    host_wheels=(),
    session=session_file("onnxruntime"),
    isas=("aarch64-fp32",),
    convert=copy_onnx,
)

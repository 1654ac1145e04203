"""MNN on the device: stdlib and MNN alone, so that it runs under the emulator and on any board.

It asks MNN's own module for what it needs: the package beside it imports numpy, which costs two
seconds under the emulator. Without numpy that module has no tensors of the caller's (it crashes at
making one), therefore values are put into the session's own memory, whose numbers are halves where
it computes in half precision.
"""

from __future__ import annotations

import ctypes
import importlib
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any


class Session:
    """A loaded model, its inputs filled with 0.5 until ``write``."""

    def __init__(
        self, model: str, shape: Sequence[int], threads: int = 1, half: bool = False
    ) -> None:
        """Load ``model``. ``half`` computes in half precision; the core must be able to."""
        del shape
        self._format, self._bytes = ("e", 2) if half else ("f", 4)
        self._net = _engine().Interpreter(model)
        precision = "low" if half else "high"
        config = {"backend": "CPU", "numThread": threads, "precision": precision}
        self._session = self._net.createSession(config)
        self._inputs = list(self._net.getSessionInputAll(self._session).values())
        for tensor in self._inputs:
            self._fill(tensor, struct.pack(f"<{self._format}", 0.5) * _count(tensor))
        self.run = lambda: self._net.runSession(self._session)

    def write(self, values: bytes) -> None:
        """Fill the input with float32 values."""
        if len(self._inputs) != 1 or len(values) != 4 * _count(self._inputs[0]):
            raise ValueError(f"{len(values)} bytes do not fill the model's input")
        if self._bytes == 2:
            values = _converted(values, "f", "e")
        self._fill(self._inputs[0], values)

    def read(self) -> bytes:
        """Return the output as float32 values."""
        tensor = self._net.getSessionOutput(self._session)
        values: bytes = ctypes.string_at(_address(tensor), self._bytes * _count(tensor))
        return _converted(values, "e", "f") if self._bytes == 2 else values

    def _fill(self, tensor: Any, values: bytes) -> None:
        ctypes.memmove(_address(tensor), values, len(values))

    def run_operators(
        self, first: Callable[[], object], last: Callable[[], object]
    ) -> list[dict[str, Any]]:
        """Run once and call ``first`` and ``last`` around every operator.

        Returns:
            Kind, name and shape of the first output of each, in order.
        """
        found: list[dict[str, Any]] = []

        def before(tensors: Any, info: Any) -> bool:
            del tensors, info
            first()
            return True

        def after(tensors: Any, info: Any) -> bool:
            last()
            shape = list(tensors[0].getShape()) if tensors else []
            found.append({"kind": info.getType(), "name": info.getName(), "shape": shape})
            return True

        self._net.runSessionWithCallBackInfo(self._session, before, after)
        return found


def version() -> str:
    """Version of the runtime."""
    return str(_engine().version())


def _engine() -> Any:
    return sys.modules.get("_mnncengine") or importlib.import_module("_mnncengine")


def _converted(values: bytes, given: str, wanted: str) -> bytes:
    """Numbers in another of ``struct``'s formats."""
    count = len(values) // struct.calcsize(given)
    return struct.pack(f"<{count}{wanted}", *struct.unpack(f"<{count}{given}", values))


def _count(tensor: Any) -> int:
    count = 1
    for size in tensor.getShape():
        count *= int(size)
    return count


def _address(tensor: Any) -> int:
    """Address of a tensor's data, which lies as (B, C, H, W) where the model came from ONNX."""
    capsule = tensor.getHost()
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))

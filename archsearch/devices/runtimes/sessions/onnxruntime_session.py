"""ONNX Runtime on the device: stdlib, numpy and onnxruntime alone."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

Mark = Callable[[], object]

FIRST_RUN_DIFFERS = True
"""A session's first run differs by up to 1 % from those that follow: it plans its memory."""


class Session:
    """A loaded model, its inputs filled with 0.5 until ``write``."""

    def __init__(
        self, model: str, shape: Sequence[int], threads: int = 1, half: bool = False
    ) -> None:
        """Load ``model``; it computes in the precision of the model's numbers."""
        del shape, half
        self._numpy = importlib.import_module("numpy")
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(model, options, ["CPUExecutionProvider"])
        self._feed = {
            entry.name: self._numpy.full(entry.shape, 0.5, dtype=self._numpy.float32)
            for entry in self._session.get_inputs()
        }
        self._output: Any = None

    def run(self) -> None:
        """Compute the output."""
        self._output = self._session.run(None, self._feed)[0]

    def write(self, values: bytes) -> None:
        """Fill the input with float32 values."""
        (name,) = self._feed
        flat = self._numpy.frombuffer(values, dtype=self._numpy.float32)
        self._feed[name] = flat.reshape(self._feed[name].shape)

    def read(self) -> bytes:
        """Return the output as float32 values."""
        values: bytes = self._output.tobytes()
        return values

    def run_operators(self, first: Mark, last: Mark) -> NoReturn:
        """Say that ONNX Runtime runs a graph as one."""
        del first, last
        raise ValueError("ONNX Runtime cannot be counted by operator; use MNN")


def version() -> str:
    """Version of the runtime."""
    return str(_runtime().__version__)


def _runtime() -> Any:
    # Its telemetry writes files at import, where this is not said before.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return importlib.import_module("onnxruntime")

"""ncnn on the device: stdlib and ncnn alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

Mark = Callable[[], object]


class Session:
    """A loaded model, its inputs filled with 0.5 until ``write``."""

    def __init__(
        self, model: str, shape: Sequence[int], threads: int = 1, half: bool = False
    ) -> None:
        """Load ``model``, a .param file with its .bin beside it."""
        ncnn = importlib.import_module("ncnn")
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
            setattr(self._net.opt, option, half)
        weights = model[: -len("param")] + "bin"
        if self._net.load_param(model) or self._net.load_model(weights):
            raise ValueError("ncnn cannot load the model; see its messages above")
        names = self._net.input_names()
        if len(names) != 1:
            raise ValueError(f"the model has {len(names)} inputs, must be one")
        self._name = names[0]
        self._input = ncnn.Mat(*reversed(shape[1:]))
        self._input.fill(0.5)
        self._output: Any = None

    def run(self) -> None:
        """Compute the output."""
        extractor = self._net.create_extractor()
        extractor.input(self._name, self._input)
        _, self._output = extractor.extract(self._net.output_names()[0])

    def write(self, values: bytes) -> None:
        """Fill the input with float32 values; channels of ncnn's maps begin at aligned places."""
        size = 4 * self._input.w * self._input.h
        if len(values) != size * self._input.c:
            raise ValueError(f"{len(values)} bytes do not fill the model's input")
        for channel in range(self._input.c):
            values_here = values[channel * size : (channel + 1) * size]
            memoryview(self._input.channel(channel)).cast("B")[:] = values_here

    def read(self) -> bytes:
        """Return the output as float32 values."""
        return memoryview(self._output).tobytes()

    def run_operators(self, first: Mark, last: Mark) -> NoReturn:
        """Say that ncnn runs a graph as one."""
        del first, last
        raise ValueError("ncnn cannot be counted by operator; use MNN")


def version() -> str:
    """Version of the runtime."""
    return str(importlib.import_module("ncnn").__version__)

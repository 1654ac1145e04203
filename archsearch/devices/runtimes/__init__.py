"""Inference runtimes: one file a runtime and one line here.

A runtime is a table row (``runtime.Runtime``) and a file in ``sessions/``: a module with a class
``Session`` and a function ``version`` that imports the stdlib and the runtime alone, because it
runs on the device, under the emulator and on boards alike.
"""

from __future__ import annotations

from archsearch.devices.runtimes.mnn import MNN
from archsearch.devices.runtimes.ncnn import NCNN
from archsearch.devices.runtimes.onnxruntime import ONNXRUNTIME
from archsearch.devices.runtimes.runtime import Refused as Refused
from archsearch.devices.runtimes.runtime import Runtime
from archsearch.errors import InputError, nearest

RUNTIMES: dict[str, Runtime] = {"mnn": MNN, "onnxruntime": ONNXRUNTIME, "ncnn": NCNN}


def find_runtime(name: str) -> Runtime:
    """Return the runtime ``name``.

    Raises:
        InputError: there is none of this name.
    """
    if name not in RUNTIMES:
        raise InputError(f"runtime {name!r} is not known; {nearest(name, RUNTIMES)}")
    return RUNTIMES[name]

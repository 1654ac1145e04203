"""Stands in for a runtime on a board: a model is JSON that says how its runs go."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


class Session:
    """``seconds`` a run; ``then`` happens in the first run, once in all if ``once`` is set."""

    def __init__(self, model: str, shape: Any, threads: int = 1, half: bool = False) -> None:
        """Load ``model``."""
        del shape, threads, half
        os.write(1, b"a runtime says hello on stdout\n")
        self._says = json.loads(Path(model).read_text())
        self._input = b""

    def run(self) -> None:
        """Take time, or do what the model says."""
        time.sleep(self._says.get("seconds", 0.0005))
        what = self._says.pop("then", None)
        if what is None:
            return
        marker = Path(self._says["marker"])
        if marker.exists() and self._says.get("once"):
            return
        marker.write_text(str(os.getpid()))
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "hang":
            time.sleep(1000)
        if what == "import":
            raise ModuleNotFoundError("No module named 'MNN'")
        sys.exit(what)

    def write(self, values: bytes) -> None:
        """Keep the input."""
        self._input = values

    def read(self) -> bytes:
        """Give the input's first four numbers back."""
        return self._input[:16]


def version() -> str:
    """Version of the stand-in."""
    return "1.0"

"""Stands in for a runtime on a board: a model is JSON that says how its runs go."""

import json
import os
import signal
import sys
import time
from pathlib import Path


class Session:
    """``seconds`` a run; ``then`` happens in the first run, once in all where ``once`` is a path."""

    def __init__(self, model, shape, threads=1, half=False):
        """Load ``model``."""
        del shape, threads, half
        print("a runtime says hello on stdout")
        self._says = json.loads(Path(model).read_text())
        self._input = b""

    def run(self):
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

    def write(self, values):
        """Keep the input."""
        self._input = values

    def read(self):
        """Give the input's first four numbers back."""
        return self._input[:16]


def version():
    """Version of the stand-in."""
    return "1.0"

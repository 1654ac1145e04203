"""Commands as processes of their own that need not import torch first: a run that is killed twenty
times starts in milliseconds instead of seconds."""

from __future__ import annotations

import os
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["archsearch.cli.run", "archsearch.results", "archsearch.runs"])


def start(arguments: list[str], output: Path) -> BaseProcess:
    """Start ``archsearch ARGUMENTS`` as the leader of a process group, its output in a file."""
    process = _CONTEXT.Process(target=_work, args=(arguments, str(output)))
    process.start()
    return process


def wait_for_output(process: BaseProcess, output: Path) -> None:
    """Wait until a command has said something or has ended."""
    while process.is_alive() and not (output.exists() and output.stat().st_size):
        time.sleep(0.002)


def _work(arguments: list[str], output: str) -> None:
    os.setsid()
    file = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    from archsearch.cli import app

    app(arguments)

"""Runs inside the emulated process: jobs come in on stdin, answers go out, one JSON line each.

Its stdlib is the guest's and it may import nothing of archsearch. The counting plugin sees the two
marks and writes a line of counts for each region between them.
"""

from __future__ import annotations

import base64
import ctypes
import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

FIRST_MARK, LAST_MARK = 0x7E570001, 0x7E570002


def main() -> None:
    """Serve until stdin ends: ``serve.py SESSION_FILE SITE HALF``."""
    session_file, site, half = sys.argv[1:]
    # Runtimes print to stdout as they please; answers keep a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path[:0] = [site, str(Path(session_file).parent)]
    sessions = importlib.import_module(Path(session_file).stem)
    sessions.version()
    gc.disable()  # a collection between the marks would be counted
    _say(answers, {"ready": True})
    for line in sys.stdin:
        # A process of its own for each job: what a job leaves behind in memory (allocators, caches)
        # would change the next one's counts, by up to 1e-3. It begins with what is translated here.
        child = os.fork()
        if not child:
            _say(answers, _answer(sessions, line, half == "half"))
            os._exit(0)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            _say(answers, {"error": f"its process ended with {code}"})


def _answer(sessions: Any, line: str, half: bool) -> dict[str, Any]:
    try:
        return serve(sessions, json.loads(line), half)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


def serve(sessions: Any, job: dict[str, Any], half: bool) -> dict[str, Any]:
    """Load a model and run it between the marks, then by operator where asked."""
    session = sessions.Session(job["model"], job["shape"], half=half)
    if job["input"]:
        session.write(Path(job["input"]).read_bytes())
    if getattr(sessions, "FIRST_RUN_DIFFERS", False):
        session.run()
    getpriority = ctypes.CDLL(None).getpriority
    getpriority(0, 0)  # the first call binds it, which is no part of the net
    getpriority(0, FIRST_MARK)
    session.run()
    getpriority(0, LAST_MARK)
    output = base64.b64encode(session.read()).decode()
    operators = []
    if job["operators"]:
        operators = session.run_operators(
            lambda: getpriority(0, FIRST_MARK), lambda: getpriority(0, LAST_MARK)
        )
    return {"output": output, "operators": operators, "regions": 1 + len(operators)}


if __name__ == "__main__":
    main()

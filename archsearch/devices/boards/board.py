"""A board at work: what it lacks is sent, a net is timed, what goes wrong is tried again.

Every step can be repeated without harm. All waiting is bounded.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from archsearch.devices.boards.answer import Timing, answer_in, timing_in
from archsearch.devices.boards.bundle import Bundle
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.link import Link
from archsearch.devices.boards.process import Done
from archsearch.devices.boards.settings import BoardSettings
from archsearch.devices.deploy import Deployed
from archsearch.devices.runtimes import find_runtime
from archsearch.devices.runtimes.runtime import Runtime

WARMUPS, WARMUP_S = 5, 0.5
RUNS, SECONDS = 30, 2.0
"""The protocol: at least so many, and at least so long."""

PAUSES_S = (1.0, 5.0)
"""Before what failed is tried again, and once more."""
ROUNDS = 3
"""How often a net is timed until the board was steady; between them it gets time to cool."""

_ONBOARD = Path(__file__).with_name("onboard")
_CONNECT_S, _SEND_S, _BUSY_S, _LOAD_S = 60.0, 300.0, 60.0, 120
_KILLED = (-9, 137)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class Board:
    """A board that times nets.

    Args:
        name: by which messages and readings call it.
        settings: its file.
        link: how it is reached.
        runtime: what runs the nets; by default the one that the settings name.
        sleep: waits; tests put a clock of their own in its place.
    """

    def __init__(
        self,
        name: str,
        settings: BoardSettings,
        link: Link,
        *,
        runtime: Runtime | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.settings = settings
        self.runtime = runtime or find_runtime(settings.runtime)
        self._link = link
        self._sleep = sleep
        self._scripts = _scripts(self.runtime)
        self._best_reference_ms: dict[str, float] = {}

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def time(self, net: Deployed, reference: Deployed) -> Timing:
        """Time a net, with runs of ``reference`` between its own, until the board was steady.

        Raises:
            BoardFailed: the board cannot be used, or was not steady however often it was asked.
            Refused: the board's runtime computes something else than torch.
        """
        reasons = []
        for turn in range(ROUNDS):
            if turn:
                self._sleep(self.settings.cool_s)
            timing = self.time_once(net, reference)
            reason = self._unsteady(timing, str(reference.model))
            if reason is None:
                return timing
            reasons.append(reason)
        raise BoardFailed(
            f"{self.name}: not steady in {ROUNDS} attempts with {self.settings.cool_s:g} s of "
            f"cooling between them: {'; '.join(reasons)}; look for other load, a better cooler "
            "or a lower fixed clock, or raise 'drift_at_most'"
        )

    def time_once(self, net: Deployed, reference: Deployed) -> Timing:
        """Time a net, steady or not; what fails for a moment is tried again.

        Raises:
            BoardFailed: the board cannot be used.
            Refused: the board's runtime computes something else than torch.
        """
        bundles = [self._scripts, _bundle_of(net), _bundle_of(reference)]
        job = json.dumps(self._job(net, reference, bundles))
        for pause_s in (*PAUSES_S, None):
            try:
                timing = self._attempt(bundles, job)
                break
            except BoardFailed as failed:
                if pause_s is None or not failed.again:
                    tries = f" (tried {len(PAUSES_S) + 1} times)" if failed.again else ""
                    raise BoardFailed(f"{self.name}: {failed}{tries}") from failed
                self._sleep(pause_s)
        net.check(_decoded(timing.output), half=self.settings.half)
        return timing

    def _unsteady(self, timing: Timing, reference: str) -> str | None:
        if timing.throttled is not None:
            return timing.throttled + _temperature(timing)
        most = self.settings.drift_at_most
        for what, drift in (("net", timing.drift), ("reference net", timing.reference.drift)):
            if abs(drift) > most:
                return f"the {what} drifted by {drift:+.1%}"
        now = timing.reference.median_ms
        best = self._best_reference_ms.setdefault(reference, now)
        self._best_reference_ms[reference] = min(best, now)
        slower = now / best - 1
        return f"the reference net is {slower:.1%} slower than before" if slower > most else None

    def _attempt(self, bundles: Sequence[Bundle], job: str) -> Timing:
        self._send(bundles)
        program = str(self._place(self._scripts))
        limit_s = _CONNECT_S + _BUSY_S + _LOAD_S + self.settings.limit_s
        return timing_in(self._ask([program, job], None, limit_s))

    def _job(self, net: Deployed, reference: Deployed, bundles: Sequence[Bundle]) -> dict[str, Any]:
        settings = self.settings
        _, net_at, reference_at = map(self._place, bundles)
        return {
            "session": self.runtime.session.stem,
            "model": str(net_at / net.model.name),
            "shape": net.shape,
            "input": str(net_at / _INPUT),
            "reference": str(reference_at / reference.model.name),
            "reference_shape": reference.shape,
            "threads": settings.threads,
            "half": settings.half,
            "cores": settings.cores and list(settings.cores),
            "warmups": WARMUPS,
            "warmup_s": WARMUP_S,
            "runs": RUNS,
            "seconds": SECONDS,
            "limit_s": settings.limit_s,
            "load_s": _LOAD_S,
            "lock": f"{settings.folder}/lock",
            "wait_s": _BUSY_S,
        }

    def _place(self, bundle: Bundle) -> PurePosixPath:
        return PurePosixPath(self.settings.folder) / bundle.digest

    def _send(self, bundles: Sequence[Bundle]) -> None:
        """Send the bundles that are not there."""
        by_digest = {bundle.digest: bundle for bundle in bundles}
        digests = list(by_digest)
        look = ["look", self.settings.folder, str(self.settings.keep_mb << 20), *digests]
        missing = self._ask(["-c", _RECEIVE, *look], None, _CONNECT_S).get("missing", [])
        for digest, bundle in by_digest.items():
            if digest in missing:
                put = ["put", self.settings.folder, digest, *digests]
                self._ask(["-c", _RECEIVE, *put], bundle.archive, _CONNECT_S + _SEND_S)

    def _ask(self, arguments: Sequence[str], data: bytes | None, limit_s: float) -> dict[str, Any]:
        command = [self.settings.python, "-B", *arguments]
        done = self._link.run(command, data, limit_s)
        answer = answer_in(done.stdout)
        if answer is None:
            raise self._no_answer(done)
        if "error" in answer:
            raise self._refusal(answer["error"])
        return answer

    def _no_answer(self, done: Done) -> BoardFailed:
        python = self.settings.python
        if done.code in (_NOT_FOUND, _NOT_EXECUTABLE):
            return BoardFailed(
                f"there is no python at {python} that can be run ({done.last_words}); give the "
                "absolute path of one as 'python'"
            )
        if done.code in _KILLED:
            return BoardFailed(f"{python} was killed there (out of memory?)", again=True)
        how = f"ended with {done.code}" if done.code else "gave no answer"
        return BoardFailed(f"{python} {how}: {done.last_words}", again=True)

    def _refusal(self, error: Any) -> BoardFailed:
        kind, text = (str(dict(error).get(key, "")) for key in ("type", "text"))
        if kind in ("ModuleNotFoundError", "ImportError"):
            wheels = " ".join(self.runtime.guest_wheels)
            return BoardFailed(
                f"{self.settings.python} cannot import {self.runtime.name} there ({text}); install "
                f"it: {self.settings.python} -m pip install {wheels}"
            )
        if "No space left" in text or "quota" in text.lower():
            return BoardFailed(
                f"the disk of its folder {self.settings.folder} is full, also without our old "
                "nets; free some space there or choose another folder"
            )
        if kind == "TooSlow":
            return BoardFailed(f"{text}; raise 'limit_s' ({self.settings.limit_s:g} s)")
        return BoardFailed(f"{kind}: {text}", again=kind in ("Busy", "EOFError", "ReadError"))


_INPUT = "input.f32"
_RECEIVE = (_ONBOARD / "receive.py").read_text(encoding="utf-8")


def _scripts(runtime: Runtime) -> Bundle:
    """What runs on the board, with the session of the runtime."""
    files = {f"onboard/{path.name}": path.read_bytes() for path in _ONBOARD.glob("*.py")}
    files["__main__.py"] = b"from onboard.timing import main\n\nmain()\n"
    files[runtime.session.name] = runtime.session.read_bytes()
    return Bundle(files)


def _bundle_of(net: Deployed) -> Bundle:
    """A model with its input; files beside the model that share its stem belong to it."""
    beside = net.model.parent.glob(f"{net.model.stem}.*")
    files = {path.name: path.read_bytes() for path in beside if path.is_file()}
    return Bundle({**files, _INPUT: net.input.read_bytes()})


def _decoded(output: str | None) -> bytes:
    try:
        return base64.b64decode(output or "", validate=True)
    except ValueError:
        return b""


def _temperature(timing: Timing) -> str:
    celsius = timing.after.celsius
    return "" if celsius is None else f" at {celsius:.0f} °C"

"""A board or phone behind the Android Debug Bridge: the ``adb`` program by subprocess."""

from __future__ import annotations

import hashlib
import re
import shlex
import tempfile
from collections.abc import Sequence

from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.process import Done, run_process
from archsearch.devices.boards.settings import AdbSettings

_FAILURES: tuple[tuple[str, str, bool], ...] = (
    ("unauthorized", "it has not allowed this computer; accept the question on its screen", False),
    ("more than one device", "several devices are attached; say which with 'serial'", False),
    ("No space left on device", "its folder is full; free some space there", False),
    (
        "device '?.*'? ?not found|no devices|offline|device still (connecting|authorizing)",
        "adb does not find it; plug it in, switch USB debugging on and look at 'adb devices'",
        True,
    ),
    ("protocol fault|connection reset|closed|cannot connect to daemon", "adb lost it", True),
)


class AdbLink:
    """Runs programs on the device by ``adb shell``; data goes there by ``adb push``."""

    def __init__(self, settings: AdbSettings) -> None:
        self._folder = settings.folder
        self._adb = ["adb", *(["-s", settings.serial] if settings.serial else [])]

    def run(self, arguments: Sequence[str], data: bytes | None, timeout_s: float) -> Done:
        """Run a program; see ``Link``."""
        command = shlex.join(arguments)
        if data is None:
            return self._call(["shell", command], timeout_s)
        # What adb passes on as stdin depends on its version; a pushed file does not.
        target = f"{self._folder}.{hashlib.sha256(data).hexdigest()[:16]}.part"
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            self._call(["push", file.name, target], timeout_s)
        place = shlex.quote(target)
        full = f"{command} < {place}; status=$?; rm -f {place}; exit $status"
        return self._call(["shell", full], timeout_s)

    def close(self) -> None:
        """Nothing is open; adb's own server stays, as adb means it to."""

    def _call(self, arguments: Sequence[str], timeout_s: float) -> Done:
        done = run_process([*self._adb, *arguments], None, timeout_s)
        own = re.search(r"^(adb: |error: )", done.stderr, re.MULTILINE)
        if done.code and (own or arguments[0] == "push"):
            raise _failed(done)
        return done


def _failed(done: Done) -> BoardFailed:
    for pattern, reason, again in _FAILURES:
        if re.search(pattern, done.stderr):
            return BoardFailed(f"{reason} (adb: {done.last_words})", again=again)
    return BoardFailed(f"adb: {done.last_words}", again=True)

"""A board behind OpenSSH: the user's own config, agent, keys and jump hosts, by subprocess.

Never asks and stores no password; a host key that is not known ends the attempt.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.process import Done, run_process
from archsearch.devices.boards.settings import SshSettings

_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "15",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ControlMaster": "auto",
    "ControlPersist": "60",
    "ClearAllForwardings": "yes",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "LogLevel": "INFO",
}
_SSH_FAILED = 255
"""Exit status of ssh where it failed itself, and where a signal ended the remote command."""
_FAILURES: tuple[tuple[str, str, bool], ...] = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one in known_hosts; if the board was set up anew, remove the old "
        "key (ssh-keygen -R), then log in once by hand ({login}) and compare the fingerprint",
        False,
    ),
    (
        "Host key verification failed|No .* host key is known",
        "its host key is not known; log in once by hand ({login}), compare the fingerprint and "
        "accept it",
        False,
    ),
    (
        "Permission denied|Too many authentication failures",
        "it refuses our keys; give it one with ssh-copy-id, or load it into your ssh-agent "
        "(passwords are never used); {login} must work without a question",
        False,
    ),
    (
        "Could not resolve hostname",
        "this name is not known here; correct 'host' or add it to your ssh config",
        False,
    ),
    ("Bad configuration option|Can't open user config", "the ssh config is broken", False),
    (
        "Connection refused|timed out|No route to host|unreachable",
        "it cannot be reached; is it switched on, and does sshd run on this port?",
        True,
    ),
    (
        "Connection .*closed|Connection reset|Broken pipe|disconnect|not responding|kex_exchange",
        "the connection was lost",
        True,
    ),
)


class SshLink:
    """Runs programs on the board by ``ssh``, over one connection that is kept for a while."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        # A socket's path must be short; the folder is ours alone.
        self._sockets = Path(tempfile.mkdtemp(prefix="archsearch-ssh-"))
        self._close = weakref.finalize(self, _close, self._command(), self._sockets)

    def run(self, arguments: Sequence[str], data: bytes | None, timeout_s: float) -> Done:
        """Run a program; see ``Link``. The remote login shell splits what we have quoted."""
        done = run_process([*self._command(), shlex.join(arguments)], data, timeout_s)
        if done.code == _SSH_FAILED:
            raise self._failed(done)
        return done

    def close(self) -> None:
        """End the kept connection."""
        self._close()

    def _command(self) -> list[str]:
        settings = self._settings
        options = {**_OPTIONS, "ControlPath": f"{self._sockets}/%C"}
        command = ["ssh", "-x"]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        return [*command, *_address(settings)]

    def _failed(self, done: Done) -> BoardFailed:
        login = shlex.join(["ssh", *_address(self._settings)])
        for pattern, reason, again in _FAILURES:
            if re.search(pattern, done.stderr):
                text = reason.format(login=login)
                return BoardFailed(f"{text} (ssh: {_own_words(done)})", again=again)
        return BoardFailed(f"the program there was killed, or ssh: {done.last_words}", again=True)


def _address(settings: SshSettings) -> list[str]:
    """Arguments that say whom to reach; the user's config has the rest."""
    given: list[str] = []
    if settings.ssh_config is not None:
        given += ["-F", str(settings.ssh_config)]
    if settings.user is not None:
        given += ["-l", settings.user]
    if settings.port is not None:
        given += ["-p", str(settings.port)]
    return [*given, "--", settings.host]


def _own_words(done: Done) -> str:
    """Last line of ssh that is not part of a banner drawn with @."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip("@ \t\r")]
    return lines[-1][:200]


def _close(command: Sequence[str], sockets: Path) -> None:
    """End the background connection if it still runs; it would end by itself after a minute."""
    try:
        if any(sockets.iterdir()):
            subprocess.run(  # noqa: S603 (an argument list)
                [command[0], "-O", "exit", *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired):
        pass
    finally:
        shutil.rmtree(sockets, ignore_errors=True)

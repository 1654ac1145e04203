"""An OpenSSH server on 127.0.0.1 that stands in for a board's."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def sshd_program() -> str:
    """Path of sshd; skips the test where there is none."""
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server here (apt-get install openssh-server)")
    return found


class LoopbackSshd:
    """A server of this user's own: key only, known host key, everything in one folder."""

    def __init__(self, folder: Path) -> None:
        self._program = sshd_program()
        self.folder = folder
        folder.mkdir(mode=0o700)
        for key in ("host_key", "other_host_key", "user_key"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(make, check=True)
        self.port = _free_port()
        (folder / "authorized_keys").write_text((folder / "user_key.pub").read_text())
        self.know("host_key")
        self.ssh_config = folder / "ssh_config"
        self.ssh_config.write_text(
            f"Host board\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {folder}/user_key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        )
        self._server = self._start()

    def know(self, key: str | None) -> None:
        """Let this host key be the one that the client knows, or none."""
        known = "" if key is None else (self.folder / f"{key}.pub").read_text()
        line = f"[127.0.0.1]:{self.port} {known}" if known else ""
        (self.folder / "known_hosts").write_text(line)

    def _start(self) -> subprocess.Popen[bytes]:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nPidFile none\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\n"
            "PermitRootLogin prohibit-password\nPrintMotd no\nPrintLastLog no\n"
        )
        log = self.folder / "log"
        server = subprocess.Popen([self._program, "-D", "-f", str(config), "-E", str(log)])
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return server
            if server.poll() is not None:
                pytest.skip(f"sshd does not start here: {log.read_text().strip()[-200:]}")
            time.sleep(0.05)
        raise AssertionError("sshd does not listen")

    def cut(self) -> None:
        """Kill the processes of every session, as a network that is gone would."""
        for child in children_of(self._server.pid):
            os.kill(child, signal.SIGKILL)

    def stop(self) -> None:
        """End the server and its sessions."""
        sessions = children_of(self._server.pid)
        self._server.terminate()
        self._server.wait(10)
        for child in sessions:
            if is_alive(child):
                os.kill(child, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    """Processes under a process, at any depth, that are sshd's own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = entry.read_text().split(") ", 1)
        except OSError:
            continue
        child, _, called = name.partition(" (")
        if int(rest.split()[1]) == pid and called.startswith("sshd"):
            found += [*children_of(int(child)), int(child)]
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] not in "ZX"
    except OSError:
        return False


def wait_until(
    condition: Callable[[], bool],
    seconds: float = 15.0,
    process: subprocess.Popen[bytes] | None = None,
) -> bool:
    """Wait until a condition holds; False where it never does, or once ``process`` has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

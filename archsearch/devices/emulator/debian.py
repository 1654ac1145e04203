"""Debian packages of any architecture, fetched by apt and unpacked without root rights.

apt serves as a downloader only: it has its own lists, state and cache in a temporary folder and
never touches the machine's. It checks the signatures of what it fetches.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from archsearch.devices.emulator.folder import Say
from archsearch.errors import InputError

SUITE = "bookworm"
"""Its qemu-user 7.2 is the newest in Debian that takes plugins; its python is 3.11."""
_MIRROR = "http://deb.debian.org/debian"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCE = re.compile(r"^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+/debian)/?(?:\s|$)", re.MULTILINE)
_TIMEOUT_S = 600


def mirror(etc: Path = Path("/etc/apt")) -> str:
    """Debian's mirror that this machine's own apt uses, else Debian's own."""
    for path in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))):
        if path.is_file() and (found := _SOURCE.search(path.read_text(errors="replace"))):
            return found.group(1)
    return _MIRROR


class Debian:
    """A private apt for some architectures, made at its first use and gone at the end."""

    def __init__(self, machines: Sequence[str], say: Say) -> None:
        self._machines = tuple(machines)
        self._say = say
        self._home: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Debian:
        """Begin; nothing is fetched yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Remove apt's lists and cache."""
        if self._home is not None:
            self._home.cleanup()

    def unpack(self, packages: Sequence[str], machine: str, folder: Path) -> Mapping[str, str]:
        """Fetch packages of an architecture, unpack them into ``folder``.

        Returns:
            File name of each package, which holds its version, to its SHA-256.

        Raises:
            InputError: apt or dpkg is missing or fails; says what to do.
        """
        if self._home is None:
            self._home = self._update()
        with tempfile.TemporaryDirectory(prefix="archsearch-debs.") as downloads:
            names = [f"{package}:{machine}" for package in packages]
            self._apt("download", *names, cwd=Path(downloads))
            found = sorted(Path(downloads).glob("*.deb"))
            for package in found:
                _run(["dpkg-deb", "-x", str(package), str(folder)], Path(downloads))
            return {file.name: sha256(file) for file in found}

    def _update(self) -> tempfile.TemporaryDirectory[str]:
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise InputError(
                    f"{tool} is not on this machine: the emulator's files are Debian packages; "
                    "run the setup on Debian or Ubuntu (a container will do) and copy the folder"
                )
        if not _KEYRING.exists():
            raise InputError(
                f"{_KEYRING} is missing, packages could not be checked; "
                "run 'apt-get install debian-archive-keyring'"
            )
        home = tempfile.TemporaryDirectory(prefix="archsearch-apt.")
        self._home = home
        for folder in ("lists/partial", "cache/archives/partial"):
            (Path(home.name) / folder).mkdir(parents=True)
        (Path(home.name) / "status").touch()
        options = f"arch={','.join(self._machines)} signed-by={_KEYRING}"
        source = f"deb [{options}] {mirror()} {SUITE} main\n"
        (Path(home.name) / "sources.list").write_text(source)
        self._say(f"reading Debian's package lists ({SUITE}: {', '.join(self._machines)})")
        self._apt("update", cwd=Path(home.name))
        return home

    def _apt(self, *arguments: str, cwd: Path) -> None:
        assert self._home is not None  # noqa: S101 (made by the caller)
        home = self._home.name
        options = {
            "APT::Architecture": self._machines[0],
            "Dir::State": home,
            "Dir::State::Lists": f"{home}/lists",
            "Dir::State::status": f"{home}/status",
            "Dir::Cache": f"{home}/cache",
            "Dir::Etc::sourcelist": f"{home}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "APT::Update::Error-Mode": "any",
        }
        flags = [f"-o{key}={value}" for key, value in options.items()]
        flags += [f"-oAPT::Architectures::={machine}" for machine in self._machines]
        _run(["apt-get", "-qq", *flags, *arguments], cwd)


def own_machine() -> str:
    """Debian's name of this machine's architecture."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}
    return names.get(os.uname().machine, os.uname().machine)


def sha256(file: Path) -> str:
    """Digest of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _run(command: Sequence[str], cwd: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 (arguments are this package's constants)
            command, cwd=cwd, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]}: no answer in {_TIMEOUT_S} s; try again later") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InputError(
            f"{command[0]} failed: {' '.join(last)}; is the network there, and does "
            "'apt-get update' work on this machine?"
        )

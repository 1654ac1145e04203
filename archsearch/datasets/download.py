"""Published files: fetched once, checked, and unpacked into the cache folder."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archsearch.errors import InputError

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Remote:
    """A file that its publisher offers, and the SHA-256 that it must have."""

    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Last part of the URL."""
        return self.url.rsplit("/", 1)[-1]

    def by_hand(self, folder: Path) -> str:
        """Say how a user without a network gets the file to where we look for it."""
        return f"put {self.url} (sha256 {self.sha256}) into {folder} by hand"


def cache_folder() -> Path:
    """Where downloads are kept: ``$ARCHSEARCH_DATA``, else ``~/.cache/archsearch``."""
    given = os.environ.get("ARCHSEARCH_DATA")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "archsearch"


def obtain(remote: Remote, folder: Path, *, download: bool) -> Path:
    """Path of the checked file in ``folder``, fetched first if it is missing and may be.

    Raises:
        InputError: the file is missing and ``download`` is off, the network fails, or the
            checksum is wrong; says how to get the file by hand.
    """
    target = folder / remote.file_name
    if target.exists():
        _check(target, remote, f"delete it or {remote.by_hand(folder)}")
    elif download:
        _fetch(remote, target)
    else:
        raise InputError(
            f"{target}: no such file; set 'download: true' or {remote.by_hand(folder)}"
        )
    return target


def _fetch(remote: Remote, target: Path) -> None:
    """Download to a temporary file beside ``target`` and rename it once it is checked.

    So a killed or wrong download leaves nothing behind, and workers that fetch at once each end
    with the whole file.
    """
    _LOG.info("downloading %s to %s", remote.url, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=target.name + ".", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _copy(remote, target.parent, file)
        _check(part, remote, f"{remote.url} has changed or was cut short; try again later")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _copy(remote: Remote, folder: Path, file: BinaryIO) -> None:
    try:
        # The URLs are constants of this package, http or https.
        with urllib.request.urlopen(remote.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise InputError(
            f"{remote.url}: cannot be downloaded ({error}); {remote.by_hand(folder)}"
        ) from error


def _check(path: Path, remote: Remote, remedy: str) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != remote.sha256:
        raise InputError(
            f"{path.parent / remote.file_name}: sha256 is {found}, must be {remote.sha256}; "
            f"{remedy}"
        )


def unpack(archive: Path, folder: Path, members: Sequence[str]) -> Path:
    """Extract ``members``, regular files of a tar archive, into ``folder`` and return it.

    Members keep their last name only, appear whole or not at all, and pass tarfile's "data"
    filter. What was not asked for is never written.

    Raises:
        InputError: the archive is broken or lacks a member.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unpacking.", dir=folder) as scratch:
        try:
            with tarfile.open(archive) as tar:
                for name in members:
                    _extract(tar, name, Path(scratch)).replace(folder / Path(name).name)
        except (tarfile.TarError, EOFError, OSError, KeyError, zlib.error) as error:
            raise InputError(f"{archive}: cannot be unpacked ({error}); fetch it again") from error
    return folder


def _extract(tar: tarfile.TarFile, name: str, folder: Path) -> Path:
    member = tar.getmember(name)
    if not member.isreg():
        raise tarfile.TarError(f"{name} is not a regular file")
    member.name = Path(name).name
    tar.extract(member, folder, filter="data")
    return folder / member.name

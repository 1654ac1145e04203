"""Keeps bundles in the board's folder: says which are missing, takes one in, removes old ones.

``receive.py look FOLDER KEEP_BYTES DIGEST...``, and ``receive.py put FOLDER DIGEST KEPT...`` with
the bundle, a tar archive whose SHA-256 is the digest, on stdin. One JSON line out. Only folders
that it named itself are ever removed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

PROTOCOL = 1
_OURS = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[0-9a-f]{64}\.part\d+")
_STALE_S = 3600


def main() -> None:
    """Do one command and print the answer."""
    try:
        answer = (look if sys.argv[1] == "look" else put)(*sys.argv[2:])
    except Exception as error:
        number = getattr(error, "errno", None)
        answer = {"error": {"type": type(error).__name__, "text": str(error), "errno": number}}
    print(json.dumps({"protocol": PROTOCOL, **answer}), flush=True)  # noqa: T201


def look(folder: str, keep_bytes: str, *digests: str) -> dict[str, Any]:
    """Say which bundles are missing; mark the others as used, remove the longest unused."""
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        # What lies in it will be run: it must not be anybody's to fill.
        raise PermissionError(f"{folder} belongs to another user; give a folder of your own")
    missing = [digest for digest in digests if not (place / digest).is_dir()]
    for digest in set(digests) - set(missing):
        os.utime(str(place / digest))
    _drop_parts(place)
    room = int(keep_bytes)
    for bundle in sorted(_bundles(place), key=lambda path: -path.stat().st_mtime):
        room -= sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file())
        if room < 0 and bundle.name not in digests:
            shutil.rmtree(str(bundle), ignore_errors=True)
    return {"missing": missing}


def put(folder: str, digest: str, *kept: str) -> dict[str, Any]:
    """Take a bundle in, whole or not at all; a full disk costs the bundles that are not kept."""
    data = sys.stdin.buffer.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise EOFError(f"only {len(data)} bytes came, or wrong ones")
    try:
        _unpack(Path(folder), digest, data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        for bundle in _bundles(Path(folder)):
            if bundle.name not in kept:
                shutil.rmtree(str(bundle), ignore_errors=True)
        _unpack(Path(folder), digest, data)
    return {}


def _unpack(folder: Path, digest: str, data: bytes) -> None:
    part = folder / f"{digest}.part{os.getpid()}"
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                file = tar.extractfile(member)
                target = part / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read() if file else b"")
        if not (folder / digest).is_dir():
            part.rename(folder / digest)
    finally:
        shutil.rmtree(str(part), ignore_errors=True)


def _bundles(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _OURS.fullmatch(path.name) and path.is_dir()]


def _drop_parts(folder: Path) -> None:
    """Remove what was being unpacked when a board lost its power."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > _STALE_S:
            shutil.rmtree(str(path), ignore_errors=True)


if __name__ == "__main__":
    main()

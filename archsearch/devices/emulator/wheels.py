"""Python wheels for the guest and for the converters: fetched by pip, unzipped, not installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from archsearch.devices.emulator.debian import sha256
from archsearch.errors import InputError

GUEST_PYTHON = "311"
"""Debian bookworm's, which the guest runs."""
_TIMEOUT_S = 900


def guest_flags(platforms: Sequence[str]) -> list[str]:
    """Flags of pip that ask for wheels of the guest's python on one of ``platforms``."""
    flags = ["--python-version", GUEST_PYTHON, "--implementation", "cp"]
    for abi in (f"cp{GUEST_PYTHON}", "abi3", "none"):
        flags += ["--abi", abi]
    for platform in platforms:
        flags += ["--platform", platform]
    return flags


def unpack(requirements: Sequence[str], folder: Path, flags: Sequence[str]) -> Mapping[str, str]:
    """Fetch wheels and unzip them into ``folder``.

    Returns:
        File name of each wheel to its SHA-256.

    Raises:
        InputError: pip is missing or fails; says what to do.
    """
    if importlib.util.find_spec("pip") is None:
        raise InputError(
            f"{sys.executable} has no pip to fetch wheels with; run '{sys.executable} -m ensurepip'"
        )
    with tempfile.TemporaryDirectory(prefix="archsearch-wheels.") as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", downloads]
        _run([*command, *flags, *requirements], requirements)
        found = sorted(Path(downloads).glob("*.whl"))
        for wheel in found:
            _unzip(wheel, folder)
        return {wheel.name: sha256(wheel) for wheel in found}


def _unzip(wheel: Path, folder: Path) -> None:
    """Unpack a wheel; unlike zipfile alone, keep what may be executed so."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            unpacked = Path(archive.extract(member, folder))
            if mode := member.external_attr >> 16 & 0o777:
                unpacked.chmod(mode | 0o600)


def _run(command: Sequence[str], requirements: Sequence[str]) -> None:
    wanted = ", ".join(requirements)
    try:
        done = subprocess.run(  # noqa: S603 (arguments are this package's constants)
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"pip: no {wanted} in {_TIMEOUT_S} s; try again later") from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stderr]
        raise InputError(
            f"pip cannot fetch {wanted}: {errors[-1].strip()}; is the package index reachable "
            f"from here ('{sys.executable} -m pip download {requirements[0]}')?"
        )

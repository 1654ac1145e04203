"""On what a run was made: code, versions, machine and images."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("archsearch", "torch", "numpy", "optuna", "ray", "pandas", "moocore", "sqlalchemy")


def environment(images_fingerprint: str, threads: int, device: str | None) -> dict[str, Any]:
    """Describe this machine, this installation and the device as plain data."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": threads,
        "versions": {name: _version(name) for name in _PACKAGES},
        "images": images_fingerprint,
        "device": device,
    }


def _commit() -> str | None:
    """Commit of the code, with "+changed" if the tree differs; None outside a repository."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        return f"{commit}+changed" if _git(folder, "status", "--porcelain", ".") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 (fixed arguments)
        ["git", *arguments],  # noqa: S607 (the user's git)
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=5,
    )
    return done.stdout.strip()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

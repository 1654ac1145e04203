"""Randomness: every generator descends from a study's seed and the place where it is used."""

from __future__ import annotations

import hashlib


def derive(seed: int, *place: str | int) -> int:
    """Return a 32-bit seed that depends on ``seed`` and on every part of ``place``.

    Derived by SHA-256, so that neighbouring trials share nothing and the value is the same on
    every platform and Python version.
    """
    text = "/".join(str(part) for part in (seed, *place))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

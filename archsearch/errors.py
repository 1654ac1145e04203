"""The errors that a user can cause, and that the command line turns into exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave does not hold.

    The message says what was given, what would be valid, and what to do. The command line prints
    it without a traceback and exits with code 2.
    """


def nearest(given: str, valid: Iterable[str]) -> str:
    """Say which valid name is closest to ``given``, or list them all when none is close."""
    names = sorted(valid)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"valid: {', '.join(names)}"

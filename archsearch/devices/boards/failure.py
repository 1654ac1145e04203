"""Why a board gave no number."""

from __future__ import annotations

from archsearch.errors import InputError


class BoardFailed(InputError):  # noqa: N818 (an outcome, as Refused is)
    """A board could not be reached, or could not time a net; says why and what to do.

    Attributes:
        again: whether the same may succeed when it is tried again.
    """

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again

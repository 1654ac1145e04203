"""What is open until the end of the ``with`` that it stands in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

Self = TypeVar("Self")


class Closing(ABC):
    """Closes itself at the end of a ``with``, whatever happened in it."""

    @abstractmethod
    def close(self) -> None:
        """Give back all that was taken; a second time does nothing."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

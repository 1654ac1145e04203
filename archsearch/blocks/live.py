"""Elements that live in memory while operators run one after another."""

from __future__ import annotations


class LiveSet:
    """Elements alive now, and the most that ever were; the model stands at ``Layer.live``.

    An operator that writes over its input, or whose output is a view of it, changes nothing here.
    """

    __slots__ = ("most", "now")

    def __init__(self, elements: int) -> None:
        self.now = self.most = elements

    def write(self, elements: int) -> None:
        """An operator writes a new tensor; all that it reads stays alive."""
        self.now = now = self.now + elements
        if now > self.most:
            self.most = now

    def free(self, elements: int) -> None:
        """These elements had their last reader."""
        self.now -= elements

    def replace(self, read: int, written: int) -> None:
        """An operator writes a new tensor and is the last reader of another."""
        now = self.now + written
        if now > self.most:
            self.most = now
        self.now = now - read


def follow_squeeze(live: LiveSet, channels: int, squeezed: int) -> None:
    """Follow a squeeze-and-excitation, which writes over its input."""
    live.write(channels)
    live.replace(channels, squeezed)
    live.replace(squeezed, channels)
    live.free(channels)

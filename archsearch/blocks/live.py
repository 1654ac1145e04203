"""Elements that live in memory while operators run one after another."""

from __future__ import annotations


class LiveSet:
    """Elements alive now, and the most that ever were; the model stands at ``Layer.live``.

    An operator that writes over its input, or whose output is a view of it, changes nothing here.
    """

    def __init__(self, elements: int) -> None:
        self.now = self.most = elements

    def write(self, elements: int) -> None:
        """An operator writes a new tensor; all that it reads stays alive."""
        self.now += elements
        if self.now > self.most:
            self.most = self.now

    def free(self, elements: int) -> None:
        """These elements had their last reader."""
        self.now -= elements

    def replace(self, read: int, written: int) -> None:
        """An operator writes a new tensor and is the last reader of another."""
        self.now += written
        if self.now > self.most:
            self.most = self.now
        self.now -= read

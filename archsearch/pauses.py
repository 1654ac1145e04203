"""Trainings that wait at a rung, as files in a scratch folder of this machine.

They are a shortcut and hold no truth: where one is missing (another node of a cluster, a cleaned
folder, a full disk) or cannot be read, the training begins again from its seed and comes to the
same numbers.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from archsearch.checkpoints import read_safetensors, save_safetensors
from archsearch.errors import InputError
from archsearch.training import Training

_ENDING = ".safetensors"


class Pauses:
    """The paused trainings of one study on this machine."""

    def __init__(self, identity: str) -> None:
        self.folder = Path(tempfile.gettempdir()) / f"archsearch-rungs-{identity}"

    def resume(
        self, begin: Callable[[], Training], number: int, net: str, repetition: int, until: float
    ) -> Training:
        """The training of a trial as it paused, or a fresh one.

        Args:
            begin: makes a fresh training.
            number: of the trial.
            net: id of its architecture.
            repetition: which of its trainings.
            until: where the training is to go; what is beyond that is left alone.
        """
        training = begin()
        try:
            if not self._is_private():
                return training
            training.load(read_safetensors(self._path(number, net, repetition)))
        except FileNotFoundError:
            return training
        except (InputError, OSError, LookupError, ValueError, RuntimeError):
            return begin()  # what was read may be half in place
        return begin() if training.step > round(until * training.steps_per_epoch) else training

    def keep(self, training: Training, number: int, net: str, repetition: int) -> None:
        """Store a training; a disk that takes nothing more is no reason to fail."""
        with suppress(OSError):
            self.folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
            if not self._is_private():
                return
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            os.close(handle)
            part = Path(name)
            try:
                save_safetensors(training.state(), part)
                part.replace(self._path(number, net, repetition))
            finally:
                part.unlink(missing_ok=True)

    def drop(self, numbers: Collection[int]) -> None:
        """Forget trials that are over; the folder goes with the last of them."""
        self._drop_if(lambda number: number in numbers)

    def drop_below(self, least: int) -> None:
        """Forget the trials before number ``least``."""
        self._drop_if(lambda number: number < least)

    def _drop_if(self, over: Callable[[int], bool]) -> None:
        with suppress(OSError):
            if not self._is_private():
                return
            for path in self.folder.glob(f"*{_ENDING}"):
                number = path.name.partition("-")[0]
                if number.isdigit() and over(int(number)):
                    path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _path(self, number: int, net: str, repetition: int) -> Path:
        return self.folder / f"{number}-{net}-{repetition}{_ENDING}"

    def _is_private(self) -> bool:
        """Whether the folder is there and nobody else can have put anything into it."""
        try:
            found = self.folder.lstat()
        except FileNotFoundError:
            return False
        private = not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and private

"""TensorBoard: a folder a trial, with its learning curve, its numbers and its leaves."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

from archsearch.errors import InputError
from archsearch.trackers.entry import Entry
from archsearch.trackers.tracker import TrackerKind

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_BEGINNING = "trial_"


class TensorBoard:
    """Writes below ``FOLDER/NAME-IDENTITY``, from which it also knows what it has.

    A trial is written under another name and renamed: a folder that is called a trial is whole.
    """

    def __init__(self, place: str, name: str, identity: str) -> None:
        """Open a folder.

        Raises:
            InputError: tensorboard is not installed.
        """
        self._writer = _writer()
        self._folder = Path(place) / f"{name}-{identity[:8]}"
        self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def known(self) -> Set[int]:
        """Numbers of the trials that have a folder."""
        names = (entry.name for entry in self._folder.iterdir())
        return {int(name.removeprefix(_BEGINNING)) for name in names if name.startswith(_BEGINNING)}

    def write(self, entry: Entry) -> None:
        """Write a trial's folder."""
        part = self._folder / f".{entry.name}.new"
        shutil.rmtree(part, ignore_errors=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions of the libraries that it reads with
            writer = self._writer(str(part))
            _add(writer, entry)
            writer.close()
        part.rename(self._folder / entry.name)

    def close(self) -> None:
        """Nothing is open."""


def _add(writer: SummaryWriter, entry: Entry) -> None:
    for point in entry.curve:
        step = round(1000 * point.epoch)  # steps are integers, epochs may be parts
        of = f"repetition_{point.repetition}"
        writer.add_scalar(f"validation_accuracy/{of}", point.validation_accuracy, step)
        writer.add_scalar(f"train_loss/{of}", point.train_loss, step)
    for label, text in entry.tags.items():
        writer.add_text(label, text)
    leaves = {path: _plain(label) for path, label in entry.trial.choices.items()}
    # In the trial's own folder, where the library would make one a moment.
    writer.add_hparams(leaves, entry.measures, run_name=".")


def _plain(label: object) -> bool | float | str:
    return label if isinstance(label, bool | int | float | str) else str(label)


def _writer() -> type[SummaryWriter]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "tensorboard is not installed; run 'pip install archsearch[tensorboard]'"
        ) from error
    return SummaryWriter


TENSORBOARD = TrackerKind("tensorboard", TensorBoard, "a folder a trial, for tensorboard --logdir")

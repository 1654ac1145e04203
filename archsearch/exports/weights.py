"""Nets with weights: drawn from a seed, of a training folder, or of a checkpoint file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from archsearch import published
from archsearch.architecture import Architecture, Resolution
from archsearch.checkpoints import load_official, read_checkpoint
from archsearch.documents import read
from archsearch.errors import InputError
from archsearch.network import Network, build
from archsearch.space import architecture_of
from archsearch.trainings import ENVIRONMENT, NET, load_trained

_CLASSES = "head.classify.bias"


@dataclass(frozen=True)
class Weighed:
    """A net with its weights, in evaluation mode.

    Attributes:
        architecture: at the resolution that the weights are for.
        module: the net.
        source: where the weights are from, for people.
    """

    architecture: Architecture
    module: Network
    source: str

    @property
    def classes(self) -> int:
        """Outputs of the net."""
        return len(self.module.state_dict()[_CLASSES])

    @property
    def name(self) -> str:
        """Name of the net, or its id."""
        return self.architecture.name or self.architecture.id


def weighed(
    architecture: Architecture, weights: str, classes: int, resolution: Resolution | None = None
) -> Weighed:
    """Build a net with weights.

    Args:
        architecture: the net.
        weights: a seed to draw them from (``0``), a folder that ``archsearch train`` wrote, or a
            file: one of ours, or the official one of a published net.
        classes: outputs where the weights do not say.
        resolution: size that position tables and global kernels are made for, if not the net's own
            and not said by the folder.

    Raises:
        InputError: there is no such file or folder, or they are another net's weights.
    """
    path = Path(weights)
    if weights.isascii() and weights.isdigit():
        sized = architecture if resolution is None else architecture.at(resolution)
        module = build(sized, classes, seed=int(weights)).eval()
        return Weighed(sized, module, f"drawn from seed {weights}, not trained")
    if path.is_dir():
        return _trained(architecture, path, resolution)
    if not path.is_file():
        raise InputError(
            f"--weights {weights}: there is no such file or folder; give a checkpoint, a folder of "
            "archsearch train, or a seed such as 0"
        )
    sized = architecture if resolution is None else architecture.at(resolution)
    return Weighed(sized, _filled(sized, path), str(path))


def _trained(architecture: Architecture, folder: Path, resolution: Resolution | None) -> Weighed:
    module = load_trained(folder)
    other = architecture_of(read(folder / NET))
    if other.id != architecture.id:
        raise InputError(
            f"--weights {folder}: holds the net {other.name or other.id}, not "
            f"{architecture.name or architecture.id}; name the net that was trained there "
            f"({folder / NET})"
        )
    training = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))["training"]
    size = training["resolution"]
    height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    sized = architecture.at((height, width))
    if resolution is not None and architecture.at(resolution).size != sized.size:
        raise InputError(
            f"--weights {folder}: were trained at {height} x {width}; leave --resolution out"
        )
    return Weighed(sized, module, f"{folder}, trained at {height} x {width}")


def _filled(architecture: Architecture, path: Path) -> Network:
    tensors = read_checkpoint(path)
    if _CLASSES not in tensors:
        return load_official(_published_name(architecture, path), tensors).eval()
    module = build(architecture, len(tensors[_CLASSES]), seed=0)
    wanted = module.state_dict()
    if reason := _misfit(tensors, wanted):
        raise InputError(
            f"--weights {path}: {reason}; give weights of {architecture.name or architecture.id}, "
            "and --resolution if they were made for another size"
        )
    module.load_state_dict(tensors)
    return module.eval()


def _misfit(given: dict[str, Tensor], wanted: dict[str, Tensor]) -> str | None:
    """The first thing that is wrong with weights, or None."""
    for name in wanted:
        if name not in given:
            return f"lacks {name}"
        if given[name].shape != wanted[name].shape:
            shapes = list(given[name].shape), list(wanted[name].shape)
            return f"{name} has the shape {shapes[0]}, the net has {shapes[1]}"
    left = [name for name in given if name not in wanted]
    return f"{left[0]} is no weight of the net" if left else None


def _published_name(architecture: Architecture, path: Path) -> str:
    for name in published.names():
        if published.load(name).id == architecture.id:
            return name
    raise InputError(
        f"--weights {path}: are not named as ours are ({_CLASSES} is missing), and the net "
        f"{architecture.name or architecture.id} is no published one with official weights; give "
        "a file that archsearch wrote"
    )

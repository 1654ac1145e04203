"""Training folders: one net trained fully, begun or gone on with, safe at every moment."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from archsearch.architecture import Architecture, Resolution
from archsearch.checkpoints import read_safetensors, save_safetensors
from archsearch.datasets import DatasetConfig, Images, load
from archsearch.documents import Document, Misfit, dump, parse, read
from archsearch.environment import environment
from archsearch.errors import InputError
from archsearch.network import Network, build
from archsearch.overrides import overridden
from archsearch.records import check
from archsearch.seeds import derive
from archsearch.space import architecture_of
from archsearch.store.sqlite_file import LOCK, locked
from archsearch.training import Epoch, Recipe, Trained, Training
from archsearch.training.precision import torch_device

CHECKPOINT, BEST, CURVE = "checkpoint.safetensors", "best.safetensors", "curve.csv"
NET, RECIPE, ENVIRONMENT = "net.yaml", "recipe.yaml", "environment.json"
_FREE = ("seeds", "time_limit_s")
"""Fields of a recipe that do not change what one training gives."""

Watch = Callable[[Training], Callable[[], None]]
"""Gets a training and returns what is called after every step of it."""


@dataclass(frozen=True)
class Plan:
    """What is trained, on what and how.

    Attributes:
        net: the architecture.
        data: which images.
        recipe: how.
        resolution: height and width to train at; None for the net's own times ``recipe.scale``.
        classes: outputs of the net; None for the classes of the images.
        seed: of weights, order and augmentation.
        device: where to train.
    """

    net: Architecture
    data: DatasetConfig
    recipe: Recipe
    resolution: Resolution | None = None
    classes: int | None = None
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def size(self) -> Resolution:
        """Height and width to train at."""
        return self.resolution or self.recipe.resolution(self.net.size)

    def outputs(self, images: Images) -> int:
        """Outputs of the net.

        Raises:
            InputError: fewer than the images have classes.
        """
        classes = self.classes or len(images.classes)
        if classes < len(images.classes):
            raise InputError(
                f"--classes {classes}: {images.name} has {len(images.classes)} classes; give at "
                "least as many, or leave it out"
            )
        return classes


def data_of(text: str) -> DatasetConfig:
    """Read ``SOURCE``, ``SOURCE:PATH``, or a mapping as in a study's ``data``.

    Raises:
        InputError: there is no such source, or an option does not hold.
    """
    source = f"--data {text}"
    if text.lstrip().startswith("{"):
        document = parse(text, "--data")
    else:
        name, colon, path = text.partition(":")
        document = Document(source, {"name": name, **({"path": path} if colon else {})})
    try:
        return check(DatasetConfig, document.data)
    except Misfit as misfit:
        raise document.error(misfit) from None


def recipe_of(path: Path | None, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, with ``--set`` overrides; without a file, the defaults.

    A full training has no limit of time unless the recipe gives one.

    Raises:
        InputError: with file, line (or the override), the value given, and what is valid.
    """
    document = Document("recipe", {}) if path is None else read(path)
    document = overridden(document, overrides, "learning_rate=1e-3")
    try:
        if not isinstance(document.data, dict):
            raise Misfit((), f"expected a recipe (key: value), got {document.data!r}")
        return check(Recipe, {"time_limit_s": None, **document.data})
    except Misfit as misfit:
        raise document.error(misfit) from None


def train_in(folder: Path, plan: Plan, watch: Watch, *, resume: bool = False) -> Trained:
    """Train ``plan`` to its end, storing every epoch in ``folder``.

    Kill it at any moment: with ``resume`` it goes on from the last whole epoch and ends with the
    same bits (on a CPU, with the same number of threads). Where there is nothing to go on with,
    ``resume`` begins.

    Raises:
        InputError: the folder holds something else, or another process trains there; the images or
            the device are not there.
        TrainingFailed: the training diverged or reached its limit of time.
    """
    _ensure_ours(folder)
    with closing(locked(folder / CHECKPOINT)):
        return _train(folder, plan, watch, resume=resume)


def _train(folder: Path, plan: Plan, watch: Watch, *, resume: bool) -> Trained:
    images = load(plan.data)
    net = build(
        plan.net, plan.outputs(images), resolution=plan.size, seed=derive(plan.seed, "init")
    ).to(torch_device(plan.device))
    training = Training(net, images, plan.recipe, plan.size, derive(plan.seed, "train"))
    identity = _identity(plan, images)
    if resume and (folder / ENVIRONMENT).exists():
        _check_same(folder, identity)
        if (folder / CHECKPOINT).exists():
            training.load(read_safetensors(folder / CHECKPOINT))
    else:
        _begin(folder, plan, identity, images)
    changed = watch(training)
    while not training.done:
        training.run(training.step // training.steps_per_epoch + 1, changed)
        _save(training, folder, identity)
    return training.finish()


def load_trained(folder: Path) -> Network:
    """Build the net of a training folder with its best weights, in evaluation mode.

    Raises:
        InputError: the folder holds no training, or no epoch of it has ended yet.
    """
    if not (folder / BEST).is_file() or not (folder / ENVIRONMENT).is_file():
        raise InputError(
            f"{folder}: holds no trained net ({BEST}); train one with archsearch train"
        )
    identity = _stored(folder)
    net = build(
        architecture_of(read(folder / NET)),
        identity["classes"],
        resolution=_resolution(identity["resolution"]),
        seed=0,
    )
    net.load_state_dict(read_safetensors(folder / BEST))
    return net.eval()


def _resolution(data: Any) -> Resolution:
    return data if isinstance(data, int) else (int(data[0]), int(data[1]))


def _identity(plan: Plan, images: Images) -> dict[str, Any]:
    """All that decides what the training gives, as plain data that JSON can hold."""
    size = plan.size
    return {
        "net": plan.net.id,
        "recipe": plan.recipe.model_dump(mode="json", exclude_defaults=True, exclude={*_FREE}),
        "resolution": size if isinstance(size, int) else list(size),
        "classes": plan.outputs(images),
        "seed": plan.seed,
        "images": images.fingerprint,
    }


def _ensure_ours(folder: Path) -> None:
    """Refuse a folder of other things: nothing is written there, not even a lock."""
    ours = {name for file in (NET, RECIPE, ENVIRONMENT) for name in (file, _part(file))} | {LOCK}
    if not folder.exists() or (folder / ENVIRONMENT).exists():
        return
    if {entry.name for entry in folder.iterdir()} - ours:
        raise InputError(f"{folder}: is not empty and holds no training; give another --out")


def _begin(folder: Path, plan: Plan, identity: Mapping[str, Any], images: Images) -> None:
    """Write what the training is, the environment last: it says that the rest is there."""
    if (folder / ENVIRONMENT).exists():
        raise InputError(
            f"{folder}: holds a training already; go on with --resume, or give another --out"
        )
    _write(folder / NET, dump(plan.net.to_data()).encode())
    _write(folder / RECIPE, dump(plan.recipe.model_dump(mode="json")).encode())
    made_by = environment(images.fingerprint, torch.get_num_threads(), plan.device)
    data = plan.data.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps({"training": identity, "data": data, "made_by": made_by}, indent=2)
    _write(folder / ENVIRONMENT, text.encode())


def _check_same(folder: Path, identity: Mapping[str, Any]) -> None:
    stored = _stored(folder)
    if stored == identity:
        return
    before, now = _flat(stored), _flat(identity)
    differing = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    raise InputError(
        f"{folder}: holds another training (different: {', '.join(differing)}); give its own net, "
        "data and recipe to go on, or another --out"
    )


def _stored(folder: Path) -> dict[str, Any]:
    try:
        stored: dict[str, Any] = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
        return dict(stored["training"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{folder / ENVIRONMENT}: is damaged; begin anew in another folder") from (
            None
        )


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    recipe = {f"recipe.{key}": value for key, value in identity.get("recipe", {}).items()}
    return {**{key: value for key, value in identity.items() if key != "recipe"}, **recipe}


def _save(training: Training, folder: Path, identity: Mapping[str, Any]) -> None:
    """Store an epoch, the checkpoint last: what is redone after a kill writes all again."""
    if _is_best(training):
        point = training.curve[-1]
        notes = {"net": str(identity["net"]), "epoch": f"{point.epoch:g}"}
        notes["validation_accuracy"] = repr(point.validation_accuracy)
        _write_tensors(folder / BEST, training.evaluated.state_dict(), notes)
    _write(folder / CURVE, _curve(training.curve).encode())
    _write_tensors(folder / CHECKPOINT, training.state(), {})


def _is_best(training: Training) -> bool:
    """Whether the last point is of this very epoch, and better than all before it."""
    if not training.curve or training.curve[-1].epoch != training.epoch:
        return False
    *before, now = (point.validation_accuracy for point in training.curve)
    return all(now > earlier for earlier in before)


def _curve(curve: Sequence[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Epoch))
    writer.writerows(map(astuple, curve))
    return text.getvalue()


def _write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    part = path.with_name(_part(path.name))
    save_safetensors(tensors, part, notes)
    _replace(part, path)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(_part(path.name))
    part.write_bytes(content)
    _replace(part, path)


def _part(name: str) -> str:
    """Name of a file while it is being written."""
    return f".{name}.new"


def _replace(part: Path, path: Path) -> None:
    """Give a whole file its name, in one step that a power cut cannot split."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)

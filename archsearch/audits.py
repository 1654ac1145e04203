"""What audits found, as files, and which of them stands behind a run's accuracy axis."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from archsearch.errors import InputError
from archsearch.study import Study

SCHEMA = 1
FILE = "audit.json"

SHIPPED = Path("docs/audits")
"""Where audits that were published with a project stand, from where a command is given."""

Kind = Literal["cost", "proxy", "ensemble", "budget", "predictor"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Record):
    """A statistic with its bootstrap interval; all None where it is undefined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Such as ``.81 (.66 to .90)``."""
        if self.value is None or self.low is None or self.high is None:
            return "-"
        return f"{hundredths(self.value)} ({hundredths(self.low)} to {hundredths(self.high)})"


class Row(_Record):
    """How one contender orders the audited nets.

    ``epochs`` are those of a budget; ``own_schedule`` marks a training that was made as short as
    that, where the others are cut from the long one. ``seconds`` are what it costs a net, when
    nothing else is asked for.
    """

    name: str
    kind: Kind
    n: int
    seconds: float
    spearman: Interval
    kendall: Interval
    top_recall: Interval
    partial_spearman: Interval
    epochs: float | None = None
    own_schedule: bool = False
    note: str | None = None


class ImagesOf(_Record):
    """Which images nets were trained on; ``file`` without its folder."""

    name: str
    file: str | None
    split_seed: int
    fingerprint: str
    train: int | None
    validation: int


class Net(_Record):
    """An audited net: what it costs and what it reached, mean over the seeds."""

    number: int
    id: str
    name: str | None
    params: int
    macs: int
    accuracy: float
    sd: float | None
    scores: dict[str, float]


class Audit(_Record):
    """A finished audit.

    ``space`` and ``limits`` are hashes of what nets could be; ``recipe`` is the long one.
    ``ceiling`` is the highest correlation that the noise of the accuracies lets one expect, from
    repetitions or, of one seed, from the number of validation images alone.
    """

    name: str
    study: str
    space_name: str
    space: str
    limits: dict[str, dict[str, float]]
    images: ImagesOf
    recipe: dict[str, Any]
    epochs: float
    seeds: int
    asked: int
    failed: dict[str, int]
    ceiling: Interval
    ceiling_from: Literal["seeds", "images"]
    level: float
    resamples: int
    top: int
    seconds: float
    environment: dict[str, Any]
    rows: tuple[Row, ...]
    nets: tuple[Net, ...]

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"schema": SCHEMA, **self.model_dump(mode="json")}, indent=1) + "\n"


def read_audit(path: Path) -> Audit:
    """Read an ``audit.json``.

    Raises:
        InputError: it cannot be read, or is none that this version knows.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise InputError(f"{path}: is no audit of schema {SCHEMA}; make it again")
        return Audit.model_validate(data)
    except (OSError, ValueError, ValidationError) as error:
        first = str(error).split("\n")[0]
        raise InputError(f"{path}: is no audit ({first}); make it again") from None


@dataclass(frozen=True)
class Standing:
    """The audit behind a run of ``epochs``, and what differs in their images."""

    audit: Audit
    epochs: float
    images: str

    def __str__(self) -> str:
        """One line, such as a run's status says it."""
        about = f"{len(self.audit.nets)} nets, {self.audit.epochs:g} epochs"
        other = f", {self.images}" if self.images else ""
        return f"audited by {self.audit.name} ({about}{other}): {self._judged()}"

    def _judged(self) -> str:
        """What the audit says of the run's own training, or of the one nearest to it."""
        if self.epochs >= self.audit.epochs:
            return "this recipe is no shorter than the audit's"
        away = {
            row: (abs(row.epochs - self.epochs), not row.own_schedule)
            for row in self.audit.rows
            if row.epochs is not None
        }
        if not away:
            return "this recipe was not judged"
        near = min(away, key=lambda row: away[row])
        if near.own_schedule and near.epochs == self.epochs:
            return f"this recipe's Spearman {near.spearman}"
        return f"Spearman {near.spearman} of {near.name}, the nearest to this recipe"


def standing(study: Study, fingerprint: str, runs: Path) -> str:
    """Say which audit stands behind the accuracy of a study's run.

    Args:
        study: the run's study.
        fingerprint: of the run's images.
        runs: folder of run folders, where audits are looked for; and ``SHIPPED``.
    """
    found = behind(study, fingerprint, audits_in((runs, SHIPPED)))
    return str(found) if found else "not audited; see archsearch audit --help"


def audits_in(folders: Iterable[Path]) -> Iterator[Audit]:
    """Every audit in a folder of run folders; files that are none are left out."""
    for folder in folders:
        for path in sorted(folder.glob(f"*/{FILE}")):
            with suppress(InputError):  # another version's, or not ours: it stands behind nothing
                yield read_audit(path)


def behind(study: Study, fingerprint: str, audits: Iterable[Audit]) -> Standing | None:
    """The audit that judges a study's accuracy: the same space, limits, recipe and images.

    Of the recipe, epochs and seeds may differ, and how often and how long; of the images their
    number, which is said. Of several audits one on the run's own images goes first, then that of
    most nets, then of most epochs.
    """
    found = [
        Standing(audit, study.settings.training.epochs, images)
        for audit in audits
        if _same(study, audit) and (images := _other_images(study, fingerprint, audit)) is not None
    ]
    if not found:
        return None
    return max(found, key=lambda s: (not s.images, len(s.audit.nets), s.audit.epochs))


def space_identity(study: Study) -> str:
    """Hash of the space alone, whatever it and its file are called."""
    tree = {
        key: value for key, value in study.data["space"].items() if key not in ("name", "notes")
    }
    text = json.dumps(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def limits_of(study: Study) -> dict[str, dict[str, float]]:
    """The study's limits as plain data."""
    limits = study.settings.constraints.items()
    return {name: limit.model_dump(exclude_none=True) for name, limit in limits}


def images_of(study: Study, fingerprint: str, validation: int) -> ImagesOf:
    """Which images a study's nets are trained on."""
    data = study.settings.data
    file = data.path and Path(data.path).name
    return ImagesOf(
        name=data.name,
        file=file or None,
        split_seed=data.split_seed,
        fingerprint=fingerprint,
        train=data.train,
        validation=validation,
    )


def _same(study: Study, audit: Audit) -> bool:
    recipe = study.settings.training.model_dump(mode="json")
    return (
        space_identity(study) == audit.space
        and limits_of(study) == audit.limits
        and _fixed(recipe) == _fixed(audit.recipe)
    )


def _fixed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    free = ("epochs", "seeds", "evaluate_every", "time_limit_s")
    return {key: value for key, value in recipe.items() if key not in free}


def _other_images(study: Study, fingerprint: str, audit: Audit) -> str | None:
    """Empty on the same images, what differs where only their number does, None on others."""
    if fingerprint == audit.images.fingerprint:
        return ""
    own = images_of(study, fingerprint, audit.images.validation)
    fields = ("name", "file", "split_seed")
    one_source = all(getattr(own, field) == getattr(audit.images, field) for field in fields)
    if not one_source or own.train is None or audit.images.train is None:
        return None
    if own.train == audit.images.train and study.settings.data.validation in (
        None,
        audit.images.validation,
    ):
        return None  # as many images of a file of this name, yet others
    return f"on {audit.images.train:,} training images, this run on {own.train:,}"


def hundredths(value: float) -> str:
    """A correlation or a share as the project's pages write it: .81, -.07, 1.00."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text

"""The study: one strict file that says what to search, how to judge it and what it may cost."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.arms.file import KIND, base_of, deciding_ablation, is_ablation, plain_ablation
from archsearch.arms.plan import Plan, plan_of
from archsearch.arms.settings import AblationSettings
from archsearch.devices import KINDS, Device, device_of, plain_device
from archsearch.devices.boards.settings import is_device_file
from archsearch.documents import Document, Location, Misfit, dump, read
from archsearch.errors import InputError, nearest
from archsearch.grammar import parse_tree
from archsearch.measures import ACCURACY, LATENCY, MEASURES, Direction
from archsearch.overrides import overridden
from archsearch.records import check
from archsearch.samplers import SAMPLERS, check_options, make_sampler
from archsearch.samplers.sampler import Sampler
from archsearch.samplers.strategy import Space
from archsearch.settings import GENERATION, Budget, Cascade, Objective, Settings, Train
from archsearch.space import SearchSpace, tree_of
from archsearch.trial import Stage

SCHEMA = 1


@dataclass(frozen=True)
class Study:
    """A checked study with its space and its own plain data, from which it can be read again.

    That of an ablation has a ``plan``, and a space with one member: the base of all arms.
    """

    settings: Settings
    space: SearchSpace
    data: Mapping[str, Any]
    plan: Plan | None = None

    @property
    def identity(self) -> str:
        """Hash of all that decides which trials are proposed and what they measure."""
        text = json.dumps(deciding(self.data), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def device(self) -> Device | None:
        """Where latency comes from."""
        given = self.settings.device
        return device_of(given) if isinstance(given, dict) else None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages behind the screen, in order."""
        has: dict[Stage, bool] = {
            "latency": self.device is not None and self.device.how != "predicted",
            "score": self.settings.cascade.score is not None
            and bool(self.settings.cascade.score.computed),
            "train": self.settings.cascade.train is not None,
        }
        return tuple(stage for stage, there in has.items() if there)

    @property
    def paths(self) -> tuple[str, ...]:
        """What the trials' choices can name: the leaves of the space, or arm and seed."""
        if self.plan is not None:
            return ("arm", "seed")
        return tuple(path for path, _ in self.space.leaves())

    def ensure_search(self) -> None:
        """Refuse an ablation, where only a search has an answer.

        Raises:
            InputError: this is one.
        """
        if self.plan is not None:
            raise InputError(
                f"{self.settings.name}: is an ablation, which searches no space; archsearch run, "
                "status, table and report are for it"
            )

    def sampler(self, space: Space | None = None) -> Sampler:
        """A fresh sampler of this study, over ``space`` instead of the whole one if it is given."""
        ((name, options),) = self.settings.sampler.items()
        directions = [objective.direction for objective in self.settings.objectives]
        return make_sampler(name, space or self.space, directions, options)

    def start_nets(self) -> list[Architecture]:
        """The published nets that seed the search."""
        return [published.load(name) for name in self.settings.start.nets]

    def to_yaml(self) -> str:
        """The study as one self-contained file, its space written inside."""
        return dump(dict(self.data))


def deciding(data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a study's plain data that decides its trials.

    Left out are the budget but for the size of a generation, and the engine: a run may go on with
    more of either. So is the path of the images, which may move, and how a device is reached: the
    run's environment holds what identifies them.
    """
    kept = deciding_ablation(data) if is_ablation(data) else _deciding_search(data)
    if isinstance(device := data.get("device"), dict):
        reached = KINDS[device["kind"]].reached
        kept["device"] = {key: value for key, value in device.items() if key not in reached}
    return kept


def _deciding_search(data: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: data[key] for key in data if key not in ("budget", "engine", "notes", "data")}
    kept["data"] = {key: value for key, value in data["data"].items() if key != "path"}
    kept["budget.generation"] = data["budget"].get("generation", GENERATION)
    return kept


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file and apply ``--set path=value`` overrides.

    Raises:
        InputError: with file, line (or the override), the value given, what is valid, and the
            nearest valid name.
    """
    document = read(path)
    if any(text.startswith("space.") for text in overrides):
        document = _with_space_inside(document, path.parent)
    return study_of(overridden(document, overrides, "budget.trials=100"), path.parent)


def study_of(document: Document, folder: Path) -> Study:
    """Check a study document; a relative ``space`` or ``base`` is looked up from ``folder``."""
    try:
        data = _plain(document.data, folder)
        if is_ablation(data):
            return _of_ablation(document, data)
        settings = check(Settings, {k: v for k, v in data.items() if k not in ("schema", "space")})
        _consistent(settings)
        space = _space(data, folder)
        study = Study(settings, space, data)
    except Misfit as misfit:
        raise document.error(misfit) from None
    return study


def _of_ablation(document: Document, data: dict[str, Any]) -> Study:
    """The study that an ablation is to those who run it: its arms take the place of a sampler."""
    own = check(AblationSettings, {k: v for k, v in data.items() if k != "schema"})
    base = base_of(data, document)
    plan = plan_of(own, base)
    names = ("name", "seed", "classes", "device", "training", "data", "engine", "notes")
    settings = Settings(
        **{name: getattr(own, name) for name in names},
        objectives=(Objective(maximize=ACCURACY), Objective(minimize="params")),
        sampler={"random": {}},
        cascade=Cascade(train=Train()),
        budget=Budget(
            trials=len(plan.arms) * own.seeds.most,
            generation=len(plan.arms),
            minutes=own.budget.minutes,
        ),
    )
    _ensure_device(settings)
    data["base"] = base.to_data()
    tree = tree_of(Document("base", data["base"]))
    return Study(settings, SearchSpace(tree, base.name or own.name), data, plan)


def _plain(data: Any, folder: Path) -> dict[str, Any]:
    """A copy with short forms written out and the space put inside."""
    if not isinstance(data, dict):
        raise Misfit((), f"expected a study (key: value), got {data!r}")
    plain = copy.deepcopy(data)
    if type(plain.get("schema")) is not int or plain["schema"] != SCHEMA:
        raise Misfit(
            ("schema",) if "schema" in plain else (),
            f"got schema {plain.get('schema')!r}; this version reads schema: {SCHEMA}",
        )
    if plain.get("kind", KIND) != KIND:
        raise Misfit(("kind",), f"got {plain['kind']!r}; expected {KIND}, or no kind: a search")
    plain = plain_ablation(plain, folder) if is_ablation(plain) else _plain_search(plain)
    if isinstance(plain.get("engine"), str):
        plain["engine"] = {"name": plain["engine"]}
    path = plain["data"].get("path") if isinstance(plain["data"], dict) else None
    if isinstance(path, str):
        plain["data"]["path"] = str((folder / path).resolve())
    if plain.get("device") is not None:
        plain["device"] = _device(plain["device"], folder)
    return plain


def _plain_search(plain: dict[str, Any]) -> dict[str, Any]:
    for key in ("name", "space", "objectives", "sampler", "cascade", "data", "budget"):
        if key not in plain:
            raise Misfit((), f"the key {key!r} is missing")
    if isinstance(plain["sampler"], str):
        plain["sampler"] = {plain["sampler"]: {}}
    return plain


def _device(name: Any, folder: Path) -> Any:
    """A device's plain data, the content of its file inside."""
    if isinstance(name, dict):
        return name
    if not isinstance(name, str):
        raise Misfit(("device",), f"got {name!r}; expected a device's name or the path of its file")
    if is_device_file(name):  # what is wrong in a file is said with the file's own lines
        return dict(plain_device(name, folder))
    try:
        return dict(plain_device(name, folder))
    except InputError as error:
        raise Misfit(("device",), str(error)) from None


def _space(data: dict[str, Any], folder: Path) -> SearchSpace:
    space = data["space"]
    if isinstance(space, str):
        inner = read(folder / space)
        data["space"] = inner.data
        return SearchSpace(tree_of(inner), inner.data.get("name") or Path(space).stem)
    try:
        tree = parse_tree(space)
    except Misfit as misfit:
        raise Misfit(("space", *misfit.location), misfit.message) from None
    return SearchSpace(tree, tree.name or str(data["name"]))


def _consistent(settings: Settings) -> None:
    """What no single field can know: objectives, limits, stages, devices and sampler together."""
    _objectives(settings)
    for name in settings.constraints:
        place: Location = ("constraints", name)
        if name not in MEASURES:
            raise Misfit(place, f"unknown measure {name!r}; {nearest(name, MEASURES)}")
        if MEASURES[name].stage not in ("screen", "latency"):
            counted = [m.name for m in MEASURES.values() if m.stage == "screen"]
            raise Misfit(
                place,
                f"a constraint holds on a counted measure ({', '.join(counted)}) or {LATENCY}; "
                f"{name} is known only after the stage {MEASURES[name].stage!r}",
            )
        _reachable(settings, name, place)
    _ensure_device(settings)
    if len(settings.sampler) != 1 or next(iter(settings.sampler)) not in SAMPLERS:
        given = ", ".join(settings.sampler) or "nothing"
        raise Misfit(("sampler",), f"got {given}; {nearest(given, SAMPLERS)}")
    ((sampler, options),) = settings.sampler.items()
    check_options(sampler, options, ("sampler", sampler))
    score = settings.cascade.score
    if settings.cascade.train is None and (score is None or not score.computed):
        known = "" if score is None else f" but for what is counted ({', '.join(score.names)})"
        raise Misfit(("cascade",), f"the cascade is empty{known}; add score, train or both")
    _rungs(settings)


def _ensure_device(settings: Settings) -> None:
    if isinstance(settings.device, dict):
        try:
            device_of(settings.device)
        except Misfit as misfit:
            raise Misfit(("device", *misfit.location), misfit.message) from None


def _rungs(settings: Settings) -> None:
    """Rungs lie within the recipe's epochs; a curve is extrapolated towards an objective."""
    train = settings.cascade.train
    if train is None or not train.rungs:
        return
    epochs = settings.training.epochs
    if train.rungs[-1] >= epochs:
        raise Misfit(
            ("cascade", "train", "rungs"),
            f"a rung at {train.rungs[-1]:g} epochs lies not before the end of a training of "
            f"{epochs:g}; lower it, or raise training.epochs",
        )
    if train.extrapolate and ACCURACY not in {o.measure for o in settings.objectives}:
        raise Misfit(
            ("cascade", "train", "extrapolate"),
            f"extrapolates {ACCURACY}, which is no objective; add it or drop extrapolate",
        )


def _objectives(settings: Settings) -> None:
    seen: dict[str, Direction] = {}
    for index, objective in enumerate(settings.objectives):
        place: Location = ("objectives", index)
        name = objective.measure
        if name in seen:
            same = seen[name] == objective.direction
            raise Misfit(
                place,
                f"{name} is already {'an objective' if same else 'to be '}"
                f"{'' if same else seen[name] + 'd'}; keep one of the two",
            )
        seen[name] = objective.direction
        _reachable(settings, name, place)


def _reachable(settings: Settings, name: str, place: Location) -> None:
    """An objective or a limit needs the stage that makes it."""
    stage = MEASURES[name].stage
    score = settings.cascade.score
    if stage == "train" and settings.cascade.train is None:
        raise Misfit(place, f"{name} needs training; add cascade.train or drop the objective")
    if stage == "score" and (score is None or name not in score.names):
        raise Misfit(place, f"{name} needs the score stage; add it to cascade.score.proxies")
    if stage == "latency" and settings.device is None:
        raise Misfit(place, f"{name} needs a device; add device: raspberry_pi_4, or another one")


def _with_space_inside(document: Document, folder: Path) -> Document:
    """The study with its space written inside, so that an override can reach a leaf of it."""
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("space"), str):
        return document
    space = read(folder / data["space"]).data
    if isinstance(space, dict):
        space = {"name": Path(data["space"]).stem, **space}
    return replace(document, data={**data, "space": space})

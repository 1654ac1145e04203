"""Where latency comes from: devices by name, by file, or as a study keeps them.

``NAME`` and ``predicted:NAME`` are a shipped profile's board, predicted; ``emulated:NAME`` is it
emulated; ``host`` is this machine; a path to a YAML file is the user's own device. In place of a
profile's NAME the path of a profile's file can stand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from archsearch.devices.boards.settings import is_device_file, read_settings
from archsearch.devices.kinds import KINDS as KINDS
from archsearch.devices.kinds import EmulatedSettings, Kind, Opened, Predictor
from archsearch.devices.profile import names, read_profile
from archsearch.devices.reading import How
from archsearch.devices.runtimes import find_runtime
from archsearch.documents import Document, Misfit, read
from archsearch.errors import InputError, nearest
from archsearch.records import check

Plain = Mapping[str, Any]
"""A device as plain data: its ``name``, its ``kind``, and what the kind's settings say."""


@dataclass(frozen=True)
class Device:
    """A device that was asked for; nothing of it is open yet.

    Attributes:
        name: by which it was asked for, or of its file.
        settings: checked, of its kind.
    """

    name: str
    settings: Any

    def __reduce__(self) -> tuple[type[Device], tuple[str, Any]]:
        """Leave the predictor out when a study is sent to workers: it is made again there."""
        return Device, (self.name, self.settings)

    @property
    def kind(self) -> Kind:
        """Its row of the table."""
        return KINDS[self.settings.kind]

    @property
    def how(self) -> How:
        """How its numbers come."""
        return self.kind.how

    @property
    def threads(self) -> int:
        """Of the runtime."""
        return int(self.settings.threads)

    @property
    def runtime(self) -> str:
        """Name and version of the runtime that nets are converted for."""
        return find_runtime(self.settings.runtime).title

    @property
    def identity(self) -> str:
        """Its name and a hash of all that decides its numbers."""
        text = json.dumps(self.kind.decides(self.settings), sort_keys=True)
        return f"{self.name}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @cached_property
    def predictor(self) -> Predictor | None:
        """What computes its latencies; None where they must be measured or emulated."""
        return self.kind.predictor(self.settings) if self.kind.predictor else None

    @property
    def emulated(self) -> Device:
        """The board of a predicted device, emulated with the same profile."""
        profile = self.settings.profile
        settings = EmulatedSettings(kind="emulated", profile=profile, threads=self.threads)
        return Device(f"emulated:{profile.board}", settings)

    def open(self, processes: int = 1) -> Opened:
        """Open a device that is not predicted; close it in the end.

        Args:
            processes: emulated processes, of a device that has such.

        Raises:
            InputError: it is not set up.
        """
        assert self.kind.open is not None  # noqa: S101 (see the docstring)
        return self.kind.open(self.name, self.settings, processes)

    def ensure_ready(self) -> None:
        """Refuse a device that is not set up here.

        Raises:
            InputError: says what is missing and the command that gets it.
        """
        self.kind.ready(self.settings)


def find_device(name: str, threads: int | None = None) -> Device:
    """Find a device by its name or its file.

    Args:
        name: as people write it.
        threads: of its runtime; None takes one, or what its file says.

    Raises:
        InputError: there is none; its file does not hold, with its line; or it has no profile for
            so many threads, or fewer cores to run on.
    """
    data = {**plain_device(name, Path()), **({} if threads is None else {"threads": threads})}
    try:
        return device_of(data)
    except Misfit as misfit:
        raise InputError(f"device {name}: {misfit}") from None


def plain_device(name: str, folder: Path) -> Plain:
    """A device as plain data that needs no file of the user's any more.

    Args:
        name: as people write it.
        folder: from which relative paths are looked up.

    Raises:
        InputError: there is no such device; or its file does not hold, with its line.
    """
    if name == "host":
        return {"name": name, "kind": "host"}
    kind, colon, profile = name.partition(":")
    if colon and kind in ("predicted", "emulated"):
        return {"name": name, "kind": kind, "profile": _profile(profile, folder)}
    if is_device_file(name):
        return _from_file(folder / Path(name).expanduser())
    return {"name": name, "kind": "predicted", "profile": _profile(name, folder)}


def device_of(data: Plain) -> Device:
    """Check a device's plain data.

    Raises:
        Misfit: something in it does not hold.
    """
    rest = {key: value for key, value in data.items() if key != "name"}
    if not isinstance(data.get("name"), str):
        raise Misfit((), "a device needs a 'name'")
    return Device(data["name"], _checked(rest))


def _checked(data: Plain) -> Any:
    kind = data.get("kind")
    if kind not in KINDS:
        raise Misfit(("kind",), f"unknown kind {kind!r}; {nearest(str(kind), KINDS)}")
    settings = check(KINDS[kind].settings, dict(data))
    cores = getattr(settings, "cores", None)
    if cores is not None and len(set(cores)) < data.get("threads", 1):
        raise Misfit(("cores",), f"{data['threads']} threads need as many different cores")
    return settings


def _profile(text: str, folder: Path) -> Any:
    """Name of a shipped profile, or the content of a profile's file."""
    if is_device_file(text):
        profile = read_profile(folder / Path(text).expanduser())
        return profile.model_dump(mode="json", exclude_none=True)
    if text not in names():
        known = nearest(text, [*names(), "host"])
        raise InputError(
            f"unknown device {text!r}; {known}; or give the path of a device file (.yaml)"
        )
    return text


def _from_file(path: Path) -> Plain:
    document = read(path)
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    try:
        if kind not in KINDS:
            raise _no_kind(document.data)
        if "profile" not in KINDS[kind].reached:
            return {"name": path.stem, **_own(document, path.parent)}
    except Misfit as misfit:
        raise document.error(misfit) from None
    settings = read_settings(path)
    return {"name": path.stem, **settings.model_dump(mode="json", exclude_unset=True)}


def _own(document: Document, folder: Path) -> Plain:
    """A device without a board, with the content of its profile where that is a file."""
    data = dict(document.data)
    text = data.get("profile")
    if isinstance(text, str) and is_device_file(text):
        data["profile"] = _profile(text, folder)
    _checked(data)
    return data


def _no_kind(data: Any) -> Misfit:
    if isinstance(data, dict) and "fits" in data:
        return Misfit((), "is a profile and no device; write predicted: or emulated: before it")
    if not isinstance(data, dict) or "kind" not in data:
        return Misfit((), f"a device file is a mapping with the key 'kind': {', '.join(KINDS)}")
    return Misfit(("kind",), f"unknown kind {data['kind']!r}; {nearest(str(data['kind']), KINDS)}")

"""The kinds of device: what a device file of each says, and what gives its latencies."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.codes import IntArray
from archsearch.devices.boards import LINKS
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.measured import Measured
from archsearch.devices.boards.onboard.timing import PROTOCOL
from archsearch.devices.boards.settings import AdbSettings, HostSettings, SshSettings
from archsearch.devices.emulated import Emulated, shared_isa
from archsearch.devices.emulator.installation import Installation
from archsearch.devices.emulator.isas import find_isa
from archsearch.devices.predicted import Predicted
from archsearch.devices.profile import FloatArray, Isa, Profile, load
from archsearch.devices.reading import How, Latency
from archsearch.devices.runtimes import RUNTIMES, find_runtime
from archsearch.errors import InputError, nearest
from archsearch.grammar import Tree


class Opened(Protocol):
    """A device at work."""

    def latency(self, architecture: Architecture, classes: int) -> Latency:
        """Latency of one net; raises InputError where it has none."""
        ...

    def latencies(
        self, architectures: Iterable[Architecture], classes: int
    ) -> Iterator[Latency | InputError]:
        """Latencies of many nets, in order; in the place of one that has none stands why."""
        ...

    def close(self) -> None:
        """Leave nothing open."""
        ...


class Predictor(Protocol):
    """A predicted device: it computes, so that latency is known before anything is built."""

    def latency(self, architecture: Architecture, classes: int) -> Latency:
        """Latency of one net."""
        ...

    def population(self, tree: Tree, classes: int) -> Callable[[IntArray], FloatArray]:
        """What turns valid points (N, L) of a space into milliseconds (N,)."""
        ...


def _shipped(given: Any) -> Any:
    """A shipped profile by its name; what else is given is a profile's own data."""
    if not isinstance(given, str):
        return given
    try:
        return load(given)
    except InputError as error:
        raise ValueError(str(error)) from None


def _runtime(name: str) -> str:
    if name not in RUNTIMES:
        raise ValueError(f"unknown runtime {name!r}; {nearest(name, RUNTIMES)}")
    return name


class ProfileSettings(BaseModel):
    """What a device without a board says: the profile that stands for it, and threads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    profile: Annotated[Profile, BeforeValidator(_shipped)]
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    isa: Isa | None = None

    @model_validator(mode="after")
    def _fitted(self) -> ProfileSettings:
        try:
            self.ensure_fitted()
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    def ensure_fitted(self) -> None:
        """Refuse what the profile is not for.

        Raises:
            InputError: says what it is for.
        """


class PredictedSettings(ProfileSettings):
    """Instructions are computed from the layers' shapes."""

    kind: Literal["predicted"]

    def ensure_fitted(self) -> None:
        """Refuse instruction sets and threads without coefficients."""
        _predictor(self)


class EmulatedSettings(ProfileSettings):
    """Instructions are counted while the runtime's own ARM code runs under an emulator."""

    kind: Literal["emulated"]
    runtime: Annotated[str, BeforeValidator(_runtime)] = "mnn"

    def ensure_fitted(self) -> None:
        """Refuse instruction sets and threads that profile and runtime do not share."""
        isa, runtime = self.isa, find_runtime(self.runtime)
        if isa is not None and isa not in runtime.isas:
            known = ", ".join(runtime.isas)
            raise InputError(f"{runtime.name} does not run on {isa}; it runs on {known}")
        self.profile.fit(self.threads, isa or shared_isa(self.profile, self.runtime))


@dataclass(frozen=True)
class Kind:
    """A kind of device.

    Attributes:
        how: its numbers come.
        settings: what its file says.
        open: from a name, settings and a number of processes to the device at work; None where
            nothing is to be opened, because a predictor computes.
        predictor: from settings to what computes latencies; None where they are found by running.
        meaning: for people.
        ready: refuses what is not set up here, with what to do.
        reached: settings that say how a device is reached or for how long, and not what it is.
        here: whether it is this machine, so that another machine is another device.
        protocol: version of the way in which it measures.
    """

    how: How
    settings: type[BaseModel]
    open: Callable[[str, Any, int], Opened] | None
    meaning: str
    predictor: Callable[[Any], Predictor] | None = None
    ready: Callable[[Any], None] = field(default=lambda _: None)
    reached: frozenset[str] = frozenset()
    here: bool = False
    protocol: int = 1

    def decides(self, settings: Any) -> dict[str, Any]:
        """All that decides the numbers of a device, as plain data."""
        data: dict[str, Any] = settings.model_dump(mode="json", exclude=set(self.reached))
        if self.here:
            data["machine"] = platform.node()
        if self.predictor is not None:  # what it answers says which coefficients it has
            net = published.load(_CANARY)
            data["answer"] = self.predictor(settings).latency(net, 1000).latency_ms
        return data


_CANARY = "edgenext_xx_small"
_REACHED = frozenset(
    ("folder", "user", "ssh_config", "profile", "drift_at_most", "cool_s", "limit_s", "keep_mb")
)


def _predictor(settings: PredictedSettings) -> Predictor:
    return Predicted(settings.profile, threads=settings.threads, isa=settings.isa)


def _open_emulated(_name: str, settings: EmulatedSettings, processes: int) -> Opened:
    return Emulated(
        settings.profile,
        settings.runtime,
        threads=settings.threads,
        isa=settings.isa,
        processes=processes,
    )


def _open_board(name: str, settings: Any, _processes: int) -> Opened:
    return Measured(Board(name, settings, LINKS[settings.kind](settings)))


def _emulation_ready(settings: EmulatedSettings) -> None:
    installation = Installation.read()
    installation.tools(settings.runtime)
    isa = settings.isa or shared_isa(settings.profile, settings.runtime)
    installation.site(settings.runtime, find_isa(isa))


def _converter_ready(settings: Any) -> None:
    if find_runtime(settings.runtime).host_wheels:
        Installation.read().tools(settings.runtime)


def _board(settings: type[BaseModel], meaning: str, *, here: bool = False) -> Kind:
    return Kind(
        "measured",
        settings,
        _open_board,
        meaning,
        ready=_converter_ready,
        reached=_REACHED,
        here=here,
        protocol=PROTOCOL,
    )


KINDS: dict[str, Kind] = {
    "predicted": Kind(
        "predicted", PredictedSettings, None, "computed from the layers' shapes", _predictor
    ),
    "emulated": Kind(
        "emulated",
        EmulatedSettings,
        _open_emulated,
        "instructions of the real ARM code, counted here",
        ready=_emulation_ready,
        protocol=2,
    ),
    "host": _board(HostSettings, "timed on this machine", here=True),
    "ssh": _board(SshSettings, "timed on a board behind ssh"),
    "adb": _board(AdbSettings, "timed on a phone or board behind adb"),
}

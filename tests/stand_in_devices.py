"""Devices that stand in for real ones: one that computes, one that is timed, one that emulates."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from archsearch.architecture import Architecture
from archsearch.codes import IntArray
from archsearch.cost import count
from archsearch.cost.population import PopulationCosts
from archsearch.devices.kinds import KINDS, Kind
from archsearch.devices.profile import FloatArray
from archsearch.devices.reading import How, Latency
from archsearch.errors import InputError
from archsearch.grammar import Tree

ENDLESS = "the board fell into the sea"


class Settings(BaseModel):
    """Of every stand-in."""

    kind: str
    threads: int = 1
    runtime: str = "mnn"
    ns_per_mac: float = 1.0
    board: str = "board"
    log: str | None = None
    refuses_above: int | None = None
    cool_s: float = 0.0
    takes_s: float = 0.0


def milliseconds(architecture: Architecture, classes: int, ns_per_mac: float = 1.0) -> float:
    """What the stand-ins say of a net."""
    return count(architecture, classes).macs * ns_per_mac / 1e6


def latency(settings: Settings, how: How, ms: float) -> Latency:
    n = 60 if how == "measured" else 1
    error = None if how == "measured" else 0.07
    device = settings.board if how != "emulated" else f"emulated:{settings.board}"
    return Latency(ms, 0.9 * ms, 1.1 * ms, n, settings.threads, how, device, "MNN 3.6.1", error)


class Formula:
    """Computes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def latency(self, architecture: Architecture, classes: int) -> Latency:
        """Of one net."""
        ms = milliseconds(architecture, classes, self._settings.ns_per_mac)
        return latency(self._settings, "predicted", ms)

    def population(self, tree: Tree, classes: int) -> Callable[[IntArray], FloatArray]:
        """Of many points."""
        costs = PopulationCosts(tree, classes)

        def price(codes: IntArray) -> FloatArray:
            return np.asarray(costs.count(codes).macs * self._settings.ns_per_mac / 1e6)

        return price


class Running:
    """Says what the formula says; notes when it is opened, asked and closed."""

    def __init__(self, how: How, settings: Settings) -> None:
        self._how, self._settings = how, settings
        self._note("opened")

    def latency(self, architecture: Architecture, classes: int) -> Latency:
        """Of one net."""
        self._note(f"asked {architecture.id}")
        time.sleep(self._settings.takes_s)
        self._note("answered")
        macs = count(architecture, classes).macs
        if self._settings.refuses_above is not None and macs > self._settings.refuses_above:
            raise InputError(ENDLESS)
        ms = milliseconds(architecture, classes, self._settings.ns_per_mac)
        return latency(self._settings, self._how, ms)

    def latencies(
        self, architectures: Iterable[Architecture], classes: int
    ) -> Iterator[Latency | InputError]:
        """Of many nets."""
        for architecture in architectures:
            yield self._latency_or_reason(architecture, classes)

    def _latency_or_reason(self, architecture: Architecture, classes: int) -> Latency | InputError:
        try:
            return self.latency(architecture, classes)
        except InputError as error:
            return error

    def close(self) -> None:
        """Note it."""
        self._note("closed")

    def _note(self, text: str) -> None:
        if self._settings.log is not None:
            with Path(self._settings.log).open("a", encoding="utf-8") as log:
                log.write(f"{os.getpid()} {text}\n")


STAND_INS = {
    "formula": Kind("predicted", Settings, None, "", Formula),
    "clock": Kind(
        "measured",
        Settings,
        lambda _name, settings, _processes: Running("measured", settings),
        "",
        reached=frozenset({"log", "cool_s"}),
    ),
    "simulator": Kind(
        "emulated", Settings, lambda _name, settings, _: Running("emulated", settings), ""
    ),
    "predicted": replace(KINDS["predicted"], predictor=lambda given: Formula(_like(given))),
    "emulated": replace(
        KINDS["emulated"],
        open=lambda _name, given, _: Running("emulated", _like(given, ns_per_mac=1.1)),
        ready=lambda _: None,
    ),
}


def _like(given: Any, **changes: Any) -> Settings:
    """A stand-in for a device with a profile."""
    return Settings(kind="", board=given.profile.board, threads=given.threads, **changes)


def enrol() -> None:
    """Make the stand-ins known to a process of its own."""
    KINDS.update(STAND_INS)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds ``formula``, ``clock`` and ``simulator``; formulas behind those with profiles."""
    for name, kind in STAND_INS.items():
        monkeypatch.setitem(KINDS, name, kind)


def device(kind: str, **settings: Any) -> dict[str, Any]:
    """A stand-in as a study keeps it."""
    return {"name": "mine", "kind": kind, **settings}


def notes(log: Path) -> list[str]:
    """What a device noted, without its process."""
    return [line.partition(" ")[2] for line in log.read_text(encoding="utf-8").splitlines()]

"""The steps of a calibration: count candidates, choose, measure, refit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost.static import count
from archsearch.devices import profile as profiles
from archsearch.devices.boards.calibration import FEWEST, Calibration, choose, refit
from archsearch.devices.boards.cores import core_name, device_text
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.measured import Measured
from archsearch.devices.boards.settings import BoardSettings, is_device_file
from archsearch.devices.profile import Fit, FloatArray, Isa, Profile, Source, as_array
from archsearch.devices.reading import Latency
from archsearch.devices.runtimes import Refused
from archsearch.errors import InputError

CountNets = Callable[[Sequence[Architecture]], Iterable[profiles.Counts | Refused]]
"""Counts nets, in order: emulated where that is set up, else predicted."""
Say = Callable[[str], None]

_MOST_MACS = 700_000_000
_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class Candidate:
    """A net that can be measured; ``text`` names it with its resolution."""

    text: str
    architecture: Architecture


@dataclass(frozen=True)
class Outcome:
    """What a calibration found.

    Attributes:
        nets: the nets that were measured.
        readings: of each.
        calibration: the refitted coefficients.
        profile: ready to be written.
    """

    nets: tuple[str, ...]
    readings: tuple[Latency, ...]
    calibration: Calibration
    profile: Profile


def candidates() -> list[Candidate]:
    """Published nets of at most 0.7 GMACs, at their own resolution, or at half or a quarter."""
    found = []
    for name in published.names():
        net = published.load(name)
        height, width = net.size
        sizes = [(height // divisor, width // divisor) for divisor in (1, 2, 4)]
        fit = [net.at(size) for size in sizes if _is_small(net.at(size))]
        found += [Candidate(f"{name} at {smaller.size[0]}", smaller) for smaller in fit[:1]]
    return found


def _is_small(net: Architecture) -> bool:
    return net.problem() is None and count(net).macs <= _MOST_MACS


def starting_profile(settings: BoardSettings, file: Path) -> Profile:
    """The board's profile with the one fit that a calibration begins from.

    The scale of the coefficients is refitted freely, so that another number of threads or another
    precision than asked for will do where the profile has none.

    Raises:
        InputError: the device file names no profile, or one that does not exist.
    """
    if settings.profile is None:
        raise InputError(
            f"{file}: has no 'profile'; name the shipped profile of a board with the same core, "
            "such as 'profile: raspberry_pi_4' ('archsearch devices' lists them)"
        )
    own = is_device_file(settings.profile)
    path = file.parent / Path(settings.profile).expanduser()
    base = profiles.read_profile(path) if own else profiles.load(settings.profile)
    isa: Isa = "aarch64-fp16" if settings.half else "aarch64-fp32"
    nearest = min(
        base.fits, key=lambda fit: (fit.threads != settings.threads, fit.counts != isa, fit.threads)
    )
    fit = nearest.model_copy(update={"threads": settings.threads, "counts": isa})
    return base.model_copy(update={"fits": (fit,)})


def calibrate(device: Measured, base: Fit, count_nets: CountNets, number: int, say: Say) -> Outcome:
    """Measure nets that differ in what their time is made of, and refit ``base`` to them.

    Raises:
        BoardFailed: too few nets could be measured.
    """
    counted = _counted(candidates(), count_nets, say)
    counts = np.stack([row for _, row in counted])
    order = choose(counts, base, len(counted))
    done = _measured(device, [counted[place] for place in order], number, say)
    readings = [reading for _, _, reading in done]
    array = np.stack([row for _, row, _ in done])
    ms = np.array([reading.latency_ms for reading in readings])
    calibration = refit(array, ms, base, readings[0].runtime)
    names = tuple(candidate.text for candidate, _, _ in done)
    profile = _profile(device, calibration.fit, len(done))
    return Outcome(names, tuple(readings), calibration, profile)


def _counted(
    nets: Sequence[Candidate], count_nets: CountNets, say: Say
) -> list[tuple[Candidate, FloatArray]]:
    say(f"counting {len(nets)} nets")
    found = []
    for net, counts in zip(nets, count_nets([n.architecture for n in nets]), strict=True):
        if isinstance(counts, Refused):
            say(f"  {net.text}: left out: {counts}")
        else:
            found.append((net, as_array(counts)))
    if len(found) < FEWEST:
        raise InputError(f"only {len(found)} nets could be counted; {FEWEST} are needed")
    return found


def _measured(
    device: Measured, nets: Sequence[tuple[Candidate, FloatArray]], number: int, say: Say
) -> list[tuple[Candidate, FloatArray, Latency]]:
    """Measure until ``number`` nets succeeded; who fails is replaced by the next."""
    done: list[tuple[Candidate, FloatArray, Latency]] = []
    failed = 0
    for net, counts in nets:
        (found,) = device.latencies([net.architecture])
        if isinstance(found, Latency):
            say(f"  {net.text}: {found.latency_ms:.2f} ms")
            done.append((net, counts, found))
            failed = 0
        else:
            say(f"  {net.text}: left out: {found}")
            failed += 1
        if len(done) == number or failed == _FAILURES_IN_A_ROW:
            break
    if len(done) < FEWEST:
        raise BoardFailed(
            f"{device.board.name}: only {len(done)} nets could be measured, {FEWEST} are needed"
        )
    return done


def _profile(device: Measured, fit: Fit, nets: int) -> Profile:
    machine = device.machine
    clock = machine.highest_khz
    return Profile(
        board=device.board.name,
        title=device_text(device.board.name, machine),
        core=core_name(machine),
        clock_ghz=clock / 1e6 if clock else None,
        source=Source(
            table=f"{nets} nets measured by archsearch devices calibrate",
            commit="",
            licence="not stated",
            time="median_ms",
        ),
        fits=(fit,),
    )

"""What Linux says of the machine: cores, clocks, temperature, throttling. Runs on the board.

Every function takes the root of the file system, so that the files of any board can be put in its
place. Where a board lacks a file, the value is None.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

_CPU = "sys/devices/system/cpu"
_FIRMWARE_FLAGS = "sys/devices/platform/soc/soc:firmware/get_throttled"
_THROTTLED_NOW = 0b1110
"""Raspberry Pi firmware: clock capped, throttled, soft temperature limit; bit 0, under-voltage,
leads to one of them where it matters."""
_CLOCK_NOISE = 0.9


def text(path: Path) -> str | None:
    """Content of a file of /proc or /sys; device trees end theirs with a zero byte."""
    try:
        return path.read_text(errors="replace").strip().strip("\0") or None
    except OSError:
        return None


def number(path: Path) -> int | None:
    """Content of a file that holds one whole number, decimal or hexadecimal with 0x."""
    found = text(path)
    try:
        return None if found is None else int(found, 0)
    except ValueError:
        return None


def highest_khz(core: int, root: Path) -> int:
    """Highest clock of a core; its relative capacity where the kernel tells no clock, else 0."""
    folder = root / _CPU / f"cpu{core}"
    found = number(folder / "cpufreq/cpuinfo_max_freq")
    return found if found is not None else number(folder / "cpu_capacity") or 0


def fastest(allowed: list[int], threads: int, root: Path) -> list[int]:
    """Choose ``threads`` cores, the highest clock first.

    Among equals the last ones: interrupts go to the first core on most boards.
    """
    return sorted(allowed, key=lambda core: (-highest_khz(core, root), -core))[:threads]


def allowed_cores() -> list[int]:
    """Cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def snapshot(core: int, root: Path) -> dict[str, Any]:
    """Clock, its present limit, governor, temperature and throttling at this moment."""
    folder = root / _CPU / f"cpu{core}"
    return {
        "khz": number(folder / "cpufreq/scaling_cur_freq"),
        "limit_khz": number(folder / "cpufreq/scaling_max_freq"),
        "governor": text(folder / "cpufreq/scaling_governor"),
        "celsius": _celsius(root),
        "throttle_count": number(folder / "thermal_throttle/core_throttle_count"),
        "firmware_flags": _firmware_flags(root),
    }


def _firmware_flags(root: Path) -> int | None:
    found = text(root / _FIRMWARE_FLAGS)
    try:
        return None if found is None else int(found, 16)
    except ValueError:
        return None


def _celsius(root: Path) -> float | None:
    zones: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        found = number(zone / "temp")
        if found is not None and 0 < found < 200_000:
            zones[f"{text(zone / 'type')} {zone.name}"] = found / 1000
    of_cpu = [value for name, value in zones.items() if "cpu" in name.lower()]
    return max(of_cpu or zones.values(), default=None)


def throttled(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Say how the clock was held back between two snapshots under load, or None."""
    if (after["firmware_flags"] or 0) & _THROTTLED_NOW:
        return f"the firmware throttles (flags {after['firmware_flags']:#x})"
    if None not in (before["throttle_count"], after["throttle_count"]):
        events = after["throttle_count"] - before["throttle_count"]
        if events > 0:
            return f"the core was throttled {events} times"
    for key, what, share in (("limit_khz", "highest clock", 1.0), ("khz", "clock", _CLOCK_NOISE)):
        first, last = before[key], after[key]
        if first and last and last < share * first:
            return f"the {what} fell from {first // 1000} to {last // 1000} MHz"
    return None


def identity(core: int, root: Path) -> dict[str, Any]:
    """What the machine is: board, kernel, architecture, the core's implementer and part."""
    implementer, part = _core_id(core, root)
    return {
        "board": text(root / "proc/device-tree/model"),
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "implementer": implementer,
        "part": part,
        "cpu": _cpuinfo(core, root).get("model name"),
        "highest_khz": number(root / _CPU / f"cpu{core}/cpufreq/cpuinfo_max_freq"),
    }


def _core_id(core: int, root: Path) -> tuple[int | None, int | None]:
    midr = number(root / _CPU / f"cpu{core}/regs/identification/midr_el1")
    if midr is not None:
        return midr >> 24 & 0xFF, midr >> 4 & 0xFFF
    entry = _cpuinfo(core, root)
    try:
        return int(entry["CPU implementer"], 0), int(entry["CPU part"], 0)
    except (KeyError, ValueError):
        return None, None


def _cpuinfo(core: int, root: Path) -> dict[str, str]:
    """Entry of one core; 32-bit kernels tell some keys once, behind all cores."""
    found: dict[str, str] = {}
    for block in (text(root / "proc/cpuinfo") or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        entry = {key.strip(): value.strip() for key, _, value in pairs}
        if entry.get("processor", str(core)) == str(core):
            found.update(entry)
    return found

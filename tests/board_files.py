"""Nets, runtimes and links that stand in for real ones on boards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from archsearch.devices.boards.answer import Timing
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.host import HostLink
from archsearch.devices.boards.settings import HostSettings
from archsearch.devices.deploy import Deployed
from archsearch.devices.runtimes.runtime import Runtime, copy_onnx

STAND_IN = Runtime(
    name="Stand-in",
    version="1.0",
    guest_wheels=("stand-in==1.0",),
    host_wheels=(),
    session=Path(__file__).parent / "data" / "stand_in_session.py",
    isas=("aarch64-fp32",),
    convert=copy_onnx,
)


def deployed(folder: Path, name: str = "net", padding: int = 0, **says: Any) -> Deployed:
    """A net of the stand-in runtime; its output are the first four numbers of its input."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    model, given = place / "model.json", place / "input.f32"
    model.write_text(json.dumps(says) + " " * padding)
    x = torch.arange(6, dtype=torch.float32)
    given.write_bytes(x.numpy().tobytes())
    return Deployed(name, model, (1, 6), given, x[:4])


def timing(**changed: Any) -> Timing:
    """A steady timing, with changes."""
    spread = {"median_ms": 10.0, "p10_ms": 9.9, "p90_ms": 10.1, "n": 60, "drift": 0.0}
    state = {"khz": 1_800_000, "limit_khz": None, "governor": "performance", "celsius": 55.0}
    machine = {
        "board": "Raspberry Pi 4 Model B",
        "kernel": "Linux 6.1",
        "machine": "aarch64",
        "python": "3.11.2",
        "implementer": 0x41,
        "part": 0xD08,
        "cpu": None,
        "highest_khz": 1_800_000,
    }
    data = {
        **spread,
        "reference": spread,
        "before": state,
        "after": {**state, "celsius": 81.0},
        "throttled": None,
        "cores": [3],
        "threads": 1,
        "runtime": "3.6.1",
        "machine": machine,
        "output": None,
    }
    reference_drift = changed.pop("reference_drift", 0.0)
    reference_ms = changed.pop("reference_ms", 10.0)
    data["reference"] = {**spread, "drift": reference_drift, "median_ms": reference_ms}
    return Timing.model_validate({**data, **changed})


class Scripted(Board):
    """A board whose timings are given; it notes how long it was left to cool."""

    def __init__(self, timings: Sequence[Timing], folder: Path) -> None:
        settings = HostSettings(kind="host", folder=str(folder))
        self.slept: list[float] = []
        super().__init__(
            "pi", settings, HostLink(settings), runtime=STAND_IN, sleep=self.slept.append
        )
        self.timings = list(timings)

    def time_once(self, net: Deployed, reference: Deployed) -> Timing:
        """Return the next timing."""
        del net, reference
        return self.timings.pop(0)

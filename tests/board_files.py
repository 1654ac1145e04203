"""Nets, runtimes and links that stand in for real ones on boards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

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

"""The published nets in two quantities, as the papers' figures show them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from archsearch import published
from archsearch.errors import InputError, nearest
from archsearch.published_numbers import published_summary, published_table

QUANTITIES = {"params": "params", "macs": "macs", "latency": "latency_ms", "top1": "top1"}
"""What ``published_points`` knows, with the names of its columns."""

_COUNTED = (("params", "counted_params_m", 1e6), ("macs", "counted_gmacs", 1e9))

# Nets of one design, by the pattern of their names, and whether they are one design in several
# sizes. The first pattern that fits counts.
_FAMILIES = (
    (r"edgenext_(.+)_bn_hs", "EdgeNeXt, BN and Hardswish", True),
    (r"edgenext_(.+)", "EdgeNeXt", True),
    (r"hornet_(.+)_7x7", "HorNet 7x7", True),
    (r"hornet_(.+)_gf", "HorNet GF", True),
    (r"hornet_(.+)_gf_img384", "HorNet GF, 384 pixels", True),
    (r"parcnet_(.+)", "ParC-Net", True),
    (r"parc_(.+)", "ParC in other nets", False),
    (r"cmt_(.+)", "CMT", True),
    (r"mobilevit_(.+)", "MobileViT", True),
    (r"mobilenetv2_(.+)", "MobileNetV2", True),
    (r"convnext_(.+)", "ConvNeXt", True),
    (r"deit_(.+)", "DeiT", True),
    (r"swin_(.+)", "Swin", True),
    (r"resnet(.+)", "ResNet", True),
    (r"efficientnet_(.+)", "EfficientNet", True),
)

# How papers write what the pattern finds; anything else is written in capitals.
_SIZES = {
    "xx_small": "XXS",
    "x_small": "XS",
    "small": "S",
    "tiny": "T",
    "base": "B",
    "large": "L",
    "ti": "Ti",
    "100": "1.0",
    "mobilenetv2": "MobileNetV2",
    "convnext_xt": "ConvNeXt-XT",
    "resnet50": "ResNet50",
}


def published_points(x: str, y: str, device: str | None = None) -> pd.DataFrame:
    """What a figure of the published nets in two quantities shows, one row a net.

    Params and MACs are counted; top-1 and latency are stated, the top-1 as in
    ``published_summary``, the latency at the net's own resolution, in the paper's own training
    where there are several.

    Args:
        x: ``params``, ``macs``, ``latency`` or ``top1``.
        y: another of them.
        device: the device of the latencies, or a part of its name that no other has.

    Returns:
        ``net``, ``family``, ``size`` (of the net in its family), ``joined`` (whether the family is
        one design in several sizes), ``source`` of all that is stated, and both quantities, called
        ``params``, ``macs``, ``latency_ms`` and ``top1``. Nets of which one of the two is unknown
        are left out. ``attrs["device"]`` is the device of the latencies.

    Raises:
        InputError: a quantity is unknown or given twice, or not just one device is meant.
    """
    _check(x, y, device)
    frame = published_summary()
    for name, counted, unit in _COUNTED:
        frame[name] = (unit * frame[counted]).round()
    known = _known_device(device) if "latency" in (x, y) else None
    stated = _stated(frame["net"], known)
    frame["latency_ms"] = stated["latency_ms"]
    of_top1 = frame["source"] if "top1" in (x, y) else [None] * len(frame)
    frame["source"] = [_together(both) for both in zip(of_top1, stated["source"], strict=True)]
    looks = pd.DataFrame([_look(net) for net in frame["net"]], columns=["family", "size", "joined"])
    columns = [QUANTITIES[name] for name in (x, y)]
    found = frame[["net"]].join(looks).join(frame[["source", *columns]])
    found = found.dropna(subset=columns).reset_index(drop=True)
    found.attrs["device"] = known
    return found


def _check(x: str, y: str, device: str | None) -> None:
    for name in (x, y):
        if name not in QUANTITIES:
            known = nearest(name, QUANTITIES)
            raise InputError(f"unknown quantity {name!r}; {known}; give two, such as params,top1")
    if x == y:
        raise InputError(f"the quantity {x!r} was given twice; give two, such as params,top1")
    if device is not None and "latency" not in (x, y):
        raise InputError(f"{x} and {y} are of no device; leave the device out or give latency")


def _known_device(given: str | None) -> str:
    """The one device whose name is or contains what was given."""
    frame = published_table()
    rows = frame[frame["latency_ms"].notna() & frame["net"].isin(published.names())]
    counts = rows.groupby("latency_device")["net"].nunique().sort_values(ascending=False)
    names = [str(name) for name in counts.index]
    fits = [name for name in names if given is None or given.lower() in name.lower()]
    fits = [name for name in fits if name == given] or fits
    if given is not None and len(fits) == 1:
        return fits[0]
    listed = "; ".join(f"{name} ({counts[name]} nets)" for name in fits or names)
    if given is None:
        raise InputError(f"latencies are of one device and none was given; give one of: {listed}")
    many = "is part of several devices' names" if fits else "is no device with a stated latency"
    raise InputError(f"{given!r} {many}; give one of: {listed}")


def _stated(nets: Iterable[str], device: str | None) -> pd.DataFrame:
    """Latency of each net on a device, and its source; missing where none is stated."""
    frame = published_table()
    here = frame[frame["latency_ms"].notna() & (frame["latency_device"] == device)]
    rows = []
    for net in nets:
        size = here["resolution"].fillna("") if len(here) else here["resolution"]
        own = here[(here["net"] == net) & size.isin(["", str(published.load(net).resolution)])]
        best = own.sort_values("recipe", na_position="first", kind="stable").head(1)
        rows.append(best[["latency_ms", "source"]].to_dict("records"))
    return pd.DataFrame([row[0] if row else {"latency_ms": np.nan, "source": None} for row in rows])


def _together(sources: Iterable[Any]) -> str:
    return " and ".join(dict.fromkeys(one for one in sources if isinstance(one, str)))


def _look(net: str) -> tuple[str, str, bool]:
    """Family, size, and whether the family is joined."""
    for pattern, family, joined in _FAMILIES:
        found = re.fullmatch(pattern, net)
        if found:
            return family, _SIZES.get(found[1], found[1].upper()), joined
    return net, "", False

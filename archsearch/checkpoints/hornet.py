"""HorNet's weights: the official code (raoyongming/HorNet@ac9e210)."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.checkpoints.convnext import net_names
from archsearch.checkpoints.naming import renamed, within

STYLES: tuple[str, ...] = ("official",)

_GNCONV = {
    "project_in": "proj_in",
    "spatial": "dwconv",
    "spatial.norm": "dwconv.pre_norm",
    "spatial.local": "dwconv.dw",
    "spatial.out_norm": "dwconv.post_norm",
    "lifts": "pws",
    "project_out": "proj_out",
}
_BLOCK = {
    "norm": "norm1",
    **within("gnconv", "gnconv", _GNCONV),
    "scale.gamma": "gamma1",
    "mlp.norm": "norm2",
    "mlp.expand": "pwconv1",
    "mlp.contract": "pwconv2",
    "mlp.scale.gamma": "gamma2",
}


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``."""
    return renamed(architecture, net_names(architecture, style, {"gnconv": _BLOCK}))


def ignored(architecture: Architecture) -> tuple[str, ...]:  # noqa: ARG001
    """Patterns of keys that official files hold beside the weights: none."""
    return ()

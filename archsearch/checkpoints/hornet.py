"""HorNet's weights: the official code (raoyongming/HorNet@ac9e210)."""

from __future__ import annotations

from archsearch.architecture import Architecture
from archsearch.checkpoints.convnext import net_names
from archsearch.checkpoints.naming import renamed, within

STYLES: tuple[str, ...] = ("official",)

GLOBAL_FILTER = {"norm": "pre_norm", "local": "dw", "out_norm": "post_norm"}
"""Prefixes in the global-local filter."""
GNCONV = {
    "project_in": "proj_in",
    **within("spatial", "dwconv", GLOBAL_FILTER),
    "lifts": "pws",
    "project_out": "proj_out",
}
"""Prefixes in the recursive gated convolution."""
BLOCK = {
    "norm": "norm1",
    **within("gnconv", "gnconv", GNCONV),
    "scale.gamma": "gamma1",
    "mlp.norm": "norm2",
    "mlp.expand": "pwconv1",
    "mlp.contract": "pwconv2",
    "mlp.scale.gamma": "gamma2",
}
"""Prefixes in a ``gnconv``."""


def official_names(architecture: Architecture, style: str) -> dict[str, str]:
    """Name of every entry of our state dict in the code ``style``."""
    return renamed(architecture, net_names(architecture, style, {"gnconv": BLOCK}))


def ignored(architecture: Architecture) -> tuple[str, ...]:  # noqa: ARG001
    """Patterns of keys that official files hold beside the weights: none."""
    return ()

"""What can be drawn by name: every kind of layer, with the leaves and the site of its drawing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.layer import Layer, Site
from archsearch.documents import Document, Misfit
from archsearch.errors import InputError
from archsearch.records import check

_TABLES: Mapping[str, Mapping[str, type[Layer]]] = MappingProxyType(
    {"stem": STEMS, "downsample": DOWNSAMPLES, "block": BLOCKS}
)
_SITES = {
    "stem": Site(3, 64, 224, 224),
    "downsample": Site(64, 128, 28, 28),
    "block": Site(64, 64, 14, 14),
}


class Example(NamedTuple):
    """Leaves and site with which a kind is drawn where nothing else is asked for."""

    leaves: Mapping[str, Any]
    site: Site


# As the papers' nets have them; a kind without a line has its default leaves.
_EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "pacc": Example({}, Site(192, 192, 32, 32)),
        "pacc_frame": Example({"inner": 192, "depth": 1}, Site(96, 96, 32, 32)),
        "gnconv": Example({}, Site(128, 128, 28, 28)),
        "gnconv_global": Example({"kernel": "global", "order": 2}, Site(256, 256, 14, 14)),
        "sdta": Example({"splits": 3, "heads": 8, "position": True}, Site(160, 160, 16, 16)),
        "cmt": Example({"heads": 4, "reduction": 2}, Site(256, 256, 14, 14)),
        "conv_encoder": Example({"kernel": 7}, Site(96, 96, 56, 56)),
        "conv_encoder_global": Example(
            {"kernel": "global", "position": True}, Site(192, 192, 28, 28)
        ),
        "inverted_residual": Example({}, Site(64, 64, 32, 32)),
        "inverted_residual_squeeze": Example(
            {"kernel": 5, "expand": 6.0, "squeeze": 0.25}, Site(112, 112, 14, 14)
        ),
        "bottleneck": Example({}, Site(256, 256, 56, 56)),
        "nb201_cell": Example(
            {
                "edge01": "nor_conv_3x3",
                "edge02": "nor_conv_1x1",
                "edge12": "avg_pool_3x3",
                "edge03": "skip_connect",
                "edge13": "none",
                "edge23": "nor_conv_3x3",
            },
            Site(16, 16, 32, 32),
        ),
        "nb201_down": Example({}, Site(16, 32, 32, 32)),
        "mobilevit": Example({"inner": 144, "depth": 1}, Site(96, 96, 32, 32)),
        "vit": Example({}, Site(192, 192, 197, 1)),
        "swin": Example({"shift": True}, Site(96, 96, 56, 56)),
        "stem.conv": Example({}, Site(3, 16, 256, 256)),
        "cmt_stem": Example({}, Site(3, 32, 224, 224)),
        "patch": Example({}, Site(3, 96, 224, 224)),
        "downsample.conv": Example({}, Site(96, 192, 56, 56)),
        "patch_merge": Example({}, Site(96, 192, 56, 56)),
        "tokens": Example({}, Site(192, 192, 14, 14)),
    }
)


def kinds() -> dict[str, tuple[str, type[Layer]]]:
    """Every kind of layer by the name that a drawing has, with its place in a net.

    Where a name stands for two layers, the place stands before it: ``stem.conv``.
    """
    found: dict[str, tuple[str, type[Layer]]] = {}
    for place, table in _TABLES.items():
        for kind, layer in table.items():
            others = {t[kind] for t in _TABLES.values() if kind in t} - {layer}
            found[f"{place}.{kind}" if others else kind] = place, layer
    return found


def drawings() -> dict[str, tuple[Layer, Site]]:
    """What the page of blocks shows: every kind once, some with a variant."""
    shown = {name: subject(name) for name in kinds()}
    for name, example in _EXAMPLES.items():
        if name not in shown:
            [kind] = [k for k in kinds() if name.startswith(f"{k}_") and k in _EXAMPLES]
            shown[name] = kinds()[kind][1](**example.leaves), example.site
    return dict(sorted(shown.items()))


def subject(
    name: str, leaves: Mapping[str, Any] | None = None, site: Site | None = None
) -> tuple[Layer, Site]:
    """The layer that is drawn under a name, and where it stands.

    Args:
        name: a key of ``kinds()``.
        leaves: its leaves; without them its example's. A leaf without a default is its example's.
        site: where it stands; without it its example's.

    Raises:
        InputError: the name stands for two layers, or a leaf does not hold.
    """
    place, layer = kinds()[name]
    example = _EXAMPLES.get(name, Example({}, _SITES[place]))
    required = {n for n, field in layer.model_fields.items() if field.is_required()}
    given = example.leaves if leaves is None else leaves
    filled = {n: v for n, v in example.leaves.items() if n in required}
    try:
        checked = check(layer, {**filled, **given})
    except Misfit as error:
        raise Document(f"--leaves of {name}", None).error(error) from None
    return checked, site or example.site


def ambiguous(name: str) -> InputError | None:
    """The error for a bare name that stands for two layers, or None."""
    full = [known for known in kinds() if known.endswith(f".{name}")]
    return InputError(f"{name}: there are two; give {' or '.join(full)}") if full else None

"""The papers' official weights: read safely, told apart by their names, put into our nets."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Protocol

from torch import Tensor

from archsearch.architecture import Architecture
from archsearch.checkpoints import (
    cmt,
    convnext,
    deit,
    edgenext,
    hornet,
    mobilenetv2,
    mobilevit,
    parc_convnets,
    parcnet,
    resnet,
    swin,
)
from archsearch.checkpoints.reading import read_checkpoint as read_checkpoint
from archsearch.checkpoints.safetensors import read_safetensors as read_safetensors
from archsearch.checkpoints.safetensors import save_safetensors as save_safetensors
from archsearch.errors import InputError
from archsearch.network import Network, build
from archsearch.published import load


class Family(Protocol):
    """Names of one family's weights in the codes that publish them."""

    @property
    def STYLES(self) -> tuple[str, ...]:  # noqa: N802
        """The codes whose names are known."""

    def official_names(self, architecture: Architecture, style: str, /) -> dict[str, str]:
        """Name of every entry of our state dict in the code ``style``."""


FAMILIES: Mapping[str, Family] = {
    "cmt": cmt,
    "convnext": convnext,
    "deit": deit,
    "edgenext": edgenext,
    "efficientnet": mobilenetv2,
    "hornet": hornet,
    "mobilenetv2": mobilenetv2,
    "mobilevit": mobilevit,
    "parc_": parc_convnets,
    "parcnet": parcnet,
    "resnet": resnet,
    "swin": swin,
}
"""By the beginning of its nets' names."""


def family_of(name: str) -> Family:
    """Family of the published net ``name``.

    Raises:
        InputError: no code is known that publishes weights for it.
    """
    for beginning, family in FAMILIES.items():
        if name.startswith(beginning):
            return family
    raise InputError(f"no official weights are known for {name!r}; families: {', '.join(FAMILIES)}")


def load_official(name: str, state_dict: Mapping[str, Tensor]) -> Network:
    """Build the published net ``name`` with the official weights ``state_dict`` in it.

    The names tell which code wrote them (the authors' own, timm, ...). The net gets as many classes
    as the weights have. A weight may have another shape with its elements in the same order, as
    that of a linear layer where ours is a 1x1 convolution.

    Raises:
        InputError: no net has this name; keys are missing or left over (each is named); a weight
            has another size than the net's.
    """
    architecture = load(name)
    family = family_of(architecture.name or name)
    candidates = [family.official_names(architecture, style) for style in family.STYLES]
    names = max(candidates, key=lambda names: len(set(names.values()) & set(state_dict)))
    _check_names(name, names, state_dict, _ignored(family, architecture))
    network = build(architecture, state_dict[names["head.classify.weight"]].shape[0], seed=0)
    _fill(name, network, names, state_dict)
    return network


def _ignored(family: Family, architecture: Architecture) -> tuple[str, ...]:
    """Patterns of keys that a family's official files hold beside the weights, if any."""
    patterns: tuple[str, ...] = getattr(family, "ignored", lambda _: ())(architecture)
    return patterns


def _check_names(
    name: str, names: Mapping[str, str], state_dict: Mapping[str, Tensor], ignored: tuple[str, ...]
) -> None:
    """Refuse weights that are not exactly the net's.

    A batch norm's count of batches may be missing, as in files of old PyTorch: inference does not
    use it.
    """
    wanted = dict.fromkeys(names.values())
    missing = [k for k in wanted if k not in state_dict and not k.endswith("num_batches_tracked")]
    left_over = [
        key
        for key in state_dict
        if key not in wanted and not any(fnmatchcase(key, pattern) for pattern in ignored)
    ]
    told = [
        f"{len(keys)} {what}: {', '.join(keys)}"
        for what, keys in (("missing", missing), ("left over", left_over))
        if keys
    ]
    if told:
        raise InputError(
            f"these are not the weights of {name}; {'; '.join(told)}. Name the net that they "
            "belong to"
        )


def _fill(
    name: str, network: Network, names: Mapping[str, str], state_dict: Mapping[str, Tensor]
) -> None:
    for ours, tensor in network.state_dict().items():
        given = state_dict.get(names[ours])
        if given is None:
            continue
        if _lengths(given) != _lengths(tensor):
            raise InputError(
                f"{names[ours]}: got shape {list(given.shape)}, but {name} has "
                f"{list(tensor.shape)} there; give weights made for this net and its resolution"
            )
        tensor.copy_(given.reshape(tensor.shape))


def _lengths(tensor: Tensor) -> list[int]:
    """Axes of more than one number: where these are equal, so is the order of the numbers."""
    return [length for length in tensor.shape if length > 1]

"""What every layer of the language is: leaves, a rule, a closed-form cost and a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from torch import nn

from archsearch.blocks.counting import Cost, Tally
from archsearch.blocks.live import LiveSet
from archsearch.blocks.operators import Operators

__all__ = ["Cost", "Layer", "Shape", "Site"]

Shape = tuple[int, ...]


class Site(NamedTuple):
    """Where a layer stands: channels it gets and gives, and the size of the map that it gets."""

    in_channels: int
    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        """Elements of the map that comes in."""
        return self.in_channels * self.height * self.width


class Layer(BaseModel):
    """A layer of the language: its fields are its leaves.

    A layer is a plain immutable value. It knows its rule (``problem``), the closed forms of its
    cost (``count``, ``follow``) and how to ``build`` its module; they stand in one file so that
    they cannot drift apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: ClassVar[str]

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None. Depends on channels only."""
        raise NotImplementedError

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map for an input map of this size."""
        return height, width

    def shared(self, site: Site) -> Mapping[str, Shape]:
        """Names and shapes of parameters that all such layers of a stage share (CMT's table)."""
        del site
        return {}

    def cost(self, site: Site) -> Cost:
        """Closed-form cost at ``site``, shared parameters left out."""
        tally = Tally()
        self.count(site, tally)
        return tally.cost()

    def count(self, site: Site, tally: Tally) -> None:
        """Count what the module holds and computes at ``site``, shared parameters left out."""
        raise NotImplementedError

    def live(self, site: Site) -> int:
        """Elements of the largest live set while the layer runs on one image, its input included.

        Operators run one after another in forward's order. What an operator reads and what it
        writes are alive together; a tensor dies after its last reader. Elementwise operators
        (norms, activations, scales, sums, products, softmax) write over an input of the output's
        size that dies with them. Reshaping, transposing, splitting and slicing share memory, also
        where a memory layout makes torch copy; concatenating, padding and rolling copy. A complex
        number is two elements. Not counted: weights and what is computed from weights alone
        (position encodings, masks, generated kernels), and an operator's own workspace.
        """
        live = LiveSet(site.elements)
        self.follow(site, live)
        return live.most

    def follow(self, site: Site, live: LiveSet) -> None:
        """Write and free as forward does at ``site``: the input alone at first, its output last."""
        raise NotImplementedError

    def operators(self, site: Site) -> Operators:
        """What a mobile runtime executes for this layer at ``site``, in forward's order.

        As MNN runs the exported net, see ``blocks.operators``; the transforms of a global filter
        are exported as matrix products.
        """
        raise NotImplementedError

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        raise NotImplementedError

"""The predicted device: instructions computed from the layers' shapes, a profile gives the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from math import hypot

from archsearch.architecture import Architecture
from archsearch.blocks.operators import Operator, Operators
from archsearch.codes import IntArray
from archsearch.cost.population import PopulationCosts
from archsearch.devices.instructions import NET, isas, load
from archsearch.devices.profile import FloatArray, Isa, Profile
from archsearch.devices.reading import Latency
from archsearch.errors import InputError
from archsearch.grammar import Tree


class Predicted:
    """A board with a profile, for MNN, which runs every net of this package.

    Args:
        profile: of the board.
        threads: of the runtime on the board.
        isa: instruction set that is computed; None takes the profile's first that there are
            coefficients for.

    Raises:
        InputError: there are no coefficients for the profile's instruction sets, or no fit.
    """

    def __init__(self, profile: Profile, *, threads: int = 1, isa: Isa | None = None) -> None:
        self._fit = profile.fit(threads, _known_isa(profile, isa))
        self._instructions = load(self._fit.counts)
        self.name = profile.board
        self.runtime = self._instructions.runtime

    @cached_property
    def price(self) -> Callable[[Operator], float]:
        """Nanoseconds of an operator."""
        return self._instructions.priced(self._fit.ns_per_class)

    @property
    def expected_error(self) -> float:
        """Relative error to expect: of profile and instructions, which are independent."""
        return hypot(self._fit.expected_error(self.runtime), self._instructions.expected_error)

    def latency(self, architecture: Architecture, classes: int = 1000) -> Latency:
        """Latency of one net."""
        ms = sum(map(self.price, (NET, *operators_of(architecture, classes)))) / 1e6
        return Latency(
            latency_ms=ms,
            p10_ms=ms,
            p90_ms=ms,
            n=1,
            threads=self._fit.threads,
            how="predicted",
            device=self.name,
            runtime=self.runtime,
            expected_error=self.expected_error,
        )

    def latencies(
        self, architectures: Iterable[Architecture], classes: int = 1000
    ) -> Iterator[Latency]:
        """Latencies of many nets, in order."""
        return (self.latency(architecture, classes) for architecture in architectures)

    def population(self, tree: Tree, classes: int = 1000) -> Callable[[IntArray], FloatArray]:
        """What turns valid points (N, L) of a space into milliseconds (N,), by the thousand.

        The same sums as ``latency``, each layer's rounded to whole picoseconds.
        """
        costs = PopulationCosts(tree, classes, self.price)
        once = self.price(NET) / 1e6

        def milliseconds(codes: IntArray) -> FloatArray:
            found: FloatArray = costs.timed(codes).picoseconds / 1e9 + once
            return found

        return milliseconds


def operators_of(architecture: Architecture, classes: int = 1000) -> Operators:
    """What a runtime executes for a net, in order."""
    site = architecture.out_site()
    head = (site.channels, site.height, site.width, classes)
    layers = [place.layer.operators(place.site) for place in architecture.places()]
    return (*(at for layer in layers for at in layer), *architecture.head.operators(*head))


def _known_isa(profile: Profile, wanted: Isa | None) -> Isa:
    for isa in (wanted,) if wanted else profile.isas:
        if isa in isas():
            return isa
    raise InputError(
        f"{profile.board} cannot be predicted by {wanted or ', '.join(profile.isas)} counts: there "
        f"are coefficients for {', '.join(isas())} alone; emulate it: emulated:{profile.board}"
    )

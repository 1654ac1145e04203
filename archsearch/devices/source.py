"""What must agree between latencies that stand in one table, front or figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from archsearch.devices.reading import How, Latency
from archsearch.errors import InputError


class Source(NamedTuple):
    """Where a latency came from, and in which way."""

    device: str
    how: How
    runtime: str
    threads: int

    @classmethod
    def of(cls, latency: Latency) -> Source:
        """Where ``latency`` came from."""
        return cls(latency.device, latency.how, latency.runtime, latency.threads)

    def __str__(self) -> str:
        """Such as ``Raspberry Pi 4, predicted, MNN 3.6.1, 1 thread``."""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.title}, {self.how}, {self.runtime}, {threads}"

    @property
    def title(self) -> str:
        """The device as people write it: raspberry_pi_4 is Raspberry Pi 4, rk3288 is RK3288."""
        name = self.device.removeprefix(f"{self.how}:")
        return " ".join(map(_word, name.split("_"))) if re.fullmatch(r"[a-z0-9_]+", name) else name


def one_source(found: Mapping[str, Iterable[Latency]]) -> Source | None:
    """The source of all latencies, or None where there is none.

    Args:
        found: latencies by what they are of, such as ``trials``.

    Raises:
        InputError: they come from several; says what came from where.
    """
    groups = {what: [*dict.fromkeys(map(Source.of, ls))] for what, ls in found.items()}
    sources = [*dict.fromkeys(source for group in groups.values() for source in group)]
    if len(sources) > 1:
        told = "; ".join(f"{what}: {source}" for what, group in groups.items() for source in group)
        raise InputError(
            f"latencies of different devices or ways do not mix ({told}); measure all by one "
            "device, such as archsearch measure RUN --device NAME"
        )
    return sources[0] if sources else None


def label(source: Source, latencies: Iterable[Latency]) -> str:
    """Label of an axis, such as ``latency on Raspberry Pi 4 (ms, predicted, ±7 %)``."""
    return f"latency on {source.title} (ms, {_way(source, latencies)})"


def footnote(source: Source, latencies: Iterable[Latency]) -> str:
    """What a table says below: device, way, error, runtime and threads."""
    threads = f"{source.threads} thread{'s' * (source.threads > 1)}"
    return (
        f"latency_ms: one image on {source.title}, {_way(source, latencies)}; {source.runtime}, "
        f"{threads}."
    )


def _way(source: Source, latencies: Iterable[Latency]) -> str:
    errors = [one.expected_error for one in latencies if one.expected_error is not None]
    return f"{source.how}, ±{100 * max(errors):.2g} %" if errors else source.how


def _word(word: str) -> str:
    """A word of a name: types are in capitals."""
    mixed = any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
    return word.upper() if mixed else word.capitalize()

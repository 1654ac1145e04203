"""The probe: passes made once, their chance and their seconds."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from archsearch.proxies import Probe


def probe(seed: int = 0) -> Probe:
    return Probe(nn.Identity(), torch.zeros(4, 3, 2, 2), torch.zeros(4, dtype=torch.long), seed)


def test_a_pass_is_made_once() -> None:
    """However many proxies ask for it, and whichever pass asks."""
    calls = []

    def ground(_: Probe) -> int:
        calls.append("ground")
        return 3

    def above(of: Probe) -> int:
        return of.of(ground) + 1

    one = probe()
    assert [one.of(above), one.of(ground), one.of(above)] == [4, 3, 4]
    assert calls == ["ground"]


def test_what_is_none_is_kept_too() -> None:
    """A pass without a result is not made again."""
    calls: list[int] = []
    one = probe()
    for _ in range(2):
        assert one.of(calls.append) is None
    assert len(calls) == 1


def test_seconds_are_those_of_a_proxy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula's own seconds, and each pass below it once, whoever made it and through whom."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def spend(seconds: float) -> float:
        clock[0] += seconds
        return seconds

    def ground(_: Probe) -> float:
        return spend(100.0)

    def left(of: Probe) -> float:
        return of.of(ground) + spend(10.0)

    def right(of: Probe) -> float:
        return of.of(ground) + spend(20.0)

    def both(of: Probe) -> float:
        return of.of(left) + of.of(right) + of.of(ground) + spend(1.0)

    one = probe()
    assert one.score(right, "right")[1] == 120
    assert one.score(both, "both")[1] == 131
    assert one.score(left, "left")[1] == 110
    assert one.score(lambda _: spend(3.0), "alone")[1] == 3
    assert clock[0] == 164, "the ground is laid once; alone they are 364"


def test_chance_depends_on_the_place_alone() -> None:
    """Not on what was drawn before, nor on who asks; the seed and the place change it."""

    def draw(of: Probe, *place: str | int) -> float:
        return float(torch.rand((), generator=of.generator(*place)))

    one = probe()
    first = draw(one, "zen", 0)
    assert first != draw(one, "zen", 1)
    assert first == draw(one, "zen", 0) != draw(probe(1), "zen", 0)


def test_a_pass_may_draw_from_the_global_generator() -> None:
    """It is seeded by the pass's name, the same whoever was first, and put back."""

    def drawing(_: Probe) -> float:
        return float(torch.rand(()))

    def other(of: Probe) -> float:
        return float(torch.rand(())) + of.of(drawing)

    state = torch.get_rng_state()
    early, late = probe(), probe()
    late.of(other)
    assert early.of(drawing) == late.of(drawing)
    assert torch.equal(torch.get_rng_state(), state)


def test_after_a_pass_that_raises_the_books_are_right() -> None:
    """The failure belongs to who asked; the next score is counted from nothing."""

    def failing(_: Probe) -> float:
        raise ValueError("broken")

    def fine(_: Probe) -> float:
        return 1.0

    one = probe()
    with pytest.raises(ValueError, match="broken"):
        one.score(lambda of: of.of(failing), "failing")
    value, seconds = one.score(lambda of: of.of(fine), "fine")
    assert value == 1
    assert 0 <= seconds < 1

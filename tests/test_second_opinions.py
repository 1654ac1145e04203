"""Every published net under every counter: all differences explained to the last MAC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from archsearch import published, second_opinions
from archsearch.cost import count
from archsearch.cost.counters import COUNTERS
from archsearch.cost.explanation import UNEXPLAINED

SIZE = 64  # pixels: the operators are those of the full size, and two cores finish


@pytest.mark.parametrize("name", published.names())
def test_every_difference_is_explained(name: str) -> None:
    """Nothing is left over, for no counter; params are the same for all."""
    architecture = published.load(name).at(SIZE)
    exact = count(architecture)
    opinions = second_opinions.second_opinions(architecture)
    assert [opinion.counter for opinion in opinions] == list(COUNTERS)
    for opinion in opinions:
        assert opinion.params == exact.params
        assert opinion.macs - exact.macs == opinion.macs_difference
        assert sum(line.macs for line in opinion.lines) == opinion.macs_difference
        assert UNEXPLAINED not in {line.name for line in opinion.lines}


def test_classes_and_counters_can_be_chosen() -> None:
    """The head is counted with the classes asked for."""
    architecture = published.load("edgenext_xx_small").at(SIZE)
    (opinion,) = second_opinions.second_opinions(architecture, 10, ["torch"])
    assert opinion.macs == count(architecture, 10).macs == count(architecture).macs - 990 * 168
    assert opinion.lines == ()
    assert opinion.to_data()["counter"] == "torch"


def test_closed_forms_that_are_not_what_runs_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator that the closed forms forget, or invent, is never a line of a table."""

    def forgetful(count: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: count(*args)._replace(macs=count(*args).macs - 1)

    monkeypatch.setattr(second_opinions, "count", forgetful(count))
    with pytest.raises(RuntimeError, match=r"edgenext_xx_small: the closed forms give .* a bug"):
        second_opinions.second_opinions(published.load("edgenext_xx_small").at(SIZE))

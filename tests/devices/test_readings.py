"""The cache of readings: what is kept, under which key, by many processes, and when it breaks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in_devices import ENDLESS, device, notes

from archsearch import published
from archsearch.devices import Device, device_of
from archsearch.devices.reading import Latency
from archsearch.devices.readings import Key, Readings, Remembering, cache_folder
from archsearch.errors import InputError

KEY = Key("net", 1000, "pi#1", "MNN 3.6.1", 1, 1)
LATENCY = Latency(2.0, 1.9, 2.2, 60, 1, "measured", "pi", "MNN 3.6.1", None)
NET, OTHER = published.load("edgenext_xx_small"), published.load("parcnet_xs")


def test_a_reading_is_found_again(tmp_path: Path) -> None:
    """All of it, by another process's view of the same folder; a later one takes its place."""
    Readings(tmp_path).put(KEY, LATENCY)
    assert Readings(tmp_path).get(KEY) == LATENCY
    Readings(tmp_path).put(KEY, replace(LATENCY, n=70))
    assert Readings(tmp_path).get(KEY) == replace(LATENCY, n=70)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "other"},
        {"classes": 10},
        {"device": "pi#2"},
        {"runtime": "MNN 3.7.0"},
        {"threads": 4},
        {"protocol": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_the_key_counts(tmp_path: Path, change: dict[str, object]) -> None:
    """A reading of anything else is no answer."""
    readings = Readings(tmp_path)
    readings.put(KEY, LATENCY)
    assert readings.get(replace(KEY, **change)) is None  # type: ignore[arg-type]


def test_looking_makes_no_file(tmp_path: Path) -> None:
    """Where nothing was kept, nothing is found and nothing is written."""
    assert Readings(tmp_path / "none").get(KEY) is None
    assert not (tmp_path / "none").exists()


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """ARCHSEARCH_CACHE, else below XDG_CACHE_HOME, else below ~/.cache."""
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("ARCHSEARCH_CACHE", "/own")
    assert cache_folder() == Path("/own")
    monkeypatch.delenv("ARCHSEARCH_CACHE")
    assert cache_folder() == Path("/xdg/archsearch")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/home/u/.cache/archsearch")


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_readings import KEY, LATENCY
from archsearch.devices.readings import Readings
readings = Readings(Path(sys.argv[1]))
for number in range(40):
    readings.put(replace(KEY, architecture=f"{sys.argv[2]}-{number}"), LATENCY)
    assert readings.problem is None, readings.problem
"""


@pytest.mark.slow
def test_many_processes_write_at_once(tmp_path: Path) -> None:
    """Four writers of one new file lose nothing."""
    here = Path(__file__).parent
    paths = {"PYTHONPATH": f"{here.parents[1]}:{here.parent}"}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, name, str(here)], env=paths) for name in "abcd"]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    readings = Readings(tmp_path)
    kept = (readings.get(replace(KEY, architecture=f"{w}-{n}")) for w in "abcd" for n in range(40))
    assert all(latency == LATENCY for latency in kept)


def test_a_broken_cache_costs_only_time(tmp_path: Path) -> None:
    """Neither a damaged file nor a folder that cannot be made is the end of a measurement."""
    (tmp_path / "readings.sqlite").write_text("no database, but long enough to be taken for one")
    readings = Readings(tmp_path)
    readings.put(KEY, LATENCY)
    assert readings.get(KEY) is None
    assert "readings.sqlite" in str(readings.problem)
    (tmp_path / "file").write_text("")
    readings = Readings(tmp_path / "file" / "below")
    readings.put(KEY, LATENCY)
    assert "ARCHSEARCH_CACHE" in str(readings.problem)


def at_work(log: Path, **settings: object) -> Device:
    return device_of(device("clock", log=str(log), **settings))


@pytest.mark.usefixtures("stand_ins")
def test_a_device_is_asked_once_for_a_net(tmp_path: Path) -> None:
    """It is opened by the first net that is not known, and closed; the next run needs it not."""
    log = tmp_path / "log"
    with Remembering(at_work(log)) as first:
        one = first.latency(NET, 1000)
        assert first.latency(NET, 1000) == one
    assert notes(log) == ["opened", f"asked {NET.id}", "answered", "closed"]
    with Remembering(at_work(log)) as second:
        assert second.latency(NET, 1000) == one
        assert second.known(OTHER, 1000) is None
    assert len(notes(log)) == 4


@pytest.mark.usefixtures("stand_ins")
def test_fresh_measures_anew_and_keeps_that(tmp_path: Path) -> None:
    """--fresh does not look, and writes."""
    log = tmp_path / "log"
    for fresh in (False, True, False):
        with Remembering(at_work(log), fresh=fresh) as device:
            device.latency(NET, 1000)
    assert notes(log).count(f"asked {NET.id}") == 2


@pytest.mark.usefixtures("stand_ins")
def test_another_device_of_the_same_name_is_another(tmp_path: Path) -> None:
    """What decides the numbers decides the key; how long it cools does not."""
    log = tmp_path / "log"
    for settings in ({}, {"ns_per_mac": 2.0}, {"cool_s": 9.0}):
        with Remembering(at_work(log, **settings)) as device:
            device.latency(NET, 1000)
    assert notes(log).count(f"asked {NET.id}") == 2


@pytest.mark.usefixtures("stand_ins")
def test_many_nets_come_in_order_and_failures_are_not_kept(tmp_path: Path) -> None:
    """A batch asks only for what is missing; what failed is asked again."""
    log = tmp_path / "log"
    small = at_work(log, refuses_above=250_000_000)
    with Remembering(small) as device:
        found = list(device.latencies([NET.at(128), NET, OTHER.at(64)], 1000))
        assert [isinstance(one, Latency) for one in found] == [True, False, True]
        with pytest.raises(InputError, match=ENDLESS):
            device.latency(NET, 1000)
        list(device.latencies([OTHER.at(64), NET.at(128)], 1000))
    assert sum(note.startswith("asked") for note in notes(log)) == 4

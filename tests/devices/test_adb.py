"""Phones behind adb: there was none, so a stand-in ``adb`` on PATH plays one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from board_files import STAND_IN, deployed

from archsearch.devices.boards import board as board_module
from archsearch.devices.boards.adb import AdbLink
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.settings import AdbSettings

ADB = """#!/bin/sh
echo "$*" >>"$ADB_LOG"
[ -z "$ADB_SAYS" ] || { echo "$ADB_SAYS" >&2; exit 1; }
[ "$1" = -s ] && [ "$2" = phone ] || { echo "adb: more than one device/emulator" >&2; exit 1; }
shift 2
case "$1" in
  push) cp "$2" "$3" && echo "$2: 1 file pushed";;
  shell) shift; exec sh -c "$*";;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands that the stand-in got."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "adb").write_text(ADB)
    (folder / "adb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("ADB_LOG", str(tmp_path / "log"))
    monkeypatch.delenv("ADB_SAYS", raising=False)
    monkeypatch.setattr(board_module, "SECONDS", 0.02)
    monkeypatch.setattr(board_module, "WARMUP_S", 0.0)
    return tmp_path / "log"


def phone(folder: Path, serial: str | None = "phone", python: str = sys.executable) -> Board:
    settings = AdbSettings(
        kind="adb",
        serial=serial,
        python=python,
        folder=str(folder / "phone's folder"),
        drift_at_most=1e6,
    )
    return Board("phone", settings, AdbLink(settings), runtime=STAND_IN, sleep=lambda _: None)


def test_a_net_is_timed_over_adb(log: Path, tmp_path: Path) -> None:
    """Pushed as a file, unpacked there, timed; the pushed file is gone afterwards."""
    net = deployed(tmp_path)
    found = phone(tmp_path).time(net, net)
    assert 0 < found.p10_ms <= found.median_ms <= found.p90_ms
    assert sum(line.startswith("-s phone push ") for line in log.read_text().splitlines()) == 2
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("error: device unauthorized.", "has not allowed this computer"),
        ("adb: device 'phone' not found", "adb does not find it.*tried 3 times"),
        ("error: device offline", "adb does not find it.*tried 3 times"),
        ("adb: error: failed to copy: No space left on device", "its folder is full"),
        ("error: protocol fault", "adb lost it.*tried 3 times"),
    ],
)
def test_what_adb_says_is_told(
    says: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do; what may pass is tried again."""
    monkeypatch.setenv("ADB_SAYS", says)
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match=message):
        phone(tmp_path).time(net, net)


@pytest.mark.usefixtures("log")
def test_one_of_several_phones_must_be_named(tmp_path: Path) -> None:
    """By its serial number."""
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match="several devices are attached; say which with 'serial'"):
        phone(tmp_path, serial=None).time(net, net)


@pytest.mark.usefixtures("log")
def test_a_missing_python_says_so(tmp_path: Path) -> None:
    """Phones have none of themselves."""
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match="no python at /no/python"):
        phone(tmp_path, python="/no/python").time(net, net)


def test_no_adb_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match=r"adb: cannot be run .*install it"):
        phone(tmp_path).time(net, net)

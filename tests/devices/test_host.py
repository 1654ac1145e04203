"""This machine as a board, and what a board does about drift, throttling and load."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from board_files import STAND_IN, Scripted, deployed, timing
from hypothesis import given
from hypothesis import strategies as st

from archsearch import published
from archsearch.devices.boards import board as board_module
from archsearch.devices.boards.answer import Timing, answer_in
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.bundle import Bundle
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.host import HostLink
from archsearch.devices.boards.measured import Measured
from archsearch.devices.boards.process import run_process
from archsearch.devices.boards.report import check_board
from archsearch.devices.boards.settings import HostSettings


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """This machine, with a short protocol."""
    monkeypatch.setattr(board_module, "SECONDS", 0.02)
    monkeypatch.setattr(board_module, "WARMUP_S", 0.0)
    settings = HostSettings(kind="host", folder=str(tmp_path / "board"), drift_at_most=1e6)
    return Board("here", settings, HostLink(settings), runtime=STAND_IN, sleep=lambda _: None)


UNSTEADY = [
    (timing(drift=0.2), r"the net drifted by \+20.0%"),
    (timing(drift=-0.2), "the net drifted by -20.0%"),
    (timing(reference_drift=0.07), r"the reference net drifted by \+7.0%"),
    (timing(throttled="the clock fell from 1800 to 600 MHz"), "1800 to 600 MHz at 81 °C"),
]


@pytest.mark.parametrize(("unsteady", "reason"), UNSTEADY)
def test_an_unsteady_board_cools_and_is_asked_again(
    unsteady: Timing, reason: str, tmp_path: Path
) -> None:
    """Then its steady answer counts."""
    del reason
    net = deployed(tmp_path)
    board = Scripted([unsteady, timing()], tmp_path)
    assert board.time(net, net) == timing()
    assert board.slept == [board.settings.cool_s]


@pytest.mark.parametrize(("unsteady", "reason"), UNSTEADY)
def test_a_board_that_stays_unsteady_fails(unsteady: Timing, reason: str, tmp_path: Path) -> None:
    """After three attempts, with what was seen each time."""
    net = deployed(tmp_path)
    board = Scripted([unsteady] * 3, tmp_path)
    with pytest.raises(BoardFailed, match=f"pi: not steady in 3 attempts.*{reason}"):
        board.time(net, net)
    assert len(board.slept) == 2


def test_a_board_that_got_slower_since_another_net_is_noticed(tmp_path: Path) -> None:
    """Steady within a timing, but the reference net is slower than it was: cooled, asked again."""
    net = deployed(tmp_path)
    slow = timing(reference_ms=12.0)
    board = Scripted([timing(), slow, timing(reference_ms=10.1), slow, slow, slow], tmp_path)
    board.time(net, net)
    assert board.time(net, net).reference.median_ms == 10.1
    with pytest.raises(BoardFailed, match=r"the reference net is 20\.0% slower than before"):
        board.time(net, net)


def test_a_reading_says_how_it_came(tmp_path: Path) -> None:
    """Measured, on which core of which board, with which runtime, and the drift that was seen."""
    with Measured(Scripted([], tmp_path)) as device:
        found = device.reading(timing(drift=-0.01, reference_drift=0.02))
    assert found.how == "measured"
    assert found.device == "pi (Raspberry Pi 4 Model B, Cortex-A72 1.8 GHz)"
    assert (found.runtime, found.n, found.threads) == ("Stand-in 3.6.1", 60, 1)
    assert found.p10_ms <= found.latency_ms <= found.p90_ms
    assert found.expected_error == 0.02


def test_a_check_says_what_a_board_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two timings of the reference net, how far they are apart, and what could be better."""
    monkeypatch.setattr(Measured, "reference", property(lambda _: deployed(tmp_path)))
    slower = timing(
        median_ms=11.0, p90_ms=11.5, after={**timing().after.model_dump(), "governor": "x"}
    )
    with Measured(Scripted([timing(), slower], tmp_path)) as device:
        report = check_board(device)
    rows = report.rows()
    assert rows["core"] == "Cortex-A72, pinned to 3"
    assert rows["clock"] == "1800 MHz under load, at most 1800 MHz"
    assert rows["temperature"] == "55 °C before, 81 °C after"
    assert "10.00 and 11.00 ms, 10.0% apart" in rows["reference net"]
    assert "two timings differ by more than 5%" in rows["verdict"]
    assert "governor 'performance' would be steadier" in rows["verdict"]


def test_a_net_is_timed_here(board: Board, tmp_path: Path) -> None:
    """In a process of its own, pinned."""
    found = board.time(deployed(tmp_path), deployed(tmp_path, "reference"))
    assert 0 < found.p10_ms <= found.median_ms <= found.p90_ms
    assert found.n >= 30


def test_an_old_python_is_enough(board: Board, tmp_path: Path) -> None:
    """Boards keep their systems for years."""
    old = shutil.which("python3.7") or "python3.7"
    try:
        subprocess.run([old, "-c", ""], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no python3.7 here")
    board.settings = board.settings.model_copy(update={"python": old})
    found = board.time(deployed(tmp_path), deployed(tmp_path, "reference"))
    assert found.machine.python.startswith("3.7.")


def test_two_measurements_do_not_meet(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds the board's lock is waited for; then it is an error that may be tried again."""
    monkeypatch.setattr(board_module, "_BUSY_S", 0.1)
    net = deployed(tmp_path)
    Path(board.settings.folder).mkdir()
    with (Path(board.settings.folder) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BoardFailed, match=r"another measurement has held.*tried 3 times"):
            board.time(net, net)


def test_a_net_that_takes_too_long_says_so(board: Board, tmp_path: Path) -> None:
    """Without a second try: it would take as long."""
    board.settings = board.settings.model_copy(update={"limit_s": 0.2})
    with pytest.raises(BoardFailed, match=r"30 runs and their warm-ups take too long.*limit_s"):
        board.time(deployed(tmp_path, seconds=0.1), deployed(tmp_path, "reference"))


def test_onnxruntime_times_a_real_net_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an architecture to milliseconds, the output compared with torch's."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    monkeypatch.setattr(board_module, "SECONDS", 0.05)
    monkeypatch.setattr(board_module, "WARMUP_S", 0.0)
    file = tmp_path / "here.yaml"
    file.write_text(f"kind: host\nruntime: onnxruntime\nfolder: {tmp_path}/b\ndrift_at_most: 99\n")
    with Measured.open(file) as device:
        found = device.latency(published.load("edgenext_xx_small").at((64, 64)), classes=10)
    assert found.how == "measured"
    assert found.runtime.startswith("ONNX Runtime 1.")
    assert 0 < found.p10_ms <= found.latency_ms <= found.p90_ms


@given(st.text())
def test_no_text_breaks_the_search_for_an_answer(text: str) -> None:
    """Boards print what they like; only a line with our protocol is an answer."""
    assert answer_in(text) is None
    assert answer_in(f'{text}\n{{"protocol": 1, "n": 2}}\n{text}') == {"protocol": 1, "n": 2}


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=5), st.binary(max_size=20)))
def test_a_bundle_is_named_by_its_content(files: dict[str, bytes]) -> None:
    """Whatever the order of its files; another byte makes another name."""
    reordered = dict(sorted(files.items(), reverse=True))
    assert Bundle(files).digest == Bundle(reordered).digest
    assert Bundle({**files, "x": b"1"}).digest != Bundle({**files, "x": b"2"}).digest


def test_a_process_that_prints_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output would fill the disk."""
    monkeypatch.setattr("archsearch.devices.boards.process._MOST_BYTES", 1000)
    with pytest.raises(BoardFailed, match="prints without end"):
        run_process(["sh", "-c", "yes"], None, 20)


def test_what_goes_to_the_background_holds_nobody_up() -> None:
    """A child that keeps stdout and stderr open, as ssh's kept connection may, is left alone."""
    child = "import subprocess; subprocess.Popen(['sleep', '3'])"
    done = run_process([sys.executable, "-c", child], None, 2.5)
    assert done.code == 0

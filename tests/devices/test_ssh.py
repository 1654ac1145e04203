"""Boards behind OpenSSH: the whole path against a real server on 127.0.0.1, faults included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from board_files import STAND_IN, deployed
from devices.emulation import installation
from loopback_sshd import LoopbackSshd, is_alive, wait_until

from archsearch import published
from archsearch.devices.boards import board as board_module
from archsearch.devices.boards import measured as measured_module
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.failure import BoardFailed
from archsearch.devices.boards.measured import Measured
from archsearch.devices.boards.settings import SshSettings
from archsearch.devices.boards.ssh import SshLink
from archsearch.devices.runtimes import MNN
from archsearch.devices.runtimes.runtime import Runtime

MakeBoard = Callable[..., Board]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackSshd]:
    """A board's ssh server."""
    sshd = LoopbackSshd(tmp_path_factory.mktemp("ssh") / "sshd")
    try:
        yield sshd
    finally:
        sshd.stop()


@pytest.fixture
def make_board(
    server: LoopbackSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeBoard]:
    """Makes boards behind the server, with a short protocol and no waiting."""
    monkeypatch.setattr(board_module, "SECONDS", 0.05)
    monkeypatch.setattr(board_module, "WARMUP_S", 0.0)
    made: list[Board] = []

    def make(runtime: Runtime = STAND_IN, **given: object) -> Board:
        settings = SshSettings.model_validate(
            {
                "kind": "ssh",
                "host": "board",
                "ssh_config": server.ssh_config,
                "python": sys.executable,
                "folder": str(tmp_path / "board's folder"),
                "drift_at_most": 1e6,
                **given,
            }
        )
        link = SshLink(settings)
        made.append(Board("pi", settings, link, runtime=runtime, sleep=lambda _: None))
        return made[-1]

    yield make
    for board in made:
        board.close()


def script(path: Path, text: str) -> str:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def runs_of(path: Path) -> int:
    """How often a script has added a line to a file."""
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_net_is_timed_over_ssh(make_board: MakeBoard, tmp_path: Path) -> None:
    """Every figure of the protocol comes back, whatever a runtime prints to stdout."""
    board = make_board()
    timing = board.time(deployed(tmp_path), deployed(tmp_path, "reference", seconds=0.0002))
    assert 0 < timing.p10_ms <= timing.median_ms <= timing.p90_ms
    assert timing.n >= 30
    assert timing.reference.p10_ms <= timing.reference.p90_ms
    assert set(timing.cores) <= os.sched_getaffinity(0)
    assert len(timing.cores) == timing.threads == 1
    assert timing.runtime == "1.0"


def test_a_bundle_is_sent_once(make_board: MakeBoard, tmp_path: Path) -> None:
    """Files are known by their content: a second timing sends nothing."""
    log = tmp_path / "log"
    counting = f'[ "$4" != put ] || echo put >>{log}\nexec {sys.executable} "$@"'
    board = make_board(python=script(tmp_path / "python", counting))
    net = deployed(tmp_path)
    board.time(net, net)
    assert runs_of(log) == 2
    board.time(deployed(tmp_path), net)
    assert runs_of(log) == 2


def test_old_nets_are_removed(make_board: MakeBoard, tmp_path: Path) -> None:
    """The folder stays below its limit; what is not ours stays."""
    board = make_board(keep_mb=1)
    folder = Path(board.settings.folder)
    folder.mkdir()
    (folder / "mine").mkdir()
    reference = deployed(tmp_path, "reference")
    for size in (600_000, 600_001, 600_002):
        board.time(deployed(tmp_path, f"net{size}", size), reference)
    held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert held < (1 << 20) + 700_000
    assert (folder / "mine").is_dir()


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "host key is not known; log in once by hand"), ("other_host_key", "not the one in")],
)
def test_a_host_key_that_is_not_known_ends_it(
    key: str | None, message: str, server: LoopbackSshd, make_board: MakeBoard, tmp_path: Path
) -> None:
    """Nothing is sent to a host that cannot show its key, and the message says what to do."""
    server.know(key)
    net = deployed(tmp_path)
    try:
        with pytest.raises(BoardFailed, match=message):
            make_board().time(net, net)
    finally:
        server.know("host_key")
    assert not Path(make_board().settings.folder).exists()


def test_a_connection_cut_in_mid_run_is_made_again(
    server: LoopbackSshd, make_board: MakeBoard, tmp_path: Path
) -> None:
    """The run is repeated, and the first one is not left running."""
    marker = tmp_path / "marker"
    net = deployed(tmp_path, then="hang", marker=str(marker), once=True)
    cutter = threading.Thread(target=lambda: wait_until(marker.exists) and server.cut())
    cutter.start()
    timing = make_board().time(net, deployed(tmp_path, "reference"))
    cutter.join()
    first = int(marker.read_text())
    assert timing.n >= 30
    assert wait_until(lambda: not is_alive(first))


def test_a_connection_that_is_always_cut_fails_with_a_reason(
    make_board: MakeBoard, tmp_path: Path
) -> None:
    """Three times, then the net has failed."""
    killing = script(tmp_path / "python", "kill -9 $PPID")
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match=r"pi: .*(connection was lost|killed).*tried 3 times"):
        make_board(python=killing).time(net, net)


def test_a_killed_runner_is_started_again(make_board: MakeBoard, tmp_path: Path) -> None:
    """As the kernel does it where memory is out."""
    net = deployed(tmp_path, then="kill", marker=str(tmp_path / "marker"), once=True)
    assert make_board().time(net, deployed(tmp_path, "reference")).n >= 30


def test_a_runner_that_is_always_killed_fails(make_board: MakeBoard, tmp_path: Path) -> None:
    """With a reason, after three times."""
    net = deployed(tmp_path, then="kill", marker=str(tmp_path / "marker"))
    with pytest.raises(BoardFailed, match=r"was killed.*tried 3 times"):
        make_board().time(net, deployed(tmp_path, "reference"))


def test_a_slow_start_is_waited_for(make_board: MakeBoard, tmp_path: Path) -> None:
    """A board may take its time to start a python."""
    slow = script(tmp_path / "python", f'sleep 0.3\nexec {sys.executable} "$@"')
    net = deployed(tmp_path)
    assert make_board(python=slow).time(net, net).n >= 30


def test_a_start_without_end_is_given_up(
    make_board: MakeBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing hangs: after the time limit it is tried again, three times in all."""
    monkeypatch.setattr(board_module, "_CONNECT_S", 2.5)
    stuck = script(tmp_path / "python", f"echo start >>{tmp_path}/log\nexec sleep 20")
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match=r"no answer in 2.5 s \(tried 3 times\)"):
        make_board(python=stuck).time(net, net)
    assert runs_of(tmp_path / "log") == 3


def test_noise_of_a_login_shell_is_passed_over(make_board: MakeBoard, tmp_path: Path) -> None:
    """Only the last line that is an answer counts."""
    noisy = f'echo "Welcome to {{board}}"\necho "{{}}"\nexec {sys.executable} "$@"'
    net = deployed(tmp_path)
    assert make_board(python=script(tmp_path / "python", noisy)).time(net, net).n >= 30


@pytest.mark.parametrize("says", ["not JSON", '{"protocol": 1, "missing": "none"}', ""])
def test_garbage_fails_with_a_reason(says: str, make_board: MakeBoard, tmp_path: Path) -> None:
    """A board that answers nonsense is no crash."""
    board = make_board(python=script(tmp_path / "python", f"echo '{says}'"))
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match=r"(no answer|nonsense).*tried 3 times"):
        board.time(net, net)


def test_a_missing_python_says_so(make_board: MakeBoard, tmp_path: Path) -> None:
    """At once: trying again would not help."""
    net = deployed(tmp_path)
    with pytest.raises(BoardFailed, match="no python at /no/such/python"):
        make_board(python="/no/such/python").time(net, net)


def test_a_missing_runtime_says_how_to_install_it(make_board: MakeBoard, tmp_path: Path) -> None:
    """With the board's own python and the version that converts."""
    net = deployed(tmp_path, then="import", marker=str(tmp_path / "marker"))
    with pytest.raises(BoardFailed, match=r"cannot import Stand-in.* -m pip install stand-in==1.0"):
        make_board().time(net, net)


def test_a_wrong_output_is_refused(make_board: MakeBoard, tmp_path: Path) -> None:
    """A board whose kernels compute something else than torch gives no number."""
    net = deployed(tmp_path)
    net.expected.mul_(2)
    with pytest.raises(ValueError, match="something else than torch"):
        make_board().time(net, net)


def test_a_full_disk_is_made_room_on_or_fails(make_board: MakeBoard, tmp_path: Path) -> None:
    """Old nets go first; where that is not enough, the message names the folder."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        board = make_board(folder=str(disk / "folder"))
        reference = deployed(tmp_path, "reference")
        for size in (500_000, 500_001):
            assert board.time(deployed(tmp_path, f"net{size}", size), reference).n >= 30
        with pytest.raises(BoardFailed, match=r"disk of its folder .*disk/folder is full"):
            board.time(deployed(tmp_path, "large", 2_000_000), reference)
        assert not list((disk / "folder").glob("*.part*"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_an_arm_board_is_measured(
    make_board: MakeBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board whose python and runtime are ARM code: from an architecture to milliseconds."""
    setup = installation()
    for name, value in (("WARMUPS", 1), ("RUNS", 6), ("SECONDS", 0.0)):
        monkeypatch.setattr(board_module, name, value)
    root, emulator = setup.cache / "root-arm64", setup.emulators["qemu-aarch64"]
    python = script(
        tmp_path / "python",
        f"export LD_LIBRARY_PATH={setup.libraries} PYTHONPATH={setup.cache}/arm64-mnn\n"
        f"exec {emulator} -cpu cortex-a72 -U LD_LIBRARY_PATH -L {root} "
        f'{root}/usr/bin/python3.11 -S -s "$@"',
    )
    with Measured(make_board(MNN, python=python)) as device:
        monkeypatch.setattr(measured_module, "REFERENCE_SIZE", (32, 32))
        found = device.latency(published.load("edgenext_xx_small").at((64, 64)), classes=10)
    assert found.how == "measured"
    assert found.runtime == MNN.title
    assert "Cortex-A72" in found.device
    assert found.latency_ms > 0


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running(
    ended_by: signal.Signals, server: LoopbackSshd, tmp_path: Path
) -> None:
    """Neither after Ctrl-C here nor after a kill: the board's process ends with its caller."""
    marker = tmp_path / "marker"
    caller = f"""
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from board_files import STAND_IN, deployed
from archsearch.devices.boards.board import Board
from archsearch.devices.boards.settings import SshSettings
from archsearch.devices.boards.ssh import SshLink
folder = Path({str(tmp_path)!r})
settings = SshSettings(kind="ssh", host="board", ssh_config=Path({str(server.ssh_config)!r}),
                       python=sys.executable, folder=str(folder / "board"))
net = deployed(folder, then="hang", marker={str(marker)!r})
Board("pi", settings, SshLink(settings), runtime=STAND_IN).time(net, net)
"""
    errors = tmp_path / "errors"
    with errors.open("w") as said:
        process = subprocess.Popen([sys.executable, "-c", caller], stderr=said)
    try:
        wait_until(lambda: marker.exists() and marker.read_text() != "", 40, process)
        assert marker.exists(), errors.read_text()
        process.send_signal(ended_by)
        process.wait(15)
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: not is_alive(int(marker.read_text())))

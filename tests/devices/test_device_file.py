"""The files of users' own devices: what holds, and what is said where something does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_files import deployed
from typer.testing import CliRunner

from archsearch.cli import app
from archsearch.devices.boards import LINKS
from archsearch.devices.boards.measured import Measured
from archsearch.devices.boards.settings import KINDS, AdbSettings, SshSettings, read_settings
from archsearch.errors import InputError

SSH = "kind: ssh\nhost: pi.local\npython: /usr/bin/python3\nfolder: /home/pi/archsearch\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "my_pi.yaml"
    path.write_text(text)
    return path


def test_every_kind_has_a_link() -> None:
    """A new kind is one record and one link."""
    assert LINKS.keys() == KINDS.keys()


def test_a_full_file_is_read(tmp_path: Path) -> None:
    """Every key; an ssh config is found beside the file."""
    (tmp_path / "ssh_config").write_text("")
    text = SSH + (
        "user: pi\nport: 2222\nssh_config: ssh_config\ncores: [2, 3]\nthreads: 2\nhalf: true\n"
        "runtime: ncnn\nprofile: raspberry_pi_4\ndrift_at_most: 0.1\ncool_s: 5\nlimit_s: 60\n"
        "keep_mb: 100\n"
    )
    settings = read_settings(written(tmp_path, text))
    assert isinstance(settings, SshSettings)
    assert settings.ssh_config == tmp_path.resolve() / "ssh_config"
    assert (settings.cores, settings.threads, settings.port) == ((2, 3), 2, 2222)


def test_few_words_are_enough(tmp_path: Path) -> None:
    """This machine needs its kind alone; a phone a python."""
    assert read_settings(written(tmp_path, "kind: host\n")).threads == 1
    phone = read_settings(written(tmp_path, "kind: adb\npython: /data/local/tmp/python\n"))
    assert isinstance(phone, AdbSettings)
    assert phone.folder == "/data/local/tmp/archsearch"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- ssh\n", "my_pi.yaml:1: a device file is a mapping with the key 'kind'"),
        ("host: x\n", "the key 'kind': host, ssh, adb"),
        ("kind: shh\n", "my_pi.yaml:1: kind: unknown kind 'shh'; did you mean 'ssh'"),
        (SSH + "thread: 2\n", "my_pi.yaml:5: thread: unknown key 'thread'; did you mean 'threads'"),
        (SSH + "threads: '2'\n", "my_pi.yaml:5: threads: got '2'"),
        (SSH + "password: secret\n", "unknown key 'password'"),
        (SSH + "runtime: mmn\n", "unknown runtime 'mmn'; did you mean 'mnn'"),
        (SSH + "ssh_config: nowhere\n", "my_pi.yaml:5: ssh_config: .*nowhere: no such file"),
        (SSH + "threads: 2\ncores: [1, 1]\n", "cores: 2 threads need as many different cores"),
        (SSH.replace("/usr/bin/python3", "python3"), "python: got 'python3'; give an absolute"),
        (SSH.replace("/home/pi/archsearch", "/"), "folder: got '/'; give an absolute"),
        (SSH.replace("/home/pi/archsearch", "/home/../etc"), "folder: got '/home/../etc'"),
        (SSH.replace("pi.local", "-oProxyCommand=x"), "host: got '-oProxyCommand=x'"),
        (SSH + "user: a b\n", "user: got 'a b'; this is no name"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, message: str, tmp_path: Path) -> None:
    """What was given, what holds."""
    with pytest.raises(InputError, match=message):
        read_settings(written(tmp_path, text))


@pytest.mark.parametrize("command", ["check", "calibrate"])
def test_a_file_that_does_not_hold_ends_with_2(command: str, tmp_path: Path) -> None:
    """One line on stderr, no traceback."""
    done = CliRunner().invoke(app, ["devices", command, str(written(tmp_path, "kind: shh\n"))])
    assert done.exit_code == 2
    assert "did you mean 'ssh'" in done.stderr


def test_a_board_that_cannot_be_used_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the board's name, what is wrong and what to do."""
    monkeypatch.setattr(Measured, "reference", property(lambda _: deployed(tmp_path)))
    file = written(tmp_path, f"kind: host\npython: /no/python\nfolder: {tmp_path}/board\n")
    done = CliRunner().invoke(app, ["devices", "check", str(file)])
    assert done.exit_code == 2
    assert "error: my_pi: /no/python: cannot be run" in done.stderr

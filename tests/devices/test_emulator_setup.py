"""Setting the emulator up: parts that are whole or absent, one setup at a time, told remedies."""

from __future__ import annotations

import fcntl
import json
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from devices.emulation import compile_c, installation

from archsearch.devices.emulator import debian, parts, plugin, wheels
from archsearch.devices.emulator.debian import Debian, mirror
from archsearch.devices.emulator.folder import (
    Part,
    default_folder,
    ensure,
    locked,
    made,
    read_manifest,
    write_manifest,
)
from archsearch.devices.emulator.installation import Installation
from archsearch.devices.emulator.isas import ISAS, find_isa
from archsearch.devices.emulator.proof import program, prove
from archsearch.devices.emulator.setup import setup, takes_plugins
from archsearch.errors import InputError


def _quiet(line: str) -> None:
    del line


def _part(content: str = "a") -> Part:
    def make(folder: Path) -> Mapping[str, str]:
        (folder / "file").write_text(content)
        return {"file": "digest"}

    return Part("thing", {"content": content}, make)


def _script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_part_is_made_once_and_again_when_its_recipe_changes(tmp_path: Path) -> None:
    """The same setup given twice does nothing the second time."""
    said: list[str] = []
    assert ensure(tmp_path, _part(), said.append) == {"file": "digest"}
    assert ensure(tmp_path, _part(), said.append) == {"file": "digest"}
    ensure(tmp_path, _part("b"), said.append)
    assert said == ["thing: making it", "thing: there already", "thing: making it"]
    assert (tmp_path / "thing" / "file").read_text() == "b"


def test_a_part_whose_making_fails_is_not_there(tmp_path: Path) -> None:
    """What was half unpacked goes, and what was there before stays."""

    def make(folder: Path) -> Mapping[str, str]:
        (folder / "half").touch()
        raise InputError("no network")

    ensure(tmp_path, _part(), _quiet)
    with pytest.raises(InputError, match="no network"):
        ensure(tmp_path, Part("thing", {"content": "b"}, make), _quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]
    assert (tmp_path / "thing" / "file").read_text() == "a"


def test_leftovers_of_a_killed_setup_are_no_part_and_go(tmp_path: Path) -> None:
    """A kill leaves a folder under another name, which the next setup removes."""
    leftover = tmp_path / "unfinished.thing.abc"
    leftover.mkdir()
    (leftover / "half").touch()
    assert made(tmp_path / "thing") is None
    with locked(tmp_path, _quiet):
        assert not leftover.exists()


def test_a_second_setup_waits_for_the_first(tmp_path: Path) -> None:
    """Two at once never work in one folder, and the user is told why nothing happens."""
    said: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with locked(tmp_path, said.append):
            entered.set()

    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.3)
    thread.join(10)
    assert entered.is_set()
    assert said == [f"{tmp_path}: another setup is at work; waiting for it"]


def test_an_unfinished_folder_says_what_to_run(tmp_path: Path) -> None:
    """Without a manifest nothing is used; with one of another format neither."""
    with pytest.raises(InputError, match="run 'archsearch devices setup emulated'"):
        Installation.read(tmp_path)
    write_manifest(tmp_path, {"format": 0})
    assert read_manifest(tmp_path) == {"format": 0}
    with pytest.raises(InputError, match="not set up by this version"):
        Installation.read(tmp_path)


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By an environment variable; else it is in the user's cache."""
    monkeypatch.setenv("ARCHSEARCH_EMULATOR", str(tmp_path / "x"))
    assert default_folder() == tmp_path / "x"
    monkeypatch.delenv("ARCHSEARCH_EMULATOR")
    assert default_folder() == Path.home() / ".cache" / "archsearch" / "emulator"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The message names another way."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="give another folder with --folder"),
        locked(tmp_path / "file" / "cache", _quiet),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", "deb http://mirror.example/debian bookworm main\n"),
        ("sources.list", "deb [arch=amd64] http://mirror.example/debian/ bookworm main\n"),
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian\n"),
    ],
)
def test_the_machines_own_mirror_is_used(tmp_path: Path, name: str, text: str) -> None:
    """Sources are read in both of apt's formats; others' repositories are passed over."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "aaa.list").write_text("deb https://other.example/apt x main\n")
    (tmp_path / name).write_text(text)
    assert mirror(tmp_path) == "http://mirror.example/debian"


def test_without_sources_debians_own_mirror_is_used(tmp_path: Path) -> None:
    """A machine whose apt knows no Debian (Ubuntu) still gets the packages."""
    assert mirror(tmp_path) == "http://deb.debian.org/debian"


def test_a_machine_without_apt_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is missing, and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        Debian(["amd64"], _quiet) as apt,
        pytest.raises(InputError, match=r"apt-get is not on this machine.*run the setup on Debian"),
    ):
        apt.unpack(["hello"], "amd64", tmp_path)


def test_a_missing_keyring_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Packages that cannot be checked are not fetched."""
    _script(tmp_path, "apt-get", "exit 0")
    _script(tmp_path, "dpkg-deb", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian, "_KEYRING", tmp_path / "none.gpg")
    with (
        Debian(["amd64"], _quiet) as apt,
        pytest.raises(InputError, match="apt-get install debian-archive-keyring"),
    ):
        apt.unpack(["hello"], "amd64", tmp_path)


def test_a_network_failure_of_apt_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Apt's own last words, and a question that helps."""
    _script(tmp_path, "apt-get", "echo 'E: Failed to fetch x: no route' >&2; exit 100")
    _script(tmp_path, "dpkg-deb", "exit 0")
    (tmp_path / "key.gpg").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(debian, "_KEYRING", tmp_path / "key.gpg")
    with (
        Debian(["amd64"], _quiet) as apt,
        pytest.raises(InputError, match="Failed to fetch x: no route; is the network there"),
    ):
        apt.unpack(["hello"], "amd64", tmp_path)


def test_a_wheel_that_pip_cannot_find_is_told(tmp_path: Path) -> None:
    """Pip's own error, and the command to try by hand."""
    flags = ["--no-index", "--find-links", str(tmp_path)]
    with pytest.raises(
        InputError, match=r"pip cannot fetch no-such-thing==1.*is the package index"
    ):
        wheels.unpack(["no-such-thing==1"], tmp_path, flags)


def test_an_emulator_without_plugins_is_known(tmp_path: Path) -> None:
    """Statically linked emulators lack the option in their help."""
    _script(tmp_path, "static", "echo '-cpu model'")
    _script(tmp_path, "dynamic", "echo '-plugin [file=]<file>'")
    assert not takes_plugins(str(tmp_path / "static"))
    assert takes_plugins(str(tmp_path / "dynamic"))


def test_an_emulator_that_counts_wrong_is_refused(tmp_path: Path) -> None:
    """The proof compares every class and names those that differ."""
    counts = dict.fromkeys(program("arm64")[1], 0)
    text = json.dumps(list(counts.values()))
    _script(
        tmp_path,
        "qemu",
        f'out=${{2#*out=}}; echo "{text}" > "${{out%%,*}}"',
    )
    with pytest.raises(InputError, match=r"counts wrong .* fma_q 0 for 2000"):
        prove(str(tmp_path / "qemu"), tmp_path / "counter.so", "arm64", {})


def test_an_emulator_that_refuses_the_plugin_is_told(tmp_path: Path) -> None:
    """Its own words are passed on."""
    _script(tmp_path, "qemu", "echo 'Unable to load plugin' >&2; exit 1")
    with pytest.raises(InputError, match=r"cannot run the test program .*Unable to load plugin"):
        prove(str(tmp_path / "qemu"), tmp_path / "counter.so", "arm64", {})


def test_unknown_instruction_sets_name_the_nearest() -> None:
    """As everywhere."""
    with pytest.raises(InputError, match="did you mean 'armv7'"):
        find_isa("arm7")


def test_the_proof_holds_on_the_emulator_of_this_machine(tmp_path: Path) -> None:
    """Exact counts of a real emulator, from encodings and from accesses, by a fresh plugin."""
    found = installation()
    api = int(read_manifest(found.cache)["api"])
    plugin.compile_plugin(api, tmp_path)
    for isa in (ISAS[name] for name in found.isas):
        emulator = found.emulators[isa.program]
        prove(emulator, tmp_path / "counter.so", isa.machine, found.environment)


def test_a_finished_setup_given_again_fetches_nothing() -> None:
    """Where all parts are there, no network is needed."""
    found = installation()
    said: list[str] = []
    again = setup(found.cache, said.append)
    assert again.emulators == found.emulators
    assert not [line for line in said if "making" in line or "reading" in line]


def test_what_was_fetched_is_recorded_with_its_hash() -> None:
    """Which packages and wheels a count was made with can be told afterwards."""
    fetched = read_manifest(installation().cache)["fetched"]
    assert any(name.startswith("mnn-") for name in fetched)
    assert any(name.startswith("python3.11-minimal") for name in fetched)
    assert all(len(digest) == 64 for digest in fetched.values())


def test_a_runtime_of_another_version_is_set_up_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A new version of archsearch does not run an old version's wheels unawares."""
    found = installation()
    monkeypatch.setattr(wheels, "GUEST_PYTHON", "399")
    monkeypatch.setattr(parts.wheels, "GUEST_PYTHON", "399")
    with pytest.raises(InputError, match="arm64-mnn was not set up by this version"):
        found.command("mnn", ISAS["aarch64-fp32"], tmp_path / "counts")


def test_the_unpacked_emulator_can_be_executed() -> None:
    """Zip files and package archives keep modes by different means."""
    found = installation()
    pnnx = found.cache / "host-ncnn" / "pnnx" / "pnnx"
    assert pnnx.stat().st_mode & stat.S_IXUSR


def test_compile_errors_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken compiler's message reaches the user."""
    compile_c([], tmp_path / "x", "--version")
    _script(tmp_path, "cc", "echo 'cannot find libc headers' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(InputError, match="cannot find libc headers"):
        plugin.compile_plugin(1, tmp_path)

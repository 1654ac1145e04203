"""Devices by their names and files, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from stand_in_devices import device

from archsearch import published
from archsearch.devices import Device, device_of, find_device, plain_device
from archsearch.devices.kinds import KINDS
from archsearch.devices.profile import load
from archsearch.devices.reading import Latency
from archsearch.devices.source import Source, footnote, label, one_source
from archsearch.documents import dump, parse
from archsearch.errors import InputError

SSH = "kind: ssh\nhost: pi.local\npython: /usr/bin/python3\nfolder: /home/pi/archsearch\n"


@pytest.mark.parametrize(
    ("name", "kind", "how"),
    [
        ("rk3288", "predicted", "predicted"),
        ("predicted:rk3288", "predicted", "predicted"),
        ("emulated:rk3288", "emulated", "emulated"),
        ("host", "host", "measured"),
    ],
)
def test_names_say_where_and_how(name: str, kind: str, how: str) -> None:
    """A board's name is predicted, a prefix chooses the way, host is this machine."""
    found = find_device(name)
    assert (found.name, found.settings.kind, found.how) == (name, kind, how)
    if kind != "host":
        assert found.settings.profile == load("rk3288")


WRONG_NAMES = [
    ("rk3280", "unknown device 'rk3280'; did you mean 'rk3288'?.*device file"),
    ("emulated:rk3280", "unknown device 'rk3280'; did you mean 'rk3288'"),
    ("measured:rk3288", "unknown device 'measured:rk3288'"),
    ("nowhere.yaml", r"nowhere\.yaml: no such file"),
    ("emulated:nowhere.yaml", r"nowhere\.yaml: no such file"),
]


@pytest.mark.parametrize(("name", "message"), WRONG_NAMES)
def test_an_unknown_device_is_told(name: str, message: str) -> None:
    """With the nearest name and what else can be given."""
    with pytest.raises(InputError, match=message):
        find_device(name)


def in_file(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def own_profile(folder: Path) -> Path:
    profile = load("rk3288").model_copy(update={"board": "own"})
    return in_file(folder, dump(profile.model_dump(mode="json")), "own.profile.yaml")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SSH, "ssh"),
        ("kind: adb\npython: /data/python3\n", "adb"),
        ("kind: host\nthreads: 2\n", "host"),
        ("kind: predicted\nprofile: rk3288\nthreads: 4\n", "predicted"),
        ("kind: emulated\nprofile: own.profile.yaml\nruntime: ncnn\nisa: armv7\n", "emulated"),
    ],
)
def test_a_file_of_every_kind_is_read_and_kept_whole(tmp_path: Path, text: str, kind: str) -> None:
    """A study keeps it as plain data, which is the same device where the files are gone."""
    own_profile(tmp_path)
    file = in_file(tmp_path, text)
    found = find_device(str(file))
    assert (found.name, found.settings.kind) == ("mine", kind)
    kept = parse(dump(dict(plain_device("mine.yaml", tmp_path))), "kept").data
    for entry in tmp_path.iterdir():
        entry.unlink()
    assert device_of(kept) == found


def test_every_kind_has_a_file_here() -> None:
    """A new kind of device is in the test above."""
    assert set(KINDS) == {"ssh", "adb", "host", "predicted", "emulated"}


WRONG_FILES = [
    ("kind: predicted\nprofile: rk328\n", ":2: profile: unknown device 'rk328'; did you mean"),
    ("kind: predicted\nprofile: rk3288\nthreads: 3\n", "rk3288 has no profile for 3 threads"),
    ("kind: emulated\nprofile: rk3288\nisa: armv7\n", "MNN does not run on armv7; it runs on "),
    ("kind: emulated\nprofile: amlogic_s805\n", "amlogic_s805 has no profile for 1 thread"),
    ("kind: predicted\nprofile: rk3288\nhost: x\n", ":3: host: unknown key 'host'"),
    ("kind: emulated\nprofile: rk3288\nruntime: mn\n", ":3: runtime: unknown runtime 'mn'; did"),
    ("kind: emulatd\n", ":1: kind: unknown kind 'emulatd'; did you mean 'emulated'"),
    ("profile: rk3288\n", "mapping with the key 'kind': predicted, emulated, host, ssh, adb"),
    ("- 1\n", "mapping with the key 'kind'"),
    (SSH + "hots: 1\n", ":5: hots: unknown key 'hots'; did you mean 'host'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_FILES)
def test_mistakes_in_a_file_are_told_with_their_line(
    tmp_path: Path, text: str, message: str
) -> None:
    """File, line, what holds."""
    with pytest.raises(InputError) as caught:
        find_device(str(in_file(tmp_path, text)))
    assert str(caught.value).startswith(f"{tmp_path}/mine.yaml:")
    assert message in str(caught.value)


def test_a_profile_is_no_device_but_makes_one(tmp_path: Path) -> None:
    """What `devices calibrate` writes is used behind predicted: or emulated:."""
    file = own_profile(tmp_path)
    with pytest.raises(InputError, match="is a profile and no device; write predicted: or emul"):
        find_device(str(file))
    assert find_device(f"emulated:{file}").settings.profile.board == "own"


def test_a_device_that_has_predicted_can_be_sent_to_workers() -> None:
    """Ray pickles a study that has screened: the device travels without what it computed."""
    found, net = find_device("rk3288", 4), published.load("edgenext_xx_small")
    assert found.predictor is not None
    latency = found.predictor.latency(net, 1000)
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 (made in the line)
    assert again.identity == found.identity
    assert again.predictor.latency(net, 1000) == latency


def test_threads_are_the_devices(tmp_path: Path) -> None:
    """Another number where the profile or the board has it."""
    assert find_device("rk3288", 4).threads == 4
    assert find_device("amlogic_s805", 4).threads == 4  # it has no profile for one
    with pytest.raises(InputError, match="rk3288 has no profile for 3 threads"):
        find_device("rk3288", 3)
    there = "it has: 2 threads with aarch64-fp32 counts; choose with --threads N"
    with pytest.raises(InputError, match=f"orange_pi_4_lts has no profile for 1 thread .*{there}"):
        find_device("orange_pi_4_lts")
    board = str(in_file(tmp_path, SSH + "cores: [0]\n"))
    assert find_device(board, 1).threads == 1
    with pytest.raises(InputError, match=r"mine\.yaml: 2 threads need as many different cores"):
        find_device(board, 2)


def test_identities_differ_where_numbers_can(tmp_path: Path) -> None:
    """Another runtime or core is another device; another pause or login is not."""

    def identity(text: str) -> str:
        return find_device(str(in_file(tmp_path, text))).identity

    assert identity(SSH) == identity(SSH + "user: pi\ncool_s: 5.0\nlimit_s: 9.0\n")
    others = ["", "runtime: onnxruntime\n", "cores: [0]\n", "half: true\n", "threads: 2\n"]
    assert len({identity(SSH + other) for other in others}) == len(others)
    changed = load("rk3288").model_copy(update={"clock_ghz": 1.7})
    one = find_device("emulated:rk3288")
    settings = one.settings.model_copy(update={"profile": changed})
    assert Device(one.name, settings).identity != one.identity


def test_another_machine_is_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder can be shared by machines."""
    here = find_device("host").identity
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    assert find_device("host").identity != here


@pytest.mark.usefixtures("stand_ins")
def test_a_predictor_with_other_coefficients_is_another_device() -> None:
    """What it answers is part of what it is."""
    first, same, other = (
        device_of(device("formula", ns_per_mac=ns)).identity for ns in (1.0, 1.0, 1.1)
    )
    assert first == same != other


def test_a_device_that_is_not_set_up_says_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulation, and boards whose runtime has a converter."""
    monkeypatch.setenv("ARCHSEARCH_EMULATOR", str(tmp_path))
    for name in ("emulated:rk3288", "host"):
        with pytest.raises(InputError, match="run 'archsearch devices setup emulated'"):
            find_device(name).ensure_ready()


def a_latency(**changes: Any) -> Latency:
    known: dict[str, Any] = {"latency_ms": 2.0, "p10_ms": 2.0, "p90_ms": 2.0, "n": 1, "threads": 1}
    known |= {"how": "predicted", "device": "raspberry_pi_4", "runtime": "MNN 3.6.1"}
    return Latency(**(known | {"expected_error": 0.07} | changes))


@pytest.mark.parametrize(
    "change",
    [{"how": "measured"}, {"device": "rk3288"}, {"runtime": "MNN 3.7"}, {"threads": 4}],
    ids=lambda change: next(iter(change)),
)
def test_sources_never_mix(change: dict[str, Any]) -> None:
    """Another device, way, runtime or number of threads is an error that names both."""
    other = a_latency(**change)
    assert one_source({"a": [a_latency(), a_latency(latency_ms=3.0)]}) == Source.of(a_latency())
    with pytest.raises(InputError, match=r"do not mix \(run a: .*; run b: .*\); measure all by"):
        one_source({"run a": [a_latency()], "run b": [other]})
    assert one_source({"none": []}) is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "latency on Raspberry Pi 4 (ms, predicted, ±7 %)"),
        ({"device": "rk3288"}, "latency on RK3288 (ms, predicted, ±7 %)"),
        ({"device": "emulated:rk3288", "how": "emulated", "expected_error": 0.21},
         "latency on RK3288 (ms, emulated, ±21 %)"),
        ({"device": "pi (Cortex-A72)", "how": "measured", "expected_error": None},
         "latency on pi (Cortex-A72) (ms, measured)"),
    ],
)  # fmt: skip
def test_labels_say_device_way_and_error(changes: dict[str, Any], text: str) -> None:
    """At axes and below tables."""
    one = a_latency(**changes)
    assert label(Source.of(one), [one]) == text
    assert footnote(Source.of(one), [one]).endswith("; MNN 3.6.1, 1 thread.")

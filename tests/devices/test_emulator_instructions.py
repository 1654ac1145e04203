"""The decoder against words made by an assembler, and the plugin on every interface of QEMU."""

from __future__ import annotations

import csv
import ctypes
import json
import subprocess
from pathlib import Path

import pytest
from devices.emulation import SOURCES, compile_c
from hypothesis import given
from hypothesis import strategies as st

from archsearch.devices.emulator import plugin
from archsearch.devices.emulator.proof import program
from archsearch.devices.profile import CLASSES, INSTRUCTIONS
from archsearch.errors import InputError

_TABLE = Path(__file__).with_name("encodings.tsv")


def _rows() -> list[dict[str, str]]:
    lines = [line for line in _TABLE.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t"))


class _Effect(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int),
        ("loaded", ctypes.c_uint32),
        ("stored", ctypes.c_uint32),
    )


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("decoder") / "instructions.so"
    library = ctypes.CDLL(str(compile_c([SOURCES / "instructions.c"], target, "-shared", "-fPIC")))
    for name in ("a64", "a32", "t16", "t32"):
        function = getattr(library, f"effect_{name}")
        function.restype, function.argtypes = _Effect, (ctypes.c_uint32,)
    return library


def _effect(decoder: ctypes.CDLL, row: dict[str, str]) -> tuple[str, int, int]:
    name = "t16" if row["set"] == "t32" and len(row["word"]) == 4 else row["set"]
    found = getattr(decoder, f"effect_{name}")(int(row["word"], 16))
    return INSTRUCTIONS[found.kind], found.loaded, found.stored


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row['set']} {row['assembly']}")
def test_instructions_have_the_class_and_bytes_of_the_manual(
    decoder: ctypes.CDLL, row: dict[str, str]
) -> None:
    """What an assembler encodes is decoded to what its text says."""
    expected = (row["class"], int(row["loaded"]), int(row["stored"]))
    assert _effect(decoder, row) == expected


def test_the_table_has_every_class_in_both_machines() -> None:
    """No class is left without an example."""
    for sets in ({"a64"}, {"a32", "t32"}):
        assert {row["class"] for row in _rows() if row["set"] in sets} == set(INSTRUCTIONS)


@given(word=st.integers(0, 2**32 - 1))
def test_every_word_has_a_class_and_few_bytes(decoder: ctypes.CDLL, word: int) -> None:
    """Data between functions is decoded too: it must not lead out of a table."""
    for name in ("a64", "a32", "t32", "t16"):
        found = getattr(decoder, f"effect_{name}")(word & 0xFFFF if name == "t16" else word)
        assert 0 <= found.kind < len(INSTRUCTIONS)
        assert found.loaded <= 1024 >= found.stored


@pytest.mark.parametrize("api", [1, 2, 3])
@pytest.mark.parametrize("machine", ["arm64", "armhf"])
def test_the_plugin_counts_on_every_interface(api: int, machine: str, tmp_path: Path) -> None:
    """A block executed three times between the marks counts three times, others do not."""
    host = compile_c(
        [Path(__file__).with_name("plugin_host.c")],
        tmp_path / "host",
        f"-DPLUGIN_API={api}",
        "-rdynamic",
    )
    plugin.compile_plugin(api, tmp_path)
    target, words = _block(machine)
    out = tmp_path / "counts"
    command = [str(host), str(tmp_path / "counter.so"), target, str(out)]
    subprocess.run([*command, *words], check=True)
    counted = dict(zip(CLASSES, json.loads(out.read_text()), strict=True))
    turn = _turn(machine)
    assert counted == {name: 3 * turn.get(name, 0) for name in CLASSES}


def _block(machine: str) -> tuple[str, list[str]]:
    """Name of the machine in QEMU, and the words of the table that are single instructions."""
    name = {"arm64": "a64", "armhf": "a32"}[machine]
    words = [row["word"] for row in _rows() if row["set"] == name][:60]
    return {"arm64": "aarch64", "armhf": "arm"}[machine], words


def _turn(machine: str) -> dict[str, int]:
    name = {"arm64": "a64", "armhf": "a32"}[machine]
    sums: dict[str, int] = {}
    for row in [row for row in _rows() if row["set"] == name][:60]:
        for key, more in (
            (row["class"], 1),
            ("ld_bytes", int(row["loaded"])),
            ("st_bytes", int(row["stored"])),
        ):
            sums[key] = sums.get(key, 0) + more
    return sums


@pytest.mark.parametrize(
    ("text", "api"),
    [
        ("qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7)", 1),
        ("qemu-aarch64 version 8.2.2", 1),
        ("qemu-aarch64 version 9.0.0", 2),
        ("qemu-aarch64 version 9.1.0", 3),
        ("qemu-aarch64 version 10.0.2 (Debian 1:10.0.2+ds-2)", 3),
    ],
)
def test_the_interface_follows_the_emulators_version(text: str, api: int) -> None:
    """Inline operations changed with 9.0, reading of code with 9.1."""
    assert plugin.interface(text) == api


def test_an_emulator_without_a_version_is_refused() -> None:
    """The message shows what it said."""
    with pytest.raises(InputError, match="does not say its version but 'nonsense'"):
        plugin.interface("nonsense")


def test_a_machine_without_a_compiler_is_told_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The plugin is the project's own C file: it needs a compiler."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"no C compiler .* run 'apt-get install gcc"):
        plugin.compile_plugin(1, tmp_path)


@pytest.mark.parametrize("machine", ["arm64", "armhf"])
def test_the_proofs_expectation_follows_from_its_words(decoder: ctypes.CDLL, machine: str) -> None:
    """The decoder agrees with the counts that stand beside the tiny program."""
    content, expected = program(machine)
    header = {"arm64": 120, "armhf": 84}[machine]
    name = {"arm64": "a64", "armhf": "a32"}[machine]
    words = [
        int.from_bytes(content[at : at + 4], "little") for at in range(header, len(content), 4)
    ]
    first, loop, last = {"arm64": (6, (8, 29), 34), "armhf": (5, (6, 25), 29)}[machine]
    sums = dict.fromkeys(CLASSES, 0)
    for index, word in enumerate(words[first:last], start=first):
        found = getattr(decoder, f"effect_{name}")(word)
        times = 1000 if loop[0] <= index < loop[1] else 1
        sums[INSTRUCTIONS[found.kind]] += times
        sums["ld_bytes"] += times * found.loaded
        sums["st_bytes"] += times * found.stored
    assert sums == expected

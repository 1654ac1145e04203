"""``archsearch devices setup emulated``: everything that emulation needs, into one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from archsearch.devices.emulator import parts, plugin
from archsearch.devices.emulator.debian import Debian, own_machine
from archsearch.devices.emulator.folder import Part, Say, ensure, locked, write_manifest
from archsearch.devices.emulator.installation import FORMAT, Installation
from archsearch.devices.emulator.isas import ISAS, Isa
from archsearch.devices.emulator.proof import prove
from archsearch.devices.runtimes import RUNTIMES
from archsearch.errors import InputError


def setup(cache: Path, say: Say, *, armv7: bool = False) -> Installation:
    """Fetch, unpack, compile and prove what is not there yet; needs no root rights.

    It can be killed at any moment and given again; of two at once, one waits for the other.

    Args:
        cache: the folder for everything.
        say: is told what happens, a line at a time.
        armv7: with what 32-bit ARM code needs, too.

    Raises:
        InputError: something is missing or fails; says what and how to get it.
    """
    armv7 = armv7 or (cache / "root-armhf").exists()  # what was asked for once stays
    isas = [isa for isa in ISAS.values() if armv7 or isa.machine == "arm64"]
    machines = sorted({isa.machine for isa in isas} | {own_machine()})
    plugin.compiler()
    with locked(cache, say), ExitStack() as stack:
        debian = stack.enter_context(Debian(machines, say))
        emulators, libraries, fetched = _emulators(cache, isas, debian, say)
        for part in _parts(isas, debian):
            fetched |= ensure(cache, part, say)
        version = _ask(emulators["qemu-aarch64"], "--version", libraries).splitlines()[0]
        api = plugin.interface(version)
        ensure(cache, parts.plugin_part(api), say)
        manifest = {
            "format": FORMAT,
            "emulators": emulators,
            "libraries": libraries,
            "version": version,
            "api": api,
            "isas": [isa.name for isa in isas],
            "fetched": fetched,
        }
        _prove(cache, isas, emulators, libraries, say)
        write_manifest(cache, manifest)
    say(f"{cache}: ready ({version}, plugin API {api})")
    return Installation.read(cache)


def takes_plugins(emulator: str, libraries: str = "") -> bool:
    """Whether an emulator was built with plugins; statically linked ones never are."""
    return "-plugin" in _ask(emulator, "-h", libraries)


def _emulators(
    cache: Path, isas: Sequence[Isa], debian: Debian, say: Say
) -> tuple[dict[str, str], str, dict[str, str]]:
    """Programs, where their libraries are, what was fetched: this machine's own if they do."""
    names = sorted({isa.program for isa in isas})
    own = {name: path for name in names if (path := shutil.which(name)) and takes_plugins(path)}
    if len(own) == len(names):
        say(f"emulator: this machine's own takes plugins ({', '.join(own.values())})")
        return own, "", {}
    for name in names:
        if (path := shutil.which(name)) and name not in own:
            say(f"emulator: {path} takes no plugins; taking Debian's beside it")
    fetched = dict(ensure(cache, parts.emulator_part(debian), say))
    home = cache / parts.EMULATOR
    libraries = parts.library_folders(home)
    programs = {name: str(home / "usr/bin" / name) for name in names}
    for path in programs.values():
        if not takes_plugins(path, libraries):
            raise InputError(f"{path}: takes no plugins or does not run; delete {home} and repeat")
    return programs, libraries, fetched


def _parts(isas: Sequence[Isa], debian: Debian) -> list[Part]:
    """Every part but the emulator's and the plugin's, each once."""
    by_machine = {isa.machine: isa for isa in isas}
    found = [parts.root_part(isa, debian) for isa in by_machine.values()]
    for name, runtime in RUNTIMES.items():
        machines = {isa.machine: isa for isa in isas if isa.name in runtime.isas}
        found += [parts.guest_part(name, runtime, isa) for isa in machines.values()]
        if runtime.host_wheels:
            found.append(parts.host_part(name, runtime))
    return found


def _prove(
    cache: Path, isas: Sequence[Isa], emulators: Mapping[str, str], libraries: str, say: Say
) -> None:
    environment = {"LD_LIBRARY_PATH": libraries} if libraries else {}
    for isa in {isa.machine: isa for isa in isas}.values():
        plugin_file = cache / parts.PLUGIN / "counter.so"
        prove(emulators[isa.program], plugin_file, isa.machine, environment)
        say(f"{isa.machine}: the test program's counts are exact")


def _ask(emulator: str, flag: str, libraries: str) -> str:
    environment = dict(os.environ)
    if libraries:
        environment["LD_LIBRARY_PATH"] = libraries
    try:
        done = subprocess.run(  # noqa: S603 (an emulator found on PATH or unpacked)
            [emulator, flag],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{emulator} does not run: {error}") from error
    return done.stdout + done.stderr

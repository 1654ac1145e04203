"""The parts of the cache folder: how each is made, and by which recipe it is known again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from archsearch.devices.emulator import plugin, wheels
from archsearch.devices.emulator.debian import SUITE, Debian, own_machine
from archsearch.devices.emulator.folder import Part
from archsearch.devices.emulator.isas import ISAS, Isa
from archsearch.devices.runtimes.runtime import Runtime
from archsearch.errors import InputError

PLUGIN = "plugin"
EMULATOR = "emulator"
PYTHON = "usr/bin/python3.11"

_GUEST = (
    "libc6", "libgcc-s1", "libstdc++6", "libgomp1", "zlib1g", "libexpat1", "libbz2-1.0", "liblzma5",
    "libffi8", "libuuid1", "libssl3", "libcrypt1", "python3.11-minimal", "libpython3.11-minimal",
    "libpython3.11-stdlib",
)  # fmt: skip
_LIBRARIES = {
    "libcapstone.so.4": "libcapstone4",
    "liburing.so.2": "liburing2",
    "libnuma.so.1": "libnuma1",
    "libz.so.1": "zlib1g",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgmodule-2.0.so.0": "libglib2.0-0",
    "libpcre2-8.so.0": "libpcre2-8-0",
    "libgnutls.so.30": "libgnutls30",
    "libp11-kit.so.0": "libp11-kit0",
    "libidn2.so.0": "libidn2-0",
    "libunistring.so.2": "libunistring2",
    "libtasn1.so.6": "libtasn1-6",
    "libnettle.so.8": "libnettle8",
    "libhogweed.so.6": "libhogweed6",
    "libgmp.so.10": "libgmp10",
    "libffi.so.8": "libffi8",
}
"""What Debian's emulator is linked against, and the package of each."""

_CPUINFO = "".join(
    f"processor\t: {core}\nBogoMIPS\t: 108.00\n"
    "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n"
    "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
    "CPU part\t: 0xd08\nCPU revision\t: 3\n\n"
    for core in range(4)
)
"""A Cortex-A72's. ONNX Runtime reads it at import, and crashes on this machine's own."""


def emulator_part(debian: Debian) -> Part:
    """Debian's emulator, with the shared libraries that this machine lacks."""
    recipe = {"suite": SUITE, "machine": own_machine()}
    return Part(EMULATOR, recipe, lambda folder: _unpack_emulator(folder, debian))


def root_part(isa: Isa, debian: Debian) -> Part:
    """The guest's file system: a C library, a python, and what runtimes read of the machine."""

    def make(folder: Path) -> Mapping[str, str]:
        fetched = debian.unpack(_GUEST, isa.machine, folder)
        cores = folder / "sys/devices/system/cpu"
        for file in (cores / "possible", cores / "present", cores / "online"):
            _write(file, "0-3\n")
        _write(folder / "proc/cpuinfo", _CPUINFO)
        return fetched

    recipe = {"suite": SUITE, "packages": list(_GUEST), "cpuinfo": _CPUINFO}
    return Part(f"root-{isa.machine}", recipe, make)


def guest_part(name: str, runtime: Runtime, isa: Isa) -> Part:
    """Wheels of a runtime for the guest's python."""
    flags = wheels.guest_flags(isa.platforms)
    recipe = {"wheels": list(runtime.guest_wheels), "python": wheels.GUEST_PYTHON}
    return Part(
        f"{isa.machine}-{name}",
        recipe,
        lambda folder: wheels.unpack(runtime.guest_wheels, folder, flags),
    )


def host_part(name: str, runtime: Runtime) -> Part:
    """A runtime's converter, for the very python that will load it.

    It has a folder of its own, so that it changes nothing in the user's environment and has the
    version of the runtime that will read its models.
    """
    tag = f"{sys.implementation.cache_tag}-{os.uname().machine}"
    recipe = {"wheels": list(runtime.host_wheels), "python": tag}
    return Part(
        f"host-{name}", recipe, lambda folder: wheels.unpack(runtime.host_wheels, folder, ())
    )


def plugin_part(api: int) -> Part:
    """The counting plugin."""
    return Part(PLUGIN, plugin.recipe(api), lambda folder: plugin.compile_plugin(api, folder))


def library_folders(emulator: Path) -> str:
    """Where the unpacked emulator finds its libraries, as LD_LIBRARY_PATH says it."""
    folders = {
        file.parent for base in ("usr/lib", "lib") for file in emulator.glob(f"{base}/*/*.so*")
    }
    return ":".join(str(folder) for folder in sorted(folders))


def _unpack_emulator(folder: Path, debian: Debian) -> Mapping[str, str]:
    fetched = dict(debian.unpack(["qemu-user"], own_machine(), folder))
    wanted = {isa.program for isa in ISAS.values()}
    for file in (folder / "usr/bin").iterdir():
        if file.name not in wanted:
            file.unlink()
    shutil.rmtree(folder / "usr/share", ignore_errors=True)
    while missing := sorted(set(_missing(folder / "usr/bin/qemu-aarch64", folder))):
        if unknown := [name for name in missing if name not in _LIBRARIES]:
            raise InputError(
                f"Debian's qemu-user needs {', '.join(unknown)}, which this machine lacks; run "
                "'apt-get install qemu-user' as root, or use Debian 12"
            )
        packages = sorted({_LIBRARIES[name] for name in missing})
        fetched |= debian.unpack(packages, own_machine(), folder)
    return fetched


def _missing(program: Path, folder: Path) -> Iterator[str]:
    environment = {"PATH": os.environ.get("PATH", ""), "LD_LIBRARY_PATH": library_folders(folder)}
    done = subprocess.run(  # noqa: S603 (an unpacked program of Debian's)
        ["ldd", str(program)],  # noqa: S607 (the C library's own tool)
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    for found in re.finditer(r"(\S+) => not found", done.stdout):
        yield found.group(1)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)

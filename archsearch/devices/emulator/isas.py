"""The ARM machines that can be emulated: which code runs, and on which core's features."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.errors import InputError, nearest


@dataclass(frozen=True)
class Isa:
    """An instruction set as runtimes see it.

    Attributes:
        name: how profiles and counts name it.
        program: the emulator of this machine.
        cpu: the core whose features a runtime finds; it picks its kernels by them.
        machine: Debian's name of the architecture.
        platforms: names under which wheels for it are published, newest first.
        half: whether runtimes compute in half precision, as they do where the core can.
    """

    name: str
    program: str
    cpu: str
    machine: str
    platforms: tuple[str, ...]
    half: bool = False


_ARM64 = tuple(f"manylinux{tag}_aarch64" for tag in ("_2_34", "_2_28", "_2_27", "_2_17", "2014"))
_ARMHF = tuple(f"manylinux{tag}_armv7l" for tag in ("_2_34", "_2_31", "_2_17", "2014"))

ISAS: dict[str, Isa] = {
    isa.name: isa
    for isa in (
        Isa("aarch64-fp32", "qemu-aarch64", "cortex-a72", "arm64", _ARM64),
        Isa("aarch64-fp16", "qemu-aarch64", "cortex-a76", "arm64", _ARM64, half=True),
        Isa("armv7", "qemu-arm", "cortex-a15", "armhf", _ARMHF),
    )
}


def find_isa(name: str) -> Isa:
    """Return the instruction set ``name``.

    Raises:
        InputError: there is none of this name.
    """
    if name not in ISAS:
        raise InputError(f"isa {name!r} is not known; {nearest(name, ISAS)}")
    return ISAS[name]

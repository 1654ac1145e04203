"""Tiny programs whose counts are known: what a setup proves itself on.

Each is a static ELF file, assembled by hand below: a mark, a loop of 1000 turns with instructions
of all classes, a mark, the end. The comments are the assembler's text.
"""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from archsearch.devices.profile import CLASSES
from archsearch.errors import InputError

_TURNS = 1000
_BASE = 0x10000
_MARKS = (0x7E570001, 0x7E570002)

_A64 = (
    0xD10403FF,  # sub sp, sp, #256
    0xD28011A8,  # mov x8, #141 (getpriority)
    0xD2800000,  # mov x0, #0
    0xD2800021,  # movz x1, #1
    0xF2AFCAE1,  # movk x1, #0x7e57, lsl #16
    0xD4000001,  # svc #0
    0xD2807D09,  # mov x9, #1000
    0x910003EB,  # mov x11, sp
    0x3DC003E0,  # loop: ldr q0, [sp]
    0xAD410BE1,  # ldp q1, q2, [sp, #32]
    0x4C40A963,  # ld1 {v3.4s, v4.4s}, [x11]
    0x4D40C965,  # ld1r {v5.4s}, [x11]
    0xF94007EC,  # ldr x12, [sp, #8]
    0x39400FED,  # ldrb w13, [sp, #3]
    0x4E22CC20,  # fmla v0.4s, v1.4s, v2.4s
    0x0E22CC20,  # fmla v0.2s, v1.2s, v2.2s
    0x4FA51083,  # fmla v3.4s, v4.4s, v5.s[1]
    0x1F010806,  # fmadd s6, s0, s1, s2
    0x6E22FC27,  # fdiv v7.4s, v1.4s, v2.4s
    0x4E21D400,  # fadd v0.4s, v0.4s, v1.4s
    0x4E823801,  # zip1 v1.4s, v0.4s, v2.4s
    0x9B0D7D8E,  # mul x14, x12, x13
    0x9AC9098E,  # udiv x14, x12, x9
    0xF98003E0,  # prfm pldl1keep, [sp]
    0x3D8007E0,  # str q0, [sp, #16]
    0xA90437EC,  # stp x12, x13, [sp, #64]
    0x7900A3ED,  # strh w13, [sp, #80]
    0xF1000529,  # subs x9, x9, #1
    0x54FFFD81,  # b.ne loop
    0xD28011A8,  # mov x8, #141
    0xD2800000,  # mov x0, #0
    0xD2800041,  # movz x1, #2
    0xF2AFCAE1,  # movk x1, #0x7e57, lsl #16
    0xD4000001,  # svc #0
    0xD2800BA8,  # mov x8, #93 (exit)
    0xD2800000,  # mov x0, #0
    0xD4000001,  # svc #0
)
_A64_TURN = {
    "fma_q": 2, "fma_d": 1, "fma_s": 1, "fpdiv": 1, "varith": 1, "vperm": 1, "vld": 4, "vst": 1,
    "ild": 2, "ist": 2, "prf": 1, "alu": 1, "imul": 1, "idiv": 1, "br": 1,
    "ld_bytes": 16 + 32 + 32 + 4 + 8 + 1, "st_bytes": 16 + 16 + 2,
}  # fmt: skip
_A64_ONCE = {"alu": 6, "br": 1}

_A32 = (
    0xE24DDC01,  # sub sp, sp, #256
    0xE3A07060,  # mov r7, #96 (getpriority)
    0xE3A00000,  # mov r0, #0
    0xE59F106C,  # ldr r1, first
    0xEF000000,  # svc 0
    0xE3A04FFA,  # mov r4, #1000
    0xF42D0A8F,  # loop: vld1.32 {d0, d1}, [sp]
    0xED9D2A02,  # vldr s4, [sp, #8]
    0xEC9D6B06,  # vldm sp, {d6, d7, d8}
    0xE59D5004,  # ldr r5, [sp, #4]
    0xE89D0700,  # ldm sp, {r8, r9, r10}
    0xE1DD60B2,  # ldrh r6, [sp, #2]
    0xF2000D56,  # vmla.f32 q0, q0, q3
    0xF2010C12,  # vfma.f32 d0, d1, d2
    0xEE022A83,  # vmla.f32 s4, s5, s6
    0xEE822A83,  # vdiv.f32 s4, s5, s6
    0xF2000D46,  # vadd.f32 q0, q0, q3
    0xF3BA01C6,  # vzip.32 q0, q3
    0xE0050496,  # mul r5, r6, r4
    0xF5DDF000,  # pld [sp]
    0xF40D0A8F,  # vst1.32 {d0, d1}, [sp]
    0xE58D5020,  # str r5, [sp, #32]
    0xE1CD82F8,  # strd r8, [sp, #40]
    0xE2544001,  # subs r4, r4, #1
    0x1AFFFFEC,  # bne loop
    0xE3A07060,  # mov r7, #96
    0xE3A00000,  # mov r0, #0
    0xE59F1010,  # ldr r1, last
    0xEF000000,  # svc 0
    0xE3A07001,  # mov r7, #1 (exit)
    0xE3A00000,  # mov r0, #0
    0xEF000000,  # svc 0
    *_MARKS,  # first, last
)
_A32_TURN = {
    "fma_q": 1, "fma_d": 1, "fma_s": 1, "fpdiv": 1, "varith": 1, "vperm": 1, "vld": 3, "vst": 1,
    "ild": 3, "ist": 2, "prf": 1, "alu": 1, "imul": 1, "br": 1,
    "ld_bytes": 16 + 4 + 24 + 4 + 12 + 2, "st_bytes": 16 + 4 + 8,
}  # fmt: skip
_A32_ONCE = {"alu": 3, "ild": 1, "br": 1, "ld_bytes": 4}


def program(machine: str) -> tuple[bytes, dict[str, int]]:
    """ELF file for ``machine`` (arm64, armhf), and what must be counted between its marks."""
    if machine == "arm64":
        return _elf64(_A64), _expected(_A64_TURN, _A64_ONCE)
    return _elf32(_A32), _expected(_A32_TURN, _A32_ONCE)


def prove(emulator: str, plugin: Path, machine: str, environment: Mapping[str, str]) -> None:
    """Run the tiny program and compare its counts, taken from encodings and from accesses.

    Raises:
        InputError: the emulator does not run it, or what is counted differs.
    """
    content, expected = program(machine)
    for observing in ("off", "on"):
        with tempfile.TemporaryDirectory(prefix="archsearch-proof.") as folder:
            file, out = Path(folder) / "program", Path(folder) / "counts"
            file.write_bytes(content)
            file.chmod(0o700)
            option = f"{plugin_option(plugin)},out={out},observe={observing}"
            _run([emulator, "-plugin", option, str(file)], environment)
            counted = dict(zip(CLASSES, json.loads(out.read_text()), strict=True))
        if counted != expected:
            wrong = {key: (counted[key], expected[key]) for key in CLASSES}
            shown = ", ".join(f"{k} {a} for {b}" for k, (a, b) in wrong.items() if a != b)
            raise InputError(
                f"{emulator} counts wrong on the test program ({machine}, observe={observing}): "
                f"{shown}; this emulator cannot be used, report its version"
            )


def plugin_option(plugin: Path) -> str:
    """Write a plugin's path as QEMU's options want it: commas doubled."""
    return str(plugin).replace(",", ",,")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 (the emulator that the setup found)
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]} does not finish the test program") from error
    if done.returncode:
        raise InputError(
            f"{command[0]} cannot run the test program with the plugin (code {done.returncode}): "
            f"{done.stderr.strip()[-300:]}"
        )


def _expected(turn: Mapping[str, int], once: Mapping[str, int]) -> dict[str, int]:
    return {key: _TURNS * turn.get(key, 0) + once.get(key, 0) for key in CLASSES}


def _elf64(words: Sequence[int]) -> bytes:
    """One loaded segment, headers included; EM_AARCH64 is 183."""
    code = struct.pack(f"<{len(words)}I", *words)
    size = 64 + 56
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, _BASE + size, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    whole = size + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, whole, whole, 0x10000)
    return identity + header + segment + code


def _elf32(words: Sequence[int]) -> bytes:
    """One loaded segment, headers included; EM_ARM is 40, the flags say EABI 5."""
    code = struct.pack(f"<{len(words)}I", *words)
    size = 52 + 32
    identity = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    flags = 0x05000400
    header = struct.pack(
        "<HHIIIIIHHHHHH", 2, 40, 1, _BASE + size, 52, 0, flags, 52, 32, 1, 40, 0, 0
    )
    whole = size + len(code)
    segment = struct.pack("<IIIIIIII", 1, 0, _BASE, _BASE, whole, whole, 5, 0x10000)
    return identity + header + segment + code

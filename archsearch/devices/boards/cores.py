"""Names of cores, by the implementer and part number that they report (Arm's MIDR_EL1)."""

from __future__ import annotations

from archsearch.devices.boards.answer import Machine

_ARM, _QUALCOMM, _APPLE = 0x41, 0x51, 0x61
_NAMES = {
    (_ARM, 0xC05): "Cortex-A5",
    (_ARM, 0xC07): "Cortex-A7",
    (_ARM, 0xC08): "Cortex-A8",
    (_ARM, 0xC09): "Cortex-A9",
    (_ARM, 0xC0D): "Cortex-A17",  # as RK3288 reports it; Arm's manual gives 0xC0E
    (_ARM, 0xC0E): "Cortex-A17",
    (_ARM, 0xC0F): "Cortex-A15",
    (_ARM, 0xD03): "Cortex-A53",
    (_ARM, 0xD04): "Cortex-A35",
    (_ARM, 0xD05): "Cortex-A55",
    (_ARM, 0xD07): "Cortex-A57",
    (_ARM, 0xD08): "Cortex-A72",
    (_ARM, 0xD09): "Cortex-A73",
    (_ARM, 0xD0A): "Cortex-A75",
    (_ARM, 0xD0B): "Cortex-A76",
    (_ARM, 0xD0C): "Neoverse N1",
    (_ARM, 0xD0D): "Cortex-A77",
    (_ARM, 0xD40): "Neoverse V1",
    (_ARM, 0xD41): "Cortex-A78",
    (_ARM, 0xD44): "Cortex-X1",
    (_ARM, 0xD46): "Cortex-A510",
    (_ARM, 0xD47): "Cortex-A710",
    (_ARM, 0xD48): "Cortex-X2",
    (_ARM, 0xD49): "Neoverse N2",
    (_ARM, 0xD4D): "Cortex-A715",
    (_ARM, 0xD4E): "Cortex-X3",
    (_QUALCOMM, 0x802): "Kryo 385 Gold",
    (_QUALCOMM, 0x803): "Kryo 385 Silver",
    (_QUALCOMM, 0x804): "Kryo 485 Gold",
    (_QUALCOMM, 0x805): "Kryo 485 Silver",
    (_APPLE, 0x022): "Apple Icestorm",
    (_APPLE, 0x023): "Apple Firestorm",
}


def core_name(machine: Machine) -> str:
    """Name of the core on which a net was timed, as far as the machine tells."""
    if machine.implementer is None or machine.part is None:
        return machine.cpu or f"{machine.machine} core"
    unknown = f"core {machine.implementer:#x}/{machine.part:#x}"
    return _NAMES.get((machine.implementer, machine.part), unknown)


def device_text(name: str, machine: Machine) -> str:
    """What identifies a device in a reading: its name here, board, core and clock."""
    clock = f" {machine.highest_khz / 1e6:.3g} GHz" if machine.highest_khz else ""
    board = f"{machine.board}, " if machine.board else ""
    return f"{name} ({board}{core_name(machine)}{clock})"

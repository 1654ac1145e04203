"""ARM code run under QEMU's user mode, its executed instructions counted by class."""

from __future__ import annotations

from archsearch.devices.emulator.emulator import Counted as Counted
from archsearch.devices.emulator.emulator import Emulator as Emulator
from archsearch.devices.emulator.emulator import Job as Job
from archsearch.devices.emulator.emulator import Operator as Operator
from archsearch.devices.emulator.installation import Installation as Installation
from archsearch.devices.emulator.setup import setup as setup
from archsearch.devices.profile import CLASSES as CLASSES

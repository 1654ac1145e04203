"""Real boards: one kind of link a file and one line here.

A board is a YAML file of the user's (``settings``). What runs on it (``onboard``) needs a Python
3.7 and a runtime there, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archsearch.devices.boards.adb import AdbLink
from archsearch.devices.boards.failure import BoardFailed as BoardFailed
from archsearch.devices.boards.host import HostLink
from archsearch.devices.boards.link import Link
from archsearch.devices.boards.ssh import SshLink

LINKS: dict[str, Callable[[Any], Link]] = {"host": HostLink, "ssh": SshLink, "adb": AdbLink}

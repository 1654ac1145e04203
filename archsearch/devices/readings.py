"""Latencies that were measured before, kept in the user's cache across runs."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path

from archsearch.architecture import Architecture
from archsearch.devices import Device
from archsearch.devices.closing import Closing
from archsearch.devices.kinds import Opened
from archsearch.devices.reading import Latency
from archsearch.errors import InputError

_FILE = "readings.sqlite"
_BUSY_S = 30.0
_KEY = "architecture, classes, device, runtime, threads, protocol"
_TABLE = f"""
CREATE TABLE IF NOT EXISTS readings (
  architecture TEXT, classes INTEGER, device TEXT, runtime TEXT, threads INTEGER,
  protocol INTEGER, latency TEXT NOT NULL, PRIMARY KEY ({_KEY})
)"""


def cache_folder() -> Path:
    """``$ARCHSEARCH_CACHE``, else ``archsearch`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if given := os.environ.get("ARCHSEARCH_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "archsearch"


@dataclass(frozen=True)
class Key:
    """What a reading is of.

    Attributes:
        architecture: id of the net.
        classes: outputs of its head.
        device: identity of the device.
        runtime: with its version.
        threads: of the runtime.
        protocol: version of the way in which the device measures.
    """

    architecture: str
    classes: int
    device: str
    runtime: str
    threads: int
    protocol: int


class Readings:
    """The cache: one SQLite file, which many processes may read and write at once.

    A cache that cannot be read or written costs nothing but time: what would have been found is
    measured again.

    Attributes:
        problem: why the last reading could not be looked up or kept; None if it could.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or cache_folder()) / _FILE
        self.problem: str | None = None

    def get(self, key: Key) -> Latency | None:
        """Look a reading up."""
        places = " AND ".join(f"{name} = ?" for name in _KEY.split(", "))
        query = f"SELECT latency FROM readings WHERE {places}"  # noqa: S608 (our own names)
        rows = self._do(query, astuple(key)) if self._path.exists() else []
        try:
            return Latency(**json.loads(rows[0][0])) if rows else None
        except (TypeError, ValueError):
            return None  # by another version, or damaged

    def put(self, key: Key, latency: Latency) -> None:
        """Keep a reading, in the place of one that was there."""
        values = (*astuple(key), json.dumps(latency.to_data(), allow_nan=False))
        self._do("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _do(self, statement: str, values: tuple[object, ...]) -> list[tuple[str]]:
        self.problem = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_BUSY_S)) as connection, connection:
                connection.execute(_TABLE)
                return connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self.problem = f"{self._path}: {error}; delete it or set ARCHSEARCH_CACHE=FOLDER"
            return []


class Remembering(Closing):
    """A device that looks into the cache first, and is opened by the first net that is not there.

    What is predicted is not kept: it is computed faster than it could be found.

    Args:
        device: the device.
        fresh: measure anew, and keep that.
        processes: emulated processes, of a device that has such.
        readings: the cache; None takes the user's.
    """

    def __init__(
        self,
        device: Device,
        *,
        fresh: bool = False,
        processes: int = 1,
        readings: Readings | None = None,
    ) -> None:
        self.device = device
        self.readings = readings or Readings()
        self._fresh = fresh
        self._processes = processes
        self._opened: Opened | None = None

    def close(self) -> None:
        """Close the device if it was opened."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def latency(self, architecture: Architecture, classes: int) -> Latency:
        """Latency of one net.

        Raises:
            InputError: the device is not set up, or has none; says why.
        """
        (found,) = self.latencies([architecture], classes)
        if isinstance(found, InputError):
            raise found
        return found

    def latencies(
        self, architectures: Iterable[Architecture], classes: int
    ) -> Iterator[Latency | InputError]:
        """Latencies of many nets, in order; in the place of one that has none stands why."""
        asked = list(architectures)
        known = [self.known(architecture, classes) for architecture in asked]
        missing = [net for net, found in zip(asked, known, strict=True) if found is None]
        fresh = self._at_work().latencies(missing, classes) if missing else iter(())
        for net, found in zip(asked, known, strict=True):
            yield found or self._kept(net, classes, next(fresh))

    def known(self, architecture: Architecture, classes: int) -> Latency | None:
        """Latency of a net if it needs no measurement: predicted, or measured before."""
        predictor = self.device.predictor
        if predictor is not None:
            return predictor.latency(architecture, classes)
        return None if self._fresh else self.readings.get(self._key(architecture, classes))

    def _kept(
        self, architecture: Architecture, classes: int, found: Latency | InputError
    ) -> Latency | InputError:
        if isinstance(found, Latency):
            self.readings.put(self._key(architecture, classes), found)
        return found

    def _at_work(self) -> Opened:
        if self._opened is None:
            self._opened = self.device.open(self._processes)
        return self._opened

    @cached_property
    def _identity(self) -> str:
        return self.device.identity

    def _key(self, architecture: Architecture, classes: int) -> Key:
        device = self.device
        return Key(
            architecture.id,
            classes,
            self._identity,
            device.runtime,
            device.threads,
            device.kind.protocol,
        )

"""The SQLite file of a run: how it is made, opened and locked, and what its errors mean."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import quote

import sqlalchemy as sa

from archsearch.errors import InputError
from archsearch.store.tables import META, TABLES

LOCK = "run.lock"
"""Name of the file beside the database that its writer holds locked."""

_BUSY_S = 30.0


class StoreFull(InputError):  # noqa: N818 (says what happened)
    """The disk took no more. What was stored before is safe."""


def write_new(path: Path, meta: Mapping[str, Any]) -> None:
    """Make a database with every table, and ``meta`` in it, at a path where nothing is."""
    engine = open_engine(path, "rwc")
    try:
        with engine.begin() as connection:
            TABLES.create_all(connection)
            rows = [{"key": key, "value": value} for key, value in meta.items()]
            connection.execute(sa.insert(META), rows)
    finally:
        engine.dispose()


def open_engine(path: Path, mode: Literal["ro", "rw", "rwc"]) -> sa.Engine:
    """An engine over one connection to the file: to read, to write, or to make it."""
    engine = sa.create_engine(
        "sqlite://",
        creator=partial(_connect, path, mode),
        poolclass=sa.StaticPool,
        json_serializer=partial(json.dumps, separators=(",", ":"), allow_nan=False),
    )
    begin = "BEGIN" if mode == "ro" else "BEGIN IMMEDIATE"
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def locked(path: Path) -> IO[str]:
    """Hold the right to write beside ``path`` until the file returned is closed.

    The lock is the system's, so that it ends with its process however that ends.

    Raises:
        InputError: another process holds it, or the folder cannot be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(LOCK).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with explained(path):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InputError(
            f"{path.parent}: process {holder} (or one that it started) is writing here; wait "
            "for it, stop it, or choose another folder"
        ) from None
    except BaseException:
        file.close()
        raise
    return file


def fold_log(engine: sa.Engine) -> None:
    """Put the log back into the file: then the file alone is the run, and reading it adds no other.

    It cannot be done while somebody reads or where the disk is full, and nothing is lost if not.
    """
    with suppress(sqlite3.OperationalError), engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        cursor.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the system or SQLite says of the file at ``path`` into what a user can do.

    Raises:
        StoreFull: the disk is full, or a quota or a size limit is reached.
        InputError: the file is damaged, is no database, is locked or may not be written.
    """
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
        raise  # a mistake of ours
    except sa.exc.DBAPIError as error:
        raise _meaning(path, error.orig) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _full(path, str(error)) from error
        raise InputError(f"{path}: {error.strerror}; check the folder and its rights") from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,  # SQLAlchemy begins transactions: see open_engine
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if mode == "rw":
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _meaning(path: Path, error: BaseException | None) -> InputError:
    reason = str(error)
    # A quota or a limit on the size of files shows as a failed write.
    if "full" in reason or getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_WRITE":
        return _full(path, reason)
    if "locked" in reason:
        return InputError(
            f"{path}: another program has locked it for {_BUSY_S:g} s; close it and start again"
        )
    if "not a database" in reason:
        return InputError(f"{path}: is no run of archsearch ({reason}); give a run's run.sqlite")
    return InputError(f"{path}: {reason}; check the file, or restore it from a copy")


def _full(path: Path, reason: str) -> StoreFull:
    return StoreFull(
        f"{path}: cannot grow ({reason}); everything stored so far is safe. Free some space, then "
        "give the same command again to go on"
    )

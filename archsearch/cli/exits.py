"""How a command ends when it cannot go on: one line on stderr and a code, no traceback."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from archsearch.errors import InputError

NOT_A_MEMBER = 1
"""The answer no."""
INPUT_ERROR = 2
INTERRUPTED = 130
"""What shells report of a process that SIGINT ended."""


class Commands(TyperGroup):
    """All commands; what a user can cause is said in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            _end(f"error: {error}", INPUT_ERROR)
        except KeyboardInterrupt:
            _end("stopped; the same command goes on", INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            _end(f"error: {_reason(error)}", INPUT_ERROR)


def _reason(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return (
            f"{where}the disk is full; every finished trial is safe in its run's database. "
            "Free some space and give the same command again"
        )
    return f"{where}{error.strerror or error}; check the path and its permissions"


def _end(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)

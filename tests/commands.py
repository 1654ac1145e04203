"""The command line in this process: what it prints, and what it refuses."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from archsearch.cli import app


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def printed(*args: object) -> str:
    """What a command prints that ends well."""
    result = call(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*args: object) -> str:
    """The one line that a command says when it refuses what it was given."""
    result = call(*args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr

"""The file of a user's own device: YAML, strict."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from archsearch.devices.runtimes import RUNTIMES
from archsearch.documents import Document, Misfit, read
from archsearch.errors import nearest
from archsearch.records import check


def _absolute(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise ValueError(f"got {text!r}; give an absolute path there, such as /home/pi/archsearch")
    return str(path)


def _runtime(name: str) -> str:
    if name not in RUNTIMES:
        raise ValueError(f"unknown runtime {name!r}; {nearest(name, RUNTIMES)}")
    return name


def _no_option(text: str) -> str:
    if not text or text.startswith("-") or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError(f"got {text!r}; this is no name: no spaces, no '-' in front")
    return text


RemotePath = Annotated[str, AfterValidator(_absolute)]
Name = Annotated[str, AfterValidator(_no_option)]
Core = Annotated[int, Field(ge=0, le=4095)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class BoardSettings(BaseModel):
    """What holds for a board however it is reached.

    Attributes:
        python: a Python 3.7 or newer on the board that can import the runtime; absolute, because
            a remote login shell can put another one first.
        folder: a folder on the board that is ours; kept below ``keep_mb`` megabytes.
        runtime: name of the inference runtime.
        threads: of the runtime.
        cores: cores to pin to; None takes those with the highest clock.
        half: compute in half precision where the runtime and the core can.
        profile: device that answers in this one's place where it is not at hand.
        drift_at_most: change of the median from the first half of the runs to the second, or of
            the reference net against the best seen, that is still called steady (0.05 is 5 %).
        cool_s: pause before a net is timed anew because the board was not steady.
        limit_s: time for one net's warm-up and runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    python: RemotePath
    folder: RemotePath
    runtime: Annotated[str, AfterValidator(_runtime)] = "mnn"
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    cores: Annotated[tuple[Core, ...] | None, Field(strict=False)] = None
    half: bool = False
    profile: str | None = None
    drift_at_most: Annotated[float, Field(gt=0)] = 0.05
    cool_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    limit_s: Seconds = 300.0
    keep_mb: Annotated[int, Field(ge=1)] = 500


class HostSettings(BoardSettings):
    """This machine."""

    kind: Literal["host"]
    python: RemotePath = sys.executable
    folder: RemotePath = str(Path("~/.cache/archsearch/board").expanduser())


class SshSettings(BoardSettings):
    """A board behind OpenSSH; what is not said here, the user's ssh config says."""

    kind: Literal["ssh"]
    host: Name
    user: Name | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    ssh_config: Annotated[Path | None, Field(strict=False)] = None


class AdbSettings(BoardSettings):
    """A board or phone behind the Android Debug Bridge."""

    kind: Literal["adb"]
    serial: Name | None = None
    folder: RemotePath = "/data/local/tmp/archsearch"


AnySettings = HostSettings | SshSettings | AdbSettings
KINDS: dict[str, type[AnySettings]] = {
    "host": HostSettings,
    "ssh": SshSettings,
    "adb": AdbSettings,
}


def read_settings(path: Path) -> AnySettings:
    """Read a device file.

    Raises:
        InputError: the file is missing or does not hold; with its line.
    """
    document = read(path)
    try:
        return _checked(document, path)
    except Misfit as misfit:
        raise document.error(misfit) from None


def _checked(document: Document, path: Path) -> AnySettings:
    data = document.data
    if not isinstance(data, dict) or "kind" not in data:
        raise Misfit((), f"a device file is a mapping with the key 'kind': {', '.join(KINDS)}")
    kind = data["kind"]
    if kind not in KINDS:
        raise Misfit(("kind",), f"unknown kind {kind!r}; {nearest(str(kind), KINDS)}")
    settings = check(KINDS[kind], data)
    if settings.cores is not None and len(set(settings.cores)) < settings.threads:
        raise Misfit(("cores",), f"{settings.threads} threads need as many different cores")
    if isinstance(settings, SshSettings) and settings.ssh_config is not None:
        return settings.model_copy(update={"ssh_config": _config(settings.ssh_config, path)})
    return settings


def _config(given: Path, path: Path) -> Path:
    """Find an ssh config: relative to the device file, and not read from where a command runs."""
    config = path.parent.resolve() / given.expanduser()
    if not config.is_file():
        raise Misfit(("ssh_config",), f"{config}: no such file")
    return config


def is_device_file(name: str) -> bool:
    """Whether a device's name means a file."""
    return name.endswith((".yaml", ".yml"))

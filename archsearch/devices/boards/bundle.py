"""Files that go to a board together, under the hash of their content."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Bundle:
    """Named files as one archive; the same files make the same bytes, so they are sent once."""

    files: Mapping[str, bytes]

    @cached_property
    def archive(self) -> bytes:
        """A tar archive without times or owners."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted(self.files):
                entry = tarfile.TarInfo(name)
                entry.size = len(self.files[name])
                tar.addfile(entry, io.BytesIO(self.files[name]))
        return out.getvalue()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the archive: the bundle's name on a board."""
        return hashlib.sha256(self.archive).hexdigest()

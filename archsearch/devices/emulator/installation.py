"""A finished setup, and how a guest is started from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archsearch.devices.emulator.folder import Part, default_folder, made, read_manifest
from archsearch.devices.emulator.isas import Isa
from archsearch.devices.emulator.parts import PLUGIN, PYTHON, guest_part, host_part
from archsearch.devices.emulator.proof import plugin_option
from archsearch.devices.runtimes import RUNTIMES, find_runtime
from archsearch.errors import InputError

FORMAT = 1
"""Of the manifest; a folder with another one is set up again."""

_SERVER = Path(__file__).with_name("serve.py")


@dataclass(frozen=True)
class Installation:
    """What a setup left in its folder.

    Attributes:
        cache: the folder.
        emulators: program names to what is run for them.
        libraries: where the emulators find shared libraries, "" for the machine's own.
        version: what the emulator says of itself.
        isas: names of the instruction sets that there is a root for.
    """

    cache: Path
    emulators: Mapping[str, str]
    libraries: str
    version: str
    isas: tuple[str, ...]

    @classmethod
    def read(cls, cache: Path | None = None) -> Installation:
        """Open the setup in ``cache``, or in the default folder.

        Raises:
            InputError: there is none, or one by another version of archsearch.
        """
        cache = cache or default_folder()
        manifest = read_manifest(cache)
        if manifest.get("format") != FORMAT:
            raise _outdated(cache, "the folder")
        return cls(
            cache,
            manifest["emulators"],
            manifest["libraries"],
            manifest["version"],
            tuple(manifest["isas"]),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment of an emulator, the same whatever the user's is: counts depend on it."""
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C", "OMP_NUM_THREADS": "1"}
        environment |= {"HOME": "/nonexistent", "PYTHONHASHSEED": "0"}
        # Else functions are bound at their first call, in the first model's counts alone.
        environment["LD_BIND_NOW"] = "1"
        if self.libraries:
            environment["LD_LIBRARY_PATH"] = self.libraries
        return environment

    def command(self, runtime: str, isa: Isa, out: Path) -> list[str]:
        """Command line of a guest that serves ``runtime`` and writes its counts to ``out``.

        Raises:
            InputError: there is no such runtime for ``isa``, or it is not set up.
        """
        site = self.site(runtime, isa)
        root = self.cache / f"root-{isa.machine}"
        plugin = plugin_option(self.cache / PLUGIN / "counter.so")
        command = [self.emulators[isa.program], "-cpu", isa.cpu]
        command += ["-plugin", f"{plugin},out={plugin_option(out)}", "-U", "LD_LIBRARY_PATH"]
        command += ["-L", str(root), str(root / PYTHON), "-S", "-s", str(_SERVER)]
        session = str(find_runtime(runtime).session)
        return [*command, session, str(site), "half" if isa.half else "single"]

    def site(self, runtime: str, isa: Isa) -> Path:
        """Folder of a runtime's wheels for the guest.

        Raises:
            InputError: there is no such runtime for ``isa``, or it is not set up.
        """
        return self.cache / self._checked(guest_part(runtime, find_runtime(runtime), isa), isa).name

    def tools(self, runtime: str) -> Path:
        """Folder of a runtime's converter.

        Raises:
            InputError: it was set up by another python, or for another version.
        """
        if not find_runtime(runtime).host_wheels:
            return self.cache
        return self.cache / self._checked(host_part(runtime, find_runtime(runtime))).name

    def _checked(self, part: Part, isa: Isa | None = None) -> Part:
        runtime = part.name.partition("-")[2]
        if isa is not None and isa.name not in RUNTIMES[runtime].isas:
            raise InputError(
                f"{RUNTIMES[runtime].name} does not run on {isa.name}; it runs on "
                f"{', '.join(RUNTIMES[runtime].isas)}"
            )
        if isa is not None and isa.name not in self.isas:
            flag = " --armv7" if isa.name == "armv7" else ""
            raise InputError(
                f"{self.cache}: not set up for {isa.name}; run "
                f"'archsearch devices setup emulated{flag}'"
            )
        found = made(self.cache / part.name)
        if found is None or found["recipe"] != dict(part.recipe):
            raise _outdated(self.cache, part.name)
        return part


def _outdated(cache: Path, what: str) -> InputError:
    return InputError(
        f"{cache}: {what} was not set up by this version of archsearch on this python "
        "(wheels and recipe differ); run "
        "'archsearch devices setup emulated' again, it fetches only what is missing"
    )

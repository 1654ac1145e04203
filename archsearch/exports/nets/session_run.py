"""Run by a python of its own: a runtime's session over images, one after the other.

``session_run.py TOOLS SESSION MODEL GIVEN FOUND BATCH C H W``: float32 files, the images one behind
the other in GIVEN and their outputs so in FOUND.
"""

import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Run the model on every image."""
    tools, session_file, model, given, found, *numbers = sys.argv[1:]
    batch, *shape = map(int, numbers)
    sys.path.insert(0, tools)
    spec = importlib.util.spec_from_file_location("session", session_file)
    assert spec is not None  # noqa: S101 (the file is there)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    session = module.Session(model, [1, *shape])
    images = Path(given).read_bytes()
    size = len(images) // batch
    with Path(found).open("wb") as file:
        for index in range(batch):
            session.write(images[index * size : (index + 1) * size])
            session.run()
            file.write(session.read())


if __name__ == "__main__":
    main()

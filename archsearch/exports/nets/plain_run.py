"""Run by a python of its own: a file of plain PyTorch over images.

``plain_run.py FILE GIVEN FOUND``: ``images`` are read from GIVEN, ``logits`` written to FOUND, both
safetensors; the weights lie beside FILE.
"""

import importlib.util
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def main() -> None:
    """Load the net and run it."""
    file, given, found = sys.argv[1:]
    sys.modules["archsearch"] = None  # type: ignore[assignment]
    spec = importlib.util.spec_from_file_location("plain_net", file)
    assert spec is not None  # noqa: S101 (the file is there)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain_net"] = module
    spec.loader.exec_module(module)
    net = module.load(str(Path(file).with_suffix(".safetensors")))
    torch.set_num_threads(1)
    with torch.no_grad():
        logits = net(load_file(given)["images"])
    save_file({"logits": logits.contiguous()}, found)


if __name__ == "__main__":
    main()

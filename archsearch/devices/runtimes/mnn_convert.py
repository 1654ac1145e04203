"""Run by a python of its own: converts ONNX files to MNN files, one after the other.

``mnn_convert.py TOOLS ONNX FOLDER [ONNX FOLDER ...]``. It works inside each private folder, as the
converter writes scratch files to the current one; and it loads the converter alone, not the
package around it, which imports numpy and more.
"""

import importlib
import os
import sys


def main() -> None:
    """Convert; ends with an error at the first model that fails."""
    sys.path.insert(0, sys.argv[1])
    tools = importlib.import_module("_tools")
    for onnx, folder in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
        os.chdir(folder)
        arguments = ["--framework", "ONNX", "--modelFile", onnx, "--MNNModel", "model.mnn"]
        tools.mnnconvert(["mnnconvert", *arguments, "--bizCode", "archsearch"])
        # Where it fails it prints why, leaves no file and reports success.
        if not os.path.exists("model.mnn") or not os.path.getsize("model.mnn"):  # noqa: PTH110, PTH202
            sys.exit(1)


if __name__ == "__main__":
    main()

"""A real LaTeX for tests: pdflatex, kept from reading and writing anywhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_PAGE = r"""
\documentclass[twocolumn]{article}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def too_wide_pt(content: str, folder: Path) -> float:
    """Compile a float; give by how many points its widest box is wider than its place.

    A test is skipped where there is no pdflatex.
    """
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here; apt-get install texlive-latex-recommended")
    (folder / "page.tex").write_text(_PAGE % content, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "page.pdf").stat().st_size > 5000
    boxes = [line for line in done.stdout.splitlines() if line.startswith("Overfull \\hbox")]
    return max((float(line.split("(")[1].split("pt")[0]) for line in boxes), default=0.0)

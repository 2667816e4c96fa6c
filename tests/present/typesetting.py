"""LaTeX documents through pdflatex, and what its log complains about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["complaints", "typeset"]

WIDE = 10.0  # points by which a line may stand out
_OVERFULL = re.compile(r"^Overfull \\hbox \(([0-9.]+)pt too wide\).*$", re.MULTILINE)
_ERROR = re.compile(r"^!.*(?:\n.*){0,3}", re.MULTILINE)


def typeset(source: str, folder: Path) -> str:
    """Run pdflatex on a document; returns its log. Without pdflatex the test is skipped, in CI it fails."""
    if shutil.which("pdflatex") is None:
        if os.environ.get("SYMGRAD_REQUIRE_TEX") == "1":
            pytest.fail("SYMGRAD_REQUIRE_TEX=1 is set, but there is no pdflatex")
        pytest.skip("pdflatex is not installed")
    (folder / "page.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "page.tex"]
    environment = os.environ | {"max_print_line": "1000"}
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, timeout=120, check=False)
    return (folder / "page.log").read_text(encoding="utf-8", errors="replace")


def complaints(log: str) -> list[str]:
    """Errors, and lines that stand out noticeably."""
    wide = [match[0] for match in _OVERFULL.finditer(log) if float(match[1]) > WIDE]
    written = [] if "Output written on page.pdf" in log else ["no pages were written"]
    return [*_ERROR.findall(log), *wide, *written]

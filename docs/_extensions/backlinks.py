"""From a function back to the theorem: what the theory refers to says in which section it is explained."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

THEORY = Path(__file__).parents[1] / "theory.md"


@cache
def explained() -> dict[str, str]:
    """Full name of each object that the theory refers to -> heading of the first section that does."""
    found: dict[str, str] = {}
    for section in re.split(r"^## ", THEORY.read_text(encoding="utf-8"), flags=re.M)[1:]:
        heading = section.partition("\n")[0]
        for name in re.findall(r"\{py:\w+\}`(symgrad\.[\w.]+)`", section):
            found.setdefault(name, heading)
    return found


def add_link(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Append the link to a documented object's text."""
    heading = explained().get(name)
    if heading:
        lines += ["", f"Explained in :ref:`{heading} <theory:{heading}>`.", ""]


def setup(app: Any) -> dict[str, bool]:
    """Add the links when docstrings have been read: napoleon would take them for a part of its last section."""
    app.setup_extension("sphinx.ext.autodoc")  # whose event this is
    app.connect("autodoc-process-docstring", add_link, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

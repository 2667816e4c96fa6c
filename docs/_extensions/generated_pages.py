"""Pages made from the library itself when the documentation is built, so that they are never out of date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models_page import models_page
from rules_page import rules_page

PAGES = {"rules": rules_page, "models": models_page}


def write_pages(app: Any) -> None:
    """Write the pages before the sources are read."""
    folder = Path(app.srcdir) / "_generated"
    folder.mkdir(exist_ok=True)
    for name, written in PAGES.items():
        page, text = folder / f"{name}.md", written()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Hook the pages in."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

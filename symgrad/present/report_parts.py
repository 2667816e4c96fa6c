"""What a report consists of, before it is known how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "Cell",
    "Code",
    "Content",
    "Fold",
    "Formula",
    "Grid",
    "Item",
    "Mark",
    "Picture",
    "Section",
    "Shown",
    "Table",
    "Words",
]


@dataclass(frozen=True)
class Words:
    """A paragraph of plain words."""

    words: str


@dataclass(frozen=True)
class Shown:
    """An object in its formulas."""

    obj: Any


@dataclass(frozen=True)
class Formula:
    """A formula in LaTeX."""

    latex: str


@dataclass(frozen=True)
class Table:
    """Rows of plain cells below a header, all to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Mark:
    """A word that says how something turned out.

    Attributes:
        words: such as an outcome.
        tone: ``"good"``, ``"bad"`` or ``"open"``, for formats that have more than words.
    """

    words: str
    tone: str


Cell = str | Formula | Mark


@dataclass(frozen=True)
class Grid:
    """Rows of words, formulas and marks below a header, all to the left; the widths are shares of the page."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    widths: Sequence[float]


@dataclass(frozen=True)
class Heading:
    """A small heading within a section."""

    words: str


@dataclass(frozen=True)
class Code:
    """Lines of a program."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """A part that readers can fold away, where the format lets them; below a small heading elsewhere."""

    title: str
    items: Sequence[Item]
    unfolded: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture in a file."""

    path: Path
    words: str


Item = Words | Heading | Shown | Formula | Table | Grid | Code | Fold | Picture


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    title: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Content:
    """A whole report."""

    title: str
    sections: Sequence[Section]

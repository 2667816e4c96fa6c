"""What a report consists of, before it is known how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Formula", "Item", "Picture", "Section", "Shown", "Table", "Words"]


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
class Picture:
    """A picture in a file."""

    path: Path
    words: str


Item = Words | Shown | Formula | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    title: str
    items: Sequence[Item]

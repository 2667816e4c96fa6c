"""Equations laid out: one below the other at their relation, long sums broken before a sign."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symgrad.present.breaking import folded
from symgrad.present.widths import visible_length
from symgrad.present.writer import Term, joined

__all__ = ["Equation", "aligned", "broken", "column_table", "equation_rows", "plain_lines"]

_WIDTH = 90  # of a line, in digits: what an A4 page with narrow margins holds
_RELATION = 3  # what a relation with its spaces takes


@dataclass(frozen=True)
class Equation:
    """One line ``left relation sum of terms``; the right side may be broken between terms."""

    left: str
    relation: str
    terms: Sequence[Term]

    @property
    def right(self) -> str:
        """The right side on one line."""
        return joined(self.terms)


def broken(
    terms: Sequence[Term], width: float = _WIDTH, measured: Callable[[str], float] = visible_length
) -> list[str]:
    """A sum on as many lines as its width asks for; by default that of LaTeX."""
    lines: list[list[Term]] = [[]]
    for term in terms:
        if lines[-1] and measured(joined([*lines[-1], term])) > width:
            lines.append([])
        lines[-1].append(term)
    first, *later = lines
    return [joined(first), *(_continued(line) for line in later)]


def _continued(line: Sequence[Term]) -> str:
    (negative, _), text = line[0], joined(line)
    return text if negative else f"+ {text}"


def equation_rows(
    equations: Sequence[Equation], width: float = _WIDTH, wide: Callable[[str, float], str] | None = None
) -> list[str]:
    """Equations as rows of two columns, long sums on several rows.

    Args:
        equations: one below the other.
        width: of a row, in digits.
        wide: what becomes of a line that cannot be broken and is wider than the second number, in digits.
    """
    rows = []
    space = width - max((visible_length(equation.left) for equation in equations), default=0) - _RELATION
    right = max(space, width / 2)
    for equation in equations:
        lines = [line for part in broken(equation.terms, right) for line in folded(part, right)]
        if wide is not None:
            lines = [wide(line, right) if visible_length(line) > right else line for line in lines]
        first, *later = lines
        rows += [f"{equation.left} &{equation.relation} {first}", *(rf"&\quad {line}" for line in later)]
    return rows


def aligned(equations: Sequence[Equation]) -> str:
    """Equations one below the other; a single short one stands by itself."""
    rows = equation_rows(equations)
    if len(rows) == 1:
        return f"{equations[0].left} {equations[0].relation} {equations[0].right}"
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def plain_lines(equations: Sequence[Equation], width: int = 110) -> str:
    """Equations in plain text, long sums broken."""
    lines = []
    for equation in equations:
        head = f"{equation.left} {equation.relation} "
        first, *later = broken(equation.terms, max(width - len(head), 40), len)
        lines += [head + first, *(" " * len(head) + line for line in later)]
    return "\n".join(lines)


def column_table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    """A plain text table; cells longer than the width of their column are wrapped."""
    used = [min(width, max(len(row[i]) for row in [header, *rows])) for i, width in enumerate(widths)]
    lines = []
    for row in [header, ["-" * width for width in used], *rows]:
        cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, used, strict=True)]
        for index in range(max(map(len, cells))):
            parts = [cell[index] if index < len(cell) else "" for cell in cells]
            lines.append("  ".join(part.ljust(width) for part, width in zip(parts, used, strict=True)).rstrip())
    return "\n".join(lines)

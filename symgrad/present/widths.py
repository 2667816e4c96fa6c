r"""How wide a formula is set, estimated from its source: enough to choose where lines are broken.

All widths are in digits, half an em of the font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

__all__ = ["visible_length"]

_TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|\S")
_SCRIPT = 0.75
_OPERATORS = {"+": 2.3, "-": 2.3, r"\odot": 2.4, r"\otimes": 2.4, r"\cdot": 1.5, r"\pm": 2.4, r"\times": 2.4}
_RELATIONS = {"=": 2.6, "<": 2.6, ">": 2.6, r"\le": 2.6, r"\ge": 2.6, r"\in": 2.5, r"\approx": 2.6, r"\ne": 2.6}
_SPACES = {r"\,": 0.33, r"\quad": 2.0, r"\qquad": 4.0, r"\ ": 0.6, r"\;": 0.55, r"\:": 0.45, r"\!": -0.33}
_WIDE = {r"\cdots": 2.7, r"\dots": 2.7, r"\ldots": 2.4, r"\sum": 3.0, r"\prod": 2.7, r"\infty": 2.0, r"\nabla": 1.7}
_NARROW = {",": 0.9, "(": 0.9, ")": 0.9, "[": 0.8, "]": 0.8, "|": 0.6, "'": 0.6, ".": 0.55, "!": 0.6, "/": 1.0}
_UNSEEN = {r"\left", r"\right", r"\displaystyle", r"\scriptstyle", r"\limits", r"\\", "&", "^", "_", "{", "}", "~"}
_FUNCTIONS = ("tanh", "sin", "cos", "tan", "exp", "log", "ln", "max", "min", "sup", "inf", "sinh", "cosh", "det")
_NAMED = {rf"\{name}" for name in _FUNCTIONS}
_SIZES = {**_OPERATORS, **_RELATIONS, **_SPACES, **_WIDE, **_NARROW, **dict.fromkeys(_UNSEEN, 0.0)}


@lru_cache(maxsize=8192)  # a line is measured again for every way of breaking it
def visible_length(latex: str) -> float:
    r"""About how wide a formula is set, in digits.

    >>> visible_length("12"), visible_length(r"\frac{123}{1}"), visible_length("")
    (2.0, 3.4, 0.0)
    """
    return round(_width(_parsed(iter(_TOKEN.findall(latex)))), 2)


Group = list["str | Group"]


def _parsed(tokens: Iterator[str]) -> Group:
    """The tokens as nested groups."""
    found: Group = []
    for token in tokens:
        if token == "}":
            return found
        found.append(_parsed(tokens) if token == "{" else token)
    return found


def _width(items: Sequence[str | Group]) -> float:
    total, position = 0.0, 0
    while position < len(items):
        item = items[position]
        rest = items[position + 1 :]
        width, used = _with_arguments(item, rest) if isinstance(item, str) else (_width(item), 0)
        total += width
        position += used + 1
    return total


def _with_arguments(item: str, rest: Sequence[str | Group]) -> tuple[float, int]:
    """The width of a command with its arguments, and how many of what follows are arguments."""
    if item in (r"\frac", r"\tfrac", r"\dfrac") and len(rest) > 1:
        scale = _SCRIPT if item == r"\tfrac" else 1.0
        return scale * max(_of(rest[0]), _of(rest[1])) + 0.4, 2
    if item in ("^", "_") and rest:
        return _scripts(item, rest)
    if item in (r"\text", r"\operatorname", r"\mathrm") and rest:
        return 1.0 * _letters(rest[0]) + 0.3, 1
    if item == r"\begin" and rest:
        return _environment(rest)
    if item == r"\sqrt":
        return 1.8, 0
    return _single(item), 0


def _of(item: str | Group) -> float:
    return _width([item] if isinstance(item, str) else item)


def _scripts(item: str, rest: Sequence[str | Group]) -> tuple[float, int]:
    """A sub- or superscript; where both follow they are set one above the other."""
    width = _SCRIPT * _of(rest[0])
    if len(rest) > 2 and rest[1] in ("^", "_") and rest[1] != item:
        return max(width, _SCRIPT * _of(rest[2])), 3
    return width, 1


def _letters(item: str | Group) -> float:
    return float(len(item)) if isinstance(item, str) else sum(map(_letters, item))


def _environment(rest: Sequence[str | Group]) -> tuple[float, int]:
    """A matrix or other table: each column as wide as its widest cell."""
    columns: dict[int, list[float]] = {}
    cell: list[str | Group] = []
    column, used, depth = 0, 1, 1
    for item in rest[1:]:
        used += 1
        depth += (item == r"\begin") - (item == r"\end")
        if depth == 0 or (depth == 1 and item in ("&", r"\\")):
            columns.setdefault(column, []).append(_width(cell))
            cell, column = [], column + 1 if item == "&" else 0
        else:
            cell.append(item)
        if depth == 0:
            break
    return sum(max(widths) + 2.0 for widths in columns.values()), used + 1


def _single(item: str) -> float:
    """The width of one sign or command."""
    if item in _SIZES:
        return _SIZES[item]
    if item in _NAMED:
        return len(item) - 0.4
    if item.isupper():
        return 1.9 if item in "MW" else 1.45
    return 1.0 if item.isdigit() else 1.1

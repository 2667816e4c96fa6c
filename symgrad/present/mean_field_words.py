"""Words about mean-field theory in LaTeX: the symbols in them set as mathematics."""

from __future__ import annotations

import re
import textwrap
from itertools import groupby

from symgrad.present.scalars import phrase

__all__ = ["words_latex"]

_WIDTH = 90
_SYMBOLS = {
    "sigma_w^2": r"\sigma_w^2",
    "sigma_b^2": r"\sigma_b^2",
    "chi_1": r"\chi_1",
    "chi": r"\chi",
    "skip^2": r"\alpha^2",
    "phi": r"\varphi",
    "q*": "q^*",
    "c*": "c^*",
}
_FORMULA = re.compile(r"[=<>]|[qcCVKM]|-?\d[\d./]*(e[+-]?\d+)?|[CVKM]'?\([qc01]\*?\)")
_WORD = re.compile(r"(?P<before>[(\[]?)(?P<word>.*?)(?P<after>[,;:.)\]]*)")
_BALANCED = re.compile(r"(?P<before>)(?P<word>[CVKM]'?\([qc01]\*?\))(?P<after>[,;:.)]*)")


def words_latex(words: str) -> str:
    r"""A statement as LaTeX inside a formula, on as many lines as it needs.

    >>> print(words_latex("chi_1 < 1 at q* = 0.2 (attracting)"))
    \chi_1 < 1\text{ at }q^* = 0.2\text{ (attracting)}
    """
    lines = [_line(line) for line in textwrap.wrap(words, _WIDTH)] or [phrase("")]
    if len(lines) == 1:
        return lines[0]
    return "\\begin{array}{c}\n" + " \\\\\n".join(lines) + "\n\\end{array}"


def _line(words: str) -> str:
    parts: list[tuple[bool, str]] = []
    for word in words.split():
        if parts:
            parts.append((False, " "))
        parts += _word(word)
    joined: list[tuple[bool, str]] = []
    for index, (is_formula, part) in enumerate(parts):
        between = part == " " and 0 < index < len(parts) - 1 and parts[index - 1][0] and parts[index + 1][0]
        joined.append((is_formula or between, part))
    runs = [(key, "".join(part for _, part in group)) for key, group in groupby(joined, key=lambda item: item[0])]
    return "".join(run if is_formula else phrase(run) for is_formula, run in runs)


def _word(word: str) -> list[tuple[bool, str]]:
    """A word, apart from the brackets and stops around it, and whether it belongs to a formula."""
    match = _BALANCED.fullmatch(word) or _WORD.fullmatch(word)
    if match is None:
        return [(False, word)]
    inner = match["word"]
    formula = _SYMBOLS.get(inner) or (inner.replace("*", "^*") if _FORMULA.fullmatch(inner) else None)
    if formula is None:
        return [(False, word)]
    sides = [(False, match[side]) if match[side] else None for side in ("before", "after")]
    return [part for part in (sides[0], (True, formula), sides[1]) if part is not None]

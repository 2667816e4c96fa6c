r"""Long formulas on several lines: broken before a sign or between factors, as far outside of brackets as possible.

What stands in braces, such as fractions and matrices, is never broken. Where brackets are broken, ``\right.`` and
``\left.`` stand in for the halves that are elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from symgrad.present.widths import visible_length

__all__ = ["folded"]

_DEEPEST = 3  # brackets within brackets that are still broken
_DELIMITER = r"\s*(?:\\[a-zA-Z]+|\\[{}|]|\S)"
_TOKEN = re.compile(
    rf"\\left{_DELIMITER}|\\right{_DELIMITER}|\\begin\{{\w+\}}|\\end\{{\w+\}}"
    r"| (?:[+-]|\\odot|\\otimes) |, |\\[a-zA-Z]+|\\.|\s|."
)
_ARGUMENT = re.compile(r"\\(?:tanh?|sinh?|cosh?|log|exp|operatorname\{\w+\})\{(?=\\left)")
_BRACE = re.compile(r"\\.|[{}]")
_SIGN = re.compile(r" (?:[+-]|\\odot|\\otimes) ")


@dataclass(frozen=True)
class _Point:
    """A place where a formula may be broken.

    Attributes:
        end: where the line before it ends.
        start: where the line after it starts.
        depth: the number of brackets around it.
        lead: what the line after it starts with besides.
        factors: whether it stands between factors, with no sign to show.
    """

    end: int
    start: int
    depth: int
    lead: str
    factors: bool = False


def folded(latex: str, width: float) -> list[str]:
    r"""A formula on lines of at most a width in digits, where it can be broken; else on longer ones.

    >>> folded(r"\left(a_{1}, a_{2}, a_{3}\right)", 7)
    ['\\left(a_{1}, a_{2},\\right.', '\\left.a_{3}\\right)']
    >>> folded("a + b", 3)
    ['a', '{} + b']
    """
    lines = [_opened(latex) if visible_length(latex) > width else latex]
    for depth in range(_DEEPEST + 1):
        for factors in (False, True):  # signs are better places than those between factors
            lines = [part for line in lines for part in _split(line, width, depth, factors)]
    return lines


def _opened(latex: str) -> str:
    r"""Without the braces around the arguments of functions, within which nothing could be broken.

    >>> _opened(r"\tanh{\left(\tanh{\left(a \right)} + b \right)} + \frac{c}{2}")
    '\\tanh\\left(\\tanh\\left(a \\right) + b \\right) + \\frac{c}{2}'
    """
    while match := _ARGUMENT.search(latex):
        start, depth = match.end() - 1, 0
        for token in _BRACE.finditer(latex, start):
            depth += {"{": 1, "}": -1}.get(token[0], 0)
            if depth == 0:
                latex = latex[:start] + latex[start + 1 : token.start()] + latex[token.end() :]
                break
        else:
            break
    return latex


def _split(line: str, width: float, depth: int, factors: bool) -> list[str]:
    """A line broken at the points of one depth and kind, each part as long as it may be."""
    if visible_length(line) <= width:
        return [line]
    points = [point for point in _places(line) if point.depth == depth and point.factors == factors]
    ends = [*(point.end for point in points), len(line)][1:]
    parts: list[str] = []
    start, lead = 0, ""
    for point, end in zip(points, ends, strict=True):
        if visible_length(lead + line[start:end]) > width:
            parts.append(lead + line[start : point.end] + r"\right." * depth)
            start, lead = point.start, r"\left." * depth + point.lead
    return [*parts, lead + line[start:]]


@lru_cache(maxsize=1024)  # a line is looked at again for every depth and kind
def _places(line: str) -> tuple[_Point, ...]:
    return tuple(_points(line))


def _points(line: str) -> Iterator[_Point]:
    """The points between tokens outside of braces, with how many brackets are around them."""
    tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(line)]
    braces = depth = 0
    for index, (token, start, end) in enumerate(tokens):
        braces += (token == "{" or token.startswith(r"\begin")) - (token == "}" or token.startswith(r"\end"))
        if token.startswith((r"\left", r"\right")) and not token.startswith((r"\leftarrow", r"\rightarrow")):
            depth += 1 if token.startswith(r"\left") else -1
        if braces or not start:
            continue
        if _SIGN.fullmatch(token):
            yield _Point(start, start + 1, depth, "{} ")
        elif token == ", ":
            yield _Point(start + 1, end, depth, "")
        elif token == " " and _between_factors(tokens, index):
            yield _Point(start, end, depth, r"{} \cdot ", factors=True)


def _between_factors(tokens: list[tuple[str, int, int]], index: int) -> bool:
    """Whether a space stands between a closing and an opening bracket, or a bracket and a letter."""
    before = tokens[index - 1][0] if index else ""
    after = tokens[index + 1][0] if index + 1 < len(tokens) else ""
    return before.startswith(r"\right") and bool(re.match(r"\\left|\\operatorname|[A-Za-z]", after))

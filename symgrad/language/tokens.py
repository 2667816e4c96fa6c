"""Formulas that users write, cut into numbers, names and signs; whatever else stands there is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from symgrad.errors import InputError

__all__ = ["END", "NAME", "NUMBER", "SIGN", "Token", "refusal", "tokens_of"]

NUMBER, NAME, SIGN, END = "number", "name", "sign", "end"
_LONGEST = 2000
_EXCERPT = 50
_LONGEST_NUMBER = 60
_LONGEST_NAME = 40
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+(?![A-Za-z0-9_]))?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|[-+*/^(),=])"
)
_BLANKS = " \t\n\r"
_ACCEPTED = "numbers, names that start with a letter, + - * / ^ **, parentheses, commas between arguments, and ="


@dataclass(frozen=True)
class Token:
    """A piece of a formula.

    Attributes:
        kind: number, name, sign or end.
        text: as it was written.
        position: of its first character, counted from 1.
    """

    kind: str
    text: str
    position: int

    @property
    def shown(self) -> str:
        """The token in a message."""
        return "the end" if self.kind == END else repr(self.text)


def tokens_of(text: str, label: str = "formula") -> list[Token]:
    """The tokens of a formula, the last one being its end.

    Args:
        text: the formula.
        label: what messages call it.

    Raises:
        InputError: no text, or a character, number or name that is not accepted, with its position.

    >>> [token.text for token in tokens_of("x^2 - 1.5e-3")]
    ['x', '^', '2', '-', '1.5e-3', '']
    """
    if not isinstance(text, str):
        raise InputError(f"{label}: a formula as a string is needed, got {type(text).__name__} {text!r}")
    if len(text) > _LONGEST:
        raise InputError(f"{label}: a formula of at most {_LONGEST} characters is accepted, got {len(text)} characters")
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        if text[place] in _BLANKS:
            place += 1
            continue
        found = _TOKEN.match(text, place)
        if found is None:
            raise refusal(text, place + 1, f"{text[place]!a} is not accepted; accepted are {_ACCEPTED}", label)
        tokens.append(_checked(text, label, Token(str(found.lastgroup), found[0], place + 1)))
        place = found.end()
    return [*tokens, Token(END, "", len(text) + 1)]


def refusal(text: str, position: int, reason: str, label: str) -> InputError:
    """The one message for all that is wrong with a formula: where, in what, and why."""
    start = max(0, min(position - 1 - _EXCERPT // 2, len(text) - _EXCERPT))
    excerpt = ascii(text[start : start + _EXCERPT])
    dots = "..." if start else ""
    return InputError(f"{label}: at character {position} of {dots}{excerpt}: {reason}")


def _checked(text: str, label: str, token: Token) -> Token:
    longest = _LONGEST_NUMBER if token.kind == NUMBER else _LONGEST_NAME
    if len(token.text) > longest:
        reason = f"a {token.kind} of at most {longest} characters is accepted, got {len(token.text)}"
        raise refusal(text, token.position, reason, label)
    return token

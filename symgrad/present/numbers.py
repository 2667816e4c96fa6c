"""Decimal digits of exact rationals whose fraction would be too long to read."""

from __future__ import annotations

import re

import sympy as sp

__all__ = ["Decimals", "decimal_digits", "number_latex", "reads_as_decimal"]

_LONGEST_DENOMINATOR = 1000
_DIGITS = 17
_POWER = re.compile(r"([0-9.]+)e([+-]?[0-9]+)")


def number_latex(words: str) -> str:
    r"""A number as text has it, with its error if it has one, in LaTeX.

    >>> print(number_latex("0.336 +- 3e-17"), number_latex("-oo"))
    0.336 \pm 3 \cdot 10^{-17} -\infty
    """
    powers = _POWER.sub(lambda match: rf"{match[1]} \cdot 10^{{{int(match[2])}}}", words)
    return powers.replace("+-", r"\pm").replace("oo", r"\infty")


def reads_as_decimal(number: sp.Rational) -> bool:
    """Whether a rational is a terminating decimal that reads better as such than as a fraction.

    >>> reads_as_decimal(sp.Rational(1, 100)), reads_as_decimal(sp.Rational("1.0507"))
    (False, True)
    """
    rest = int(number.q)
    if rest <= _LONGEST_DENOMINATOR or (abs(number.p) == 1 and rest < _LONGEST_DENOMINATOR**2):
        return False
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def decimal_digits(number: sp.Rational) -> tuple[str, bool]:
    """The decimal digits of a terminating rational, and whether they are all of them.

    Beyond 17 significant digits the rest is cut off, never rounded.

    >>> decimal_digits(sp.Rational(44715, 10**6)), decimal_digits(sp.Rational("-1.67326324235437728481"))
    (('0.044715', True), ('-1.6732632423543772', False))
    """
    places = 0
    while (number.p * 10**places) % number.q:
        places += 1
    digits = str(int(abs(number.p) * 10**places // number.q)).rjust(places + 1, "0")
    whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
    zeros = len(fraction) - len(fraction.lstrip("0")) if whole == "0" else -len(whole)
    kept = fraction[: max(zeros + _DIGITS, 1)]
    return f"{'-' if number < 0 else ''}{whole}.{kept}", len(kept) == len(fraction)


class Decimals:
    """Stand-ins for long rationals while SymPy prints: floats, of which the printer asks the digits.

    Args:
        dots: what follows digits that are not all.
    """

    def __init__(self, dots: str) -> None:
        self._dots = dots
        self._digits: dict[sp.Float, str] = {}

    def put_into(self, expr: sp.Basic) -> sp.Basic:
        """The expression with a float for each rational that reads better as a decimal."""
        found = [number for number in expr.atoms(sp.Rational) if reads_as_decimal(number)]
        return expr.xreplace({number: self._stand_in(number) for number in found}) if found else expr

    def _stand_in(self, number: sp.Rational) -> sp.Float:
        for signed in (number, -number):  # SymPy's printers take a minus sign out by negation
            digits, complete = decimal_digits(signed)
            self._digits[sp.Float(signed, 60)] = digits if complete else digits + self._dots
        return sp.Float(number, 60)

    def digits(self, number: sp.Float) -> str | None:
        """The digits of a stand-in; None for any other float."""
        return self._digits.get(number)

"""Balls as decimals of a few digits: the very number where it is one, else rounded in a stated direction."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

from flint import arb

from symgrad.present.powers import power_latex, power_text
from symgrad.rigor.balls import log10_of

__all__ = ["Rounded", "rounded"]

_DIGITS = 4
_CLOSE = 1e-12  # relative distance up to which a decimal is shown as about equal
_PLAIN = (-4, 5)  # powers of ten that are written out
_HUGE = 2000  # binary exponents beyond which the logarithm is used


@dataclass(frozen=True)
class Rounded:
    """A number in print.

    Attributes:
        kind: ``"equal"``, ``"about"``, or ``"bound"``, when it was rounded in the direction asked for.
        text: its digits in plain text.
        latex: its digits in LaTeX.
    """

    kind: str
    text: str
    latex: str


def rounded(ball: arb, up: bool, digits: int = _DIGITS, about: bool = True) -> Rounded:
    r"""A ball as a decimal: exact, or else rounded up or down so that it bounds every number of the ball.

    Args:
        ball: the number.
        up: the direction.
        digits: how many are shown.
        about: whether a ball that all but is a short decimal is shown as that one, on whichever side of it it lies.

    >>> rounded(arb(3) / 4, up=True), rounded(arb(2).sqrt(), up=True).text, rounded(arb(2).sqrt(), up=False).text
    (Rounded(kind='equal', text='0.75', latex='0.75'), '1.415', '1.414')
    """
    end = ball.upper() if up else ball.lower()
    if not end.is_finite():
        return Rounded("bound", "inf" if end > 0 else "-inf", r"\infty" if end > 0 else r"-\infty")
    mantissa, exponent = end.man_exp()
    if abs(int(exponent)) > _HUGE:
        direction = ROUND_CEILING if up else ROUND_FLOOR
        log10 = log10_of(ball, up=up)
        return Rounded("bound", power_text(log10, digits, direction), power_latex(log10, digits, direction))
    nearest = _decimal(int(mantissa), int(exponent), digits, ROUND_HALF_EVEN)
    shown = arb(str(nearest))
    if ball.is_exact() and _same(nearest, int(mantissa), int(exponent)):
        return _written("equal", nearest)
    if about and abs(ball - shown) <= _CLOSE * abs(shown):
        return _written("about", nearest)
    return _written("bound", _decimal(int(mantissa), int(exponent), digits, ROUND_CEILING if up else ROUND_FLOOR))


def _decimal(mantissa: int, exponent: int, digits: int, rounding: str) -> Decimal:
    """``mantissa * 2**exponent`` with a few digits, correctly rounded."""
    context = Context(prec=digits, rounding=rounding)
    if exponent >= 0:
        return context.create_decimal(mantissa * 2**exponent)
    return context.divide(Decimal(mantissa), Decimal(2**-exponent))


def _same(number: Decimal, mantissa: int, exponent: int) -> bool:
    """Whether a decimal is exactly ``mantissa * 2**exponent``."""
    above, below = number.as_integer_ratio()
    return above * 2 ** max(-exponent, 0) == mantissa * 2 ** max(exponent, 0) * below


def _written(kind: str, number: Decimal) -> Rounded:
    exponent = number.adjusted() if number else 0
    if _PLAIN[0] <= exponent <= _PLAIN[1]:
        digits = f"{number:f}"
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        return Rounded(kind, digits, digits)
    mantissa = f"{number.scaleb(-exponent):f}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    factor = "" if mantissa == "1" else rf"{mantissa} \cdot "
    return Rounded(kind, f"{mantissa}e{exponent:+d}", rf"{factor}10^{{{exponent}}}")

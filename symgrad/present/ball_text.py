"""Balls in print: their proven digits, or a decimal with a radius that holds the whole ball."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Context, Decimal
from typing import Any

from flint import acb, arb

from symgrad.present.data import number
from symgrad.rigor.balls import log10_of, lower_float, upper_float, working_precision

__all__ = ["ball_data", "ball_latex", "ball_text", "ends_data", "radius_text"]

_PLAIN = (-4, 9)  # powers of ten that are written out
_BITS = 512
_FARTHEST = 4000  # binary exponents whose decimals are written out in full
_PRINTED = re.compile(r"\[(?:(?P<mid>\S+) )?\+/- (?P<radius>\S+)\]")
_POWER = re.compile(r"e([+-]?\d+)")


@dataclass(frozen=True)
class _Written:
    """Digits, whether more of them follow, and otherwise the radius; None where the ball is that number."""

    digits: str
    goes_on: bool = False
    radius: str | None = None


def ball_text(ball: arb | acb | None, digits: int = 10) -> str:
    """A real or complex ball as text.

    A number that has no more digits stands for itself. Three dots follow digits that all numbers of the ball start
    with; the rest is cut off, not rounded. Where the digits of the ball differ, a radius follows that holds all of it.

    Args:
        ball: the enclosure; None is written as a dash.
        digits: how many are shown at most.

    >>> ball_text(arb(1) / 4), ball_text(arb(2).sqrt()), ball_text(arb(1, 1e-20)), ball_text(arb(3, 1e-3))
    ('0.25', '1.414213562...', '1 +/- 1.1e-20', '3 +/- 0.0011')
    >>> ball_text(acb(arb(1) / 3, -arb(2).sqrt()), 4), ball_text(acb(0, 1)), ball_text(arb("nan"))
    ('0.3333... - 1.414...*i', '0 + 1*i', 'nan')
    """
    return _both_parts(ball, digits, _plain, "*i", "-")


def ball_latex(ball: arb | acb | None, digits: int = 10) -> str:
    r"""The same as LaTeX.

    >>> print(ball_latex(arb(2).sqrt(), 5), ball_latex(arb(1, 1e-20)), ball_latex(arb(2) ** 0.5 / 10**6, 3))
    1.4142\ldots 1 \pm 1.1 \cdot 10^{-20} 1.41\ldots \cdot 10^{-6}
    """
    return _both_parts(ball, digits, _typeset, r"\,i", r"\text{-}")


def ball_data(ball: arb | acb | None, digits: int = 16) -> dict[str, Any] | None:
    """A ball as data: the nearest float, both ends as floats rounded outwards, and the digits as text.

    Of a complex one the two parts; of None, None.

    >>> ball_data(arb(1) / 4)
    {'value': 0.25, 'low': 0.25, 'high': 0.25, 'digits': '0.25'}
    """
    if ball is None:
        return None
    if isinstance(ball, acb):
        return {"real": ball_data(ball.real, digits), "imag": ball_data(ball.imag, digits)}
    low, high = ends_data(ball)
    return {"value": number(float(ball.mid())), "low": low, "high": high, "digits": ball_text(ball, digits)}


def ends_data(ball: arb) -> tuple[float | str, float | str]:
    """Both ends as floats rounded outwards; infinities as text."""
    return number(lower_float(ball)), number(upper_float(ball))


def radius_text(ball: arb) -> str:
    """The radius rounded up to two digits.

    >>> radius_text(arb(1)), radius_text(arb(0, 0.123))
    ('0', '0.13')
    """
    if ball.is_exact():
        return "0"
    printed = _PRINTED.fullmatch(arb(0, ball.rad()).str(2)) if ball.is_finite() else None
    if printed is None:
        return "inf"
    if abs(log10_of(arb(0, ball.rad()), up=True)) > _FARTHEST:
        return str(printed["radius"])  # beyond the exponents of decimals
    return _decimal(Context(prec=2, rounding=ROUND_CEILING).create_decimal(printed["radius"]), strip=True)


def _both_parts(ball: arb | acb | None, digits: int, write: Any, unit: str, dash: str) -> str:
    if ball is None:
        return dash
    if isinstance(ball, arb):
        return str(write(_written(ball, digits)))
    if ball.imag == 0:
        return str(write(_written(ball.real, digits)))
    negative = ball.imag < 0
    parts = _written(ball.real, digits), _written(-ball.imag if negative else ball.imag, digits)
    real, imag = (f"({write(part)})" if part.radius is not None else write(part) for part in parts)
    return f"{real} {'-' if negative else '+'} {imag}{unit}"


def _plain(written: _Written) -> str:
    head, power = _split(written.digits)
    middle = head + ("..." if written.goes_on else "") + (f"e{power:+d}" if power else "")
    return middle if written.radius is None else f"{middle} +/- {written.radius}"


def _typeset(written: _Written) -> str:
    head, power = _split(written.digits)
    if not head[-1].isdigit():
        return head.replace("inf", r"\infty") if "inf" in head else rf"\text{{{head}}}"
    middle = _times(head + (r"\ldots" if written.goes_on else ""), power)
    return middle if written.radius is None else rf"{middle} \pm {_times(*_split(written.radius))}"


def _times(digits: str, power: int) -> str:
    if not power:
        return digits
    return f"10^{{{power}}}" if digits == "1" else rf"{digits} \cdot 10^{{{power}}}"


def _split(digits: str) -> tuple[str, int]:
    found = _POWER.search(digits)
    return (digits, 0) if found is None else (digits[: found.start()], int(found[1]))


def _written(ball: arb, digits: int) -> _Written:
    if not ball.is_finite():
        middle = ball.mid()
        return _Written("nan" if ball.is_nan() else "unbounded" if middle.is_finite() else str(float(middle)))
    if _is_far(ball):
        return _with_radius(ball, digits)
    with working_precision(_BITS):
        low, high = (_cut(end, digits) for end in (ball.lower(), ball.upper()))
    if ball.is_exact() and low[1]:
        return _Written(_decimal(low[0], strip=True))
    if low[0] == high[0] and not low[0].is_zero() and low[0].is_signed() == high[0].is_signed():
        return _Written(_decimal(low[0], highest=min(_PLAIN[1], digits - 2)), goes_on=True)
    return _with_radius(ball, digits)


def _is_far(ball: arb) -> bool:
    """Whether a ball is so large or so small that its decimals would not be read."""
    if ball == 0:
        return False
    return any(abs(int(end.man_exp()[1])) > _FARTHEST for end in (ball.lower(), ball.upper()) if end != 0)


def _cut(end: arb, digits: int) -> tuple[Decimal, bool]:
    """The first digits of an exact number, cut off, and whether they are all of them."""
    mantissa, exponent = map(int, end.man_exp())
    above, below = mantissa * 2 ** max(exponent, 0), 2 ** max(-exponent, 0)
    cut = Context(prec=digits, rounding=ROUND_DOWN).divide(Decimal(above), Decimal(below))
    top, bottom = cut.as_integer_ratio()
    return cut, top * below == above * bottom


def _with_radius(ball: arb, digits: int) -> _Written:
    """A decimal near the middle, and a radius around that decimal that holds the whole ball."""
    middle, radius = ball.mid(), arb(ball.rad())
    if abs(middle) <= radius:
        shown = "0"
    else:
        kept = digits if radius == 0 else min(digits, _power_of_ten(middle) - _power_of_ten(radius) + 2)
        shown = _stripped(middle.str(max(kept, 1), radius=False))
    with working_precision(_BITS):
        distance = abs(ball - arb(shown)).upper()
    return _Written(shown, radius=radius_text(arb(0, distance)))


def _power_of_ten(number: arb) -> int:
    """The exponent of an exact number that is not zero."""
    head, power = _split(number.str(3, radius=False))
    return power + Decimal(head).adjusted()


def _stripped(digits: str) -> str:
    """Without zeros at the end of a fraction, and in the notation of :func:`_decimal`."""
    head, power = _split(digits)
    head = head.rstrip("0").rstrip(".") if "." in head else head
    value = Decimal(head)
    if abs(power) < _FARTHEST:
        return _decimal(value.scaleb(power, Context(prec=len(head) + 60)), strip=True)
    return f"{head}e{power:+d}"


def _decimal(value: Decimal, *, strip: bool = False, highest: int = _PLAIN[1]) -> str:
    """Digits, written out unless the power of ten is beyond the highest or below the lowest one."""
    exponent = value.adjusted() if value else 0
    plain = _PLAIN[0] <= exponent <= highest
    digits = f"{value if plain else value.scaleb(-exponent, Context(prec=60)):f}"
    if strip and "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return digits if plain else f"{digits}e{exponent:+d}"

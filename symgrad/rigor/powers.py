"""Numbers known by their decimal logarithm as decimals, rounded as asked; nothing under- or overflows."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

__all__ = ["DOWN", "NEAREST", "UP", "WRITTEN_OUT", "mantissa_and_exponent", "plain_decimal", "power_text"]

UP, DOWN, NEAREST = ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN

WRITTEN_OUT = (-3, 4)  # powers of ten


def power_text(log10: float, digits: int = 3, rounding: str = NEAREST) -> str:
    """Ten to the power of a number, with a few significant digits.

    Args:
        log10: the decimal logarithm; may be infinite.
        digits: significant digits.
        rounding: of the last digit: UP as befits an upper bound, DOWN a lower one, or NEAREST.

    >>> power_text(-40.5), power_text(110.25, rounding=UP), power_text(0.0), power_text(float("-inf"))
    ('3.16e-41', '1.78e+110', '1', '0')
    """
    found = mantissa_and_exponent(log10, digits, rounding)
    if found is None:
        return "0" if log10 == -math.inf else str(log10)
    mantissa, exponent = found
    if WRITTEN_OUT[0] <= exponent <= WRITTEN_OUT[1]:
        return plain_decimal(mantissa, exponent)
    return f"{mantissa}e{exponent:+d}"


def mantissa_and_exponent(log10: float, digits: int, rounding: str) -> tuple[Decimal, int] | None:
    """Mantissa in [1, 10) and exponent; None for what is not finite."""
    if not math.isfinite(log10):
        return None
    exponent = math.floor(log10)
    context = Context(prec=digits, rounding=rounding)
    mantissa = context.create_decimal(_power(log10, exponent, rounding))
    if mantissa >= 10:
        return context.create_decimal(mantissa / 10), exponent + 1
    return mantissa, exponent


def _power(log10: float, exponent: int, rounding: str) -> Decimal:
    """Ten to the fraction of a logarithm with 30 digits; whole powers of ten stay exact."""
    if log10 == exponent:
        return Decimal(1)
    fine = Context(prec=30)
    fraction = Context(prec=1200).subtract(Decimal(log10), Decimal(exponent))  # exact for every float
    power = fine.power(Decimal(10), fraction)
    # The power is off by less than a unit of its last digit.
    if rounding == DOWN:
        return max(fine.next_minus(power), Decimal(1))
    return min(fine.next_plus(power), Decimal(10)) if rounding == UP else power


def plain_decimal(mantissa: Decimal, exponent: int) -> str:
    """A mantissa times a power of ten that is written out."""
    value = mantissa.scaleb(exponent)
    return f"{value.normalize():f}" if value == value.to_integral_value() else f"{value:f}"

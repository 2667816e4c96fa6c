"""Numbers known by their decimal logarithm in LaTeX, beside their text."""

from __future__ import annotations

import math

from symgrad.rigor.powers import (
    DOWN,
    NEAREST,
    UP,
    WRITTEN_OUT,
    mantissa_and_exponent,
    plain_decimal,
    power_text,
)

__all__ = ["DOWN", "NEAREST", "UP", "power_latex", "power_text"]


def power_latex(log10: float, digits: int = 3, rounding: str = NEAREST) -> str:
    r"""Ten to the power of a number as LaTeX; the arguments are those of :func:`symgrad.rigor.powers.power_text`.

    >>> print(power_latex(-40.5), power_latex(0.30103))
    3.16 \cdot 10^{-41} 2
    """
    found = mantissa_and_exponent(log10, digits, rounding)
    if found is None:
        return {-math.inf: "0", math.inf: r"\infty"}.get(log10, r"\text{nan}")
    mantissa, exponent = found
    if WRITTEN_OUT[0] <= exponent <= WRITTEN_OUT[1]:
        return plain_decimal(mantissa, exponent)
    return rf"{mantissa} \cdot 10^{{{exponent}}}"

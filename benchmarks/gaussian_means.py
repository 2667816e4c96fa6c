"""Enclosed Gaussian means ``E[f(sqrt(q) z)]`` against mpmath's quadrature at the same accuracy, which encloses nothing.

Both get the formula and as many digits as wanted: symgrad the SymPy expression, mpmath a Python function, and the place
of the kink or jump as an end of a piece. The means are asked for at several variances q, after a first one that
compiles the formula. A figure holds if the enclosure is as narrow as the digits want it; the note says how far mpmath's
value is from it. Run: python benchmarks/gaussian_means.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import mpmath as mp
import sympy as sp
from figures import Figure, in_turn, print_table
from flint import arb

from symgrad.rigor.balls import working_precision
from symgrad.rigor.gaussian_integrals import gaussian_mean

z = sp.Symbol("z", real=True)
GELU = z * (1 + sp.erf(z / sp.sqrt(2))) / 2
MISH = z * sp.tanh(sp.log(1 + sp.exp(z)))
INTEGRANDS: dict[str, tuple[sp.Expr, Callable[[Any], Any]]] = {
    "tanh^2": (sp.tanh(z) ** 2, lambda x: mp.tanh(x) ** 2),
    "gelu^2": (GELU**2, lambda x: (x * mp.ncdf(x)) ** 2),
    "gelu'^2": (GELU.diff(z) ** 2, lambda x: (mp.ncdf(x) + x * mp.npdf(x)) ** 2),
    "mish^2": (MISH**2, lambda x: (x * mp.tanh(mp.log1p(mp.exp(x)))) ** 2),
    "relu'": (sp.Heaviside(z, 0), lambda x: mp.mpf(x > 0)),
    "relu^2": (sp.Max(z, 0) ** 2, lambda x: x * x * (x > 0)),
}
DIGITS = (15, 50)
TARGET = 4.0


def enclosed(formula: sp.Expr, variances: list[arb], digits: int) -> list[arb]:
    """Symgrad's enclosures."""
    with working_precision(_bits(digits)):
        return [gaussian_mean(formula, z, variance) for variance in variances]


def quadrature(function: Callable[[Any], Any], variances: list[arb], digits: int) -> list[Any]:
    """Values of mpmath."""
    with mp.workdps(digits):
        roots = [mp.sqrt(mp.mpf(float(variance))) for variance in variances]
        pieces = [-mp.inf, 0, mp.inf]
        return [mp.quad(lambda x, s=s: function(s * x) * mp.npdf(x), pieces) for s in roots]


def compare(name: str, digits: int, count: int, repetitions: int) -> Figure:
    """One integrand at one number of digits."""
    formula, function = INTEGRANDS[name]
    variances = [arb(8 + place) / 8 for place in range(count)]
    enclosed(formula, [arb(2) ** 7], digits)  # compiles the formula
    ours, theirs = in_turn(
        lambda: enclosed(formula, variances, digits),
        lambda: quadrature(function, variances, digits),
        repetitions,
        time.process_time,
    )
    found = enclosed(formula, variances, digits)
    width = max(float(abs(ball.rad() / ball.mid())) for ball in found)
    error = _error(found[-1], quadrature(function, variances[-1:], digits)[0], digits)
    return Figure(
        "gaussian_means",
        f"enclosed E[{name}], {count} variances, {digits} digits",
        ours,
        "mpmath.quad, not enclosed",
        theirs,
        TARGET,
        f"relative radius {width:.1e}, error of mpmath at most {error:.1e}",
        holds=width <= 10.0**-digits,
    )


def _error(ball: arb, value: Any, digits: int) -> float:
    """The largest relative distance of a value from what is enclosed."""
    with working_precision(2 * _bits(digits)):
        return float(abs(arb(mp.nstr(value, digits + 5)) / ball - 1).upper())


def _bits(digits: int) -> int:
    """A precision at which the result has so many digits."""
    return int(digits * 3.33) + 8


def figures(quick: bool) -> list[Figure]:
    """Every integrand at 15 and at 50 digits."""
    count, repetitions = (2, 2) if quick else (8, 5)
    return [compare(name, digits, count, repetitions) for digits in DIGITS for name in INTEGRANDS]


def main() -> None:
    """Print the table."""
    print_table(figures(False), "integrand and digits", "mpmath")


if __name__ == "__main__":
    main()

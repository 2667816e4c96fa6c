"""Gaussian moments of a family of formulas as polynomials in its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.meanfield.layer_factors import Quantity, at
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.extrema import is_odd

__all__ = ["MomentPolynomial", "free_variable", "moment_polynomials"]

_HIGHEST = 4
_BITS = 160

Powers = tuple[int, ...]


@dataclass(frozen=True)
class MomentPolynomial:
    """A polynomial in parameters: powers -> coefficient.

    Attributes:
        symbols: the parameters.
        terms: powers of each -> coefficient.
    """

    symbols: tuple[sp.Symbol, ...]
    terms: dict[Powers, Quantity]

    def written(self, names: dict[Powers, sp.Expr]) -> sp.Expr:
        """The polynomial with names in the places of the coefficients."""
        return sp.Add(*(name * _monomial(self.symbols, powers) for powers, name in names.items()))

    def plus(self, constant: sp.Expr) -> MomentPolynomial:
        """The polynomial with a constant added."""
        zero = (0,) * len(self.symbols)
        old = self.terms.get(zero, Quantity(sp.S.Zero, arb(0)))
        with working_precision(_BITS):
            added = Quantity(old.expr + constant, old.ball + to_ball(constant))
        return MomentPolynomial(self.symbols, {**self.terms, zero: added})


def _monomial(symbols: Sequence[sp.Symbol], powers: Powers) -> sp.Expr:
    return sp.Mul(*(symbol**power for symbol, power in zip(symbols, powers, strict=True)))


def moment_polynomials(
    formula: sp.Expr, symbols: tuple[sp.Symbol, ...], variance: sp.Expr
) -> tuple[MomentPolynomial, MomentPolynomial]:
    """``E[phi]`` and ``E[phi^2]`` at a Gaussian argument of some variance as polynomials in the parameters of phi.

    Raises:
        InputError: phi is no polynomial in them (of degree 4 at most), or a mean is not finite.
    """
    parts = _coefficients(formula, symbols)
    first = {powers: _mean(part, variance) for powers, part in parts.items()}
    squares: dict[Powers, sp.Expr] = {}
    for (left, f), (right, g) in product(parts.items(), repeat=2):
        powers = tuple(a + b for a, b in zip(left, right, strict=True))
        squares[powers] = squares.get(powers, sp.S.Zero) + f * g
    second = {powers: _mean(part, variance) for powers, part in squares.items()}
    return MomentPolynomial(symbols, _nonzero(first)), MomentPolynomial(symbols, _nonzero(second))


def _mean(part: sp.Expr, variance: sp.Expr) -> Quantity:
    found = at(Mean(part), variance, f"E[{part}]")
    return Quantity(sp.S.Zero, arb(0)) if is_odd(part, VARIABLE) else found


def _nonzero(terms: dict[Powers, Quantity]) -> dict[Powers, Quantity]:
    return {powers: value for powers, value in terms.items() if not (value.expr == 0 and value.ball == arb(0))}


def _coefficients(formula: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> dict[Powers, sp.Expr]:
    """Taylor coefficients in the parameters, which are all of it where those of one degree vanish."""
    found: dict[Powers, sp.Expr] = {}
    level: dict[Powers, sp.Expr] = {(0,) * len(symbols): formula}
    for _ in range(_HIGHEST + 2):
        if not level:
            return found
        for powers, derivative in level.items():
            factor = sp.Mul(*map(sp.factorial, powers))
            value = sp.piecewise_fold(derivative.subs(dict.fromkeys(symbols, 0))) / factor
            if value != 0:
                found[powers] = value
        level = _derivatives(level, symbols)
    names = ", ".join(map(str, symbols))
    raise InputError(f"formula: a polynomial in {names} of degree at most {_HIGHEST} is needed, got {formula}")


def _derivatives(level: dict[Powers, sp.Expr], symbols: tuple[sp.Symbol, ...]) -> dict[Powers, sp.Expr]:
    following: dict[Powers, sp.Expr] = {}
    for powers, formula in level.items():
        for index, symbol in enumerate(symbols):
            raised = tuple(power + (i == index) for i, power in enumerate(powers))
            derivative = sp.simplify(sp.diff(formula, symbol))
            if raised not in following and derivative != 0:
                following[raised] = derivative
    return following


def free_variable(formula: sp.Expr, symbols: Sequence[sp.Symbol]) -> sp.Expr:
    """The formula in ``VARIABLE`` in the place of its one symbol that is no parameter.

    Raises:
        InputError: it has none or several.
    """
    others = sorted(formula.free_symbols - set(symbols), key=str)
    if len(others) != 1:
        raise InputError(
            "formula: one variable besides the parameters is needed, got "
            f"{', '.join(map(str, others)) or 'none'} in {formula}"
        )
    return formula.subs(others[0], VARIABLE)

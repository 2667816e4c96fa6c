"""Values that a function takes or approaches, and the smooth functions they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Enclosed, to_ball
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.zeros import RealFunction

__all__ = ["Candidate", "Known", "Smooth"]


@dataclass(frozen=True)
class Candidate:
    """A value that a function takes or approaches.

    Attributes:
        ball: encloses the value to a number of bits.
        exact: the value as a closed form, possibly infinite, or None.
        attained: whether the function takes the value, None if that is not known.
        point: where.
        sharpen: looks for closed forms of the value and the point.
        expression: an expression of the value; other than ``exact``, it may contain Enclosed constants.
    """

    ball: Callable[[int], arb] = field(repr=False)
    exact: sp.Expr | None
    attained: bool | None
    point: sp.Expr
    sharpen: Callable[[], Candidate] | None = field(default=None, repr=False)
    expression: sp.Expr | None = None

    @staticmethod
    def of(value: sp.Expr, attained: bool | None, point: sp.Expr) -> Candidate:
        """A value given by an expression; it is exact unless an Enclosed constant enters it."""
        exact = None if value.has(Enclosed) else value
        return Candidate(partial(to_ball, value), exact, attained, point, expression=value)


@dataclass
class Known:
    """What is known so far: values at least as large as ``high`` and at least as small as ``low`` are approached."""

    low: arb = field(default_factory=lambda: arb("inf"))
    high: arb = field(default_factory=lambda: arb("-inf"))

    def include(self, value: arb) -> None:
        """Takes a value that the function takes or approaches into account."""
        self.low = value.upper() if value.upper() < self.low else self.low
        self.high = value.lower() if value.lower() > self.high else self.high

    def inside(self, lower: arb, upper: arb) -> bool:
        """True if values between these bounds can neither be the infimum nor the supremum."""
        above = self.low == arb("-inf") or lower > self.low
        return bool(above) and bool(self.high == arb("inf") or upper < self.high)


class Smooth:
    """A formula and its derivatives, compiled once."""

    def __init__(self, formula: sp.Expr, symbol: sp.Symbol) -> None:
        self.symbol = symbol
        self.formula = formula
        self.slope_formula = derivative(formula, symbol)
        self.value = RealFunction.of(formula, symbol)
        self.slope = RealFunction.of(self.slope_formula, symbol)
        self.curvature = RealFunction.of(derivative(self.slope_formula, symbol), symbol)

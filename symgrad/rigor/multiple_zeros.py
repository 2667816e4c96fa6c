"""Zeros that lie so close together that bisection does not part them: simple, double or of any order, all of them.

Between the zeros of its derivative a function is strictly monotone, so its signs there tell where its zeros are and
which of them are multiple. The zeros of the derivative are found in the same way, up to a derivative of one sign: this
decides what the augmented system ``h = h' = ... = 0`` has a solution for (R. B. Kearfott, *Rigorous Global Search*,
Kluwer 1996, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import flint
import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.rigor.balls import Enclosed, to_ball, working_precision
from symgrad.rigor.closed_forms import closed_form, is_zero_constant, tidy
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.zeros import Bracket, RealFunction, Zero, isolate_zeros

__all__ = ["Derivatives", "Place", "UndecidedZeroError", "distinct", "lies_in", "zeros_within"]

_MOST_DERIVATIVES = 8
_PRECISIONS = (96, 256, 1024, 4096)
_HALVINGS = 8  # per bit of the working precision
_MOST_BOXES = 200


class UndecidedZeroError(SymgradError):
    """Whether a number is zero could not be decided."""


class Derivatives:
    """A formula and its derivatives, compiled as they are asked for."""

    def __init__(self, formula: sp.Expr, symbol: sp.Symbol) -> None:
        self.symbol = symbol
        self._formulas = [formula]
        self._functions: list[RealFunction] = []

    @cached_property
    def arguments(self) -> list[tuple[sp.Expr, sp.Expr]]:
        """Slope and shift of what functions in the formula are applied to, where that is affine and not the variable.

        Where a zero has a closed form, it may be that of an argument: with ``tanh(w x + b)`` that of ``w x + b``.
        """
        found: list[tuple[sp.Expr, sp.Expr]] = []
        for node in sorted(self._formulas[0].atoms(sp.Function, sp.exp), key=sp.default_sort_key):
            argument = sp.expand(node.args[0])
            slope = derivative(argument, self.symbol)
            shift = sp.expand(argument - slope * self.symbol)
            constant = not (slope.free_symbols or shift.free_symbols or slope.is_zero)
            if constant and (slope, shift) not in [*found, (1, 0)]:
                found.append((slope, shift))
        return found

    def formula(self, order: int) -> sp.Expr:
        """The derivative of an order."""
        while len(self._formulas) <= order:
            self._formulas.append(derivative(self._formulas[-1], self.symbol))
        return self._formulas[order]

    def function(self, order: int) -> RealFunction:
        """The same as a function of balls."""
        while len(self._functions) <= order:
            self._functions.append(RealFunction.of(self.formula(len(self._functions)), self.symbol))
        return self._functions[order]

    def at(self, order: int, point: sp.Expr) -> sp.Expr:
        """The value at an exact point."""
        return self.formula(order).subs(self.symbol, point)


@dataclass(frozen=True, eq=False)
class Place:
    """A zero of a derivative of some order (0 for the function itself), which no other zero of it is near.

    Attributes:
        ball: encloses the zero to about so many bits.
        multiplicity: of the zero.
    """

    derivatives: Derivatives = field(repr=False)
    order: int
    ball: Callable[[int], arb] = field(repr=False)
    multiplicity: int

    @cached_property
    def exact(self) -> sp.Expr | None:
        """A closed form that is proved, or None."""
        for slope, shift in [(sp.S.One, sp.S.Zero), *self.derivatives.arguments]:
            found = self._exact_argument(slope, shift)
            if found is not None:
                return found
        return None

    def _exact_argument(self, slope: sp.Expr, shift: sp.Expr) -> sp.Expr | None:
        """The zero from a closed form of ``slope * zero + shift``."""
        last = self.order + self.multiplicity - 1

        def argument(bits: int) -> arb:
            with working_precision(bits + 40):
                return to_ball(slope) * self.ball(bits) + to_ball(shift)

        found = closed_form(argument, lambda c: is_zero_constant(self.derivatives.at(last, (c - shift) / slope)))
        return None if found is None else tidy((found - shift) / slope)

    @property
    def constant(self) -> sp.Expr:
        """The closed form, or a constant that can be refined to any precision."""
        if self.exact is not None:
            return self.exact
        with working_precision(128):
            digits = self.ball(96).mid().str(20, radius=False)
        formula = self.derivatives.formula(self.order)
        named = formula.subs(self.derivatives.symbol, sp.Symbol("z", real=True))
        return Enclosed(f"the zero of {named} near {digits}", self.ball)


def zeros_within(derivatives: Derivatives, bracket: Bracket, order: int = 0) -> list[Place]:
    """All zeros of a smooth function in a closed bracket, from left to right.

    Args:
        derivatives: of the function.
        bracket: where to look; zeros up to a quarter of its width outside may be reported as well.
        order: of the derivative whose zeros are meant.

    Raises:
        UndecidedZeroError: a sign could not be decided, or too many derivatives vanish.

    >>> x = sp.Symbol("x", real=True)
    >>> found = zeros_within(Derivatives(x**3 * (x - sp.Rational(1, 10**9)), x), Bracket(arb(-1) / 7, arb(1) / 7))
    >>> [(place.ball(60).overlaps(arb(0)), place.multiplicity) for place in found]
    [(True, 3), (False, 1)]
    """
    if order >= _MOST_DERIVATIVES:
        raise UndecidedZeroError(f"{derivatives.formula(0)} and {order} of its derivatives may vanish together")
    function, slope = derivatives.function(order), derivatives.function(order + 1)
    found = isolate_zeros(function, slope, bracket, max_boxes=_MOST_BOXES)
    simple = distinct(found.simple)
    places = [Place(derivatives, order, zero.ball, 1) for zero in simple]
    for box in found.undecided:
        near = _zeros_between_turns(derivatives, box.widened(), order)
        places += [place for place in near if not lies_in(place, simple)]
    return sorted(places, key=lambda place: float(place.ball(96).mid()))


def distinct(zeros: tuple[Zero, ...]) -> list[Zero]:
    """Each zero once, from left to right: neighbouring brackets may both reach to it."""
    kept: list[Zero] = []
    for zero in sorted(zeros, key=lambda zero: float(zero.bracket.middle)):
        if not lies_in(zero, kept[-1:]):
            kept.append(zero)
    return kept


def lies_in(place: Place | Zero, zeros: Sequence[Zero]) -> bool:
    """Whether a zero lies in the bracket of one of others, in each of which there is only one."""
    ball = place.ball(128)
    return any(bool(ball > zero.bracket.lo) and bool(ball < zero.bracket.hi) for zero in zeros)


def _zeros_between_turns(derivatives: Derivatives, bracket: Bracket, order: int) -> list[Place]:
    """The zeros in a bracket from the signs at the zeros of the next derivative."""
    turns = zeros_within(derivatives, bracket, order + 1)
    nodes: list[_End | Place] = [_End(bracket.lo), *turns, _End(bracket.hi)]
    signs = [_sign(derivatives, order, node) for node in nodes]
    if not signs[0] * signs[-1]:
        raise UndecidedZeroError(f"{derivatives.formula(order)} has a zero at an end of a bracket")
    places: list[Place] = []
    for (left, right), (before, after) in zip(pairwise(nodes), pairwise(signs), strict=True):
        if isinstance(left, Place) and not before:
            places.append(Place(derivatives, order, left.ball, left.multiplicity + 1))
        if before * after < 0:
            places.append(Place(derivatives, order, _crossing(derivatives, order, left, right, before), 1))
    return places


@dataclass(frozen=True)
class _End:
    """An exactly representable end of a bracket."""

    point: arb

    def ball(self, bits: int) -> arb:
        """The point."""
        return self.point


def _sign(derivatives: Derivatives, order: int, node: _End | Place) -> int:
    """The sign of a derivative at a zero of the next one, or at an end."""
    for bits in _PRECISIONS:
        with working_precision(bits):
            value = derivatives.function(order).ball(node.ball(bits))
        if value > 0 or value < 0:
            return 1 if value > 0 else -1
    exact = node.exact if isinstance(node, Place) else None
    if exact is not None and is_zero_constant(derivatives.at(order, exact)):
        return 0
    place = node.ball(96).str(15)
    raise UndecidedZeroError(f"the sign of {derivatives.formula(order)} at {place} could not be decided")


def _crossing(
    derivatives: Derivatives, order: int, left: _End | Place, right: _End | Place, before: int
) -> Callable[[int], arb]:
    """The only zero between two nodes, next to the first of which the function has the sign ``before``."""
    function, derivative = derivatives.function(order), derivatives.function(order + 1)
    for bits in _PRECISIONS:
        with working_precision(bits):
            bracket = Bracket(left.ball(bits).upper().mid(), right.ball(bits).lower().mid())
            ends = function.ball(bracket.lo) * before, function.ball(bracket.hi) * before
            if bracket.lo < bracket.hi and ends[0] > 0 and ends[1] < 0:
                return Zero(_with_slope(function, derivative, bracket, before), function, derivative).ball
    raise UndecidedZeroError(f"a zero of {derivatives.formula(order)} could not be parted from a turn")


def _with_slope(function: RealFunction, derivative: RealFunction, bracket: Bracket, before: int) -> Bracket:
    """The bracket halved until the slope has one sign on it."""
    for _ in range(_HALVINGS * flint.ctx.prec):
        slope = derivative.ball(bracket.ball)
        if slope.is_finite() and not slope.contains(0):
            return bracket
        left, right = bracket.halves()
        value = function.ball(left.hi) * before
        if value < 0:
            bracket = left
        elif value > 0:
            bracket = right
        else:  # the middle is about the zero: look around it
            quarter = (bracket.width / 4).mid()
            bracket = Bracket((left.hi - quarter).mid(), (left.hi + quarter).mid())
            if not (function.ball(bracket.lo) * before > 0 and function.ball(bracket.hi) * before < 0):
                raise UndecidedZeroError(f"more than {flint.ctx.prec} bits are needed")
    raise UndecidedZeroError("a zero with a slope next to 0")

"""Bounds on gradients with numbers put in: their values, and the window that truncation needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sympy as sp
from flint import arb

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.series import SeriesFromAbove, Source
from symgrad.bounds.weighted_series import certificates_of
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.invariant_box import UnitBox
from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["GradientSeries", "checked_count", "closed_window", "steps_in_numbers"]

_BITS = 128
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class GradientSeries(Generic[B]):
    """A gradient bound with weights put in.

    Attributes:
        bound: the bound, from only those declared properties that the numbers have exactly.
        evaluator: the numbers.
        series: the bound on products of Jacobians.
        source: the bounds on the derivatives of one update by the parameters.
        first: the terms of the last so many steps are left out.
        steps: their number.
        method: of the bound.
        units: for every method but ``"norm"`` the invariant box unit by unit, in which the trajectories have to start.
    """

    bound: B
    evaluator: BoundEvaluator
    series: SeriesFromAbove
    source: Source
    first: int
    steps: int
    method: str
    units: UnitBox | None

    @property
    def certificates(self) -> tuple[RateCertificate, ...]:
        """What proves the rates of weighted norms, numbers that can be checked again; empty for other methods."""
        return certificates_of(self.series)

    def value(self, loss_gradient: Any = 1) -> BoundValue:
        """The bound for a loss whose gradient by the last state has a norm.

        Raises:
            InputError: it is no non-negative number.
        """
        number = exact_number("loss_gradient", loss_gradient)
        if number.is_negative:
            raise InputError(f"loss_gradient: a non-negative number is needed, got {loss_gradient!r}")
        with working_precision(_BITS):
            total = self.series.total(self.source, self.first, self.steps)
            return BoundValue(total * to_ball(number, _BITS), "upper", self.method)

    def window(self, delta: sp.Expr, gradient: Any = None) -> int:
        """The least number of terms that makes the relative error of truncation at most delta.

        Raises:
            InputError: the gradient is no positive number.
        """
        single = gradient is None and len(self.source.entries) == 1
        source = Source([arb(1)], self.source.norm) if single else self.source  # of one state it cancels
        with working_precision(_BITS):
            total = self.series.total
            known = None if gradient is None else to_ball(_positive("gradient", gradient), _BITS)
            whole = total(source, 0, self.steps) if known is None else known
            part, of = (to_ball(number, _BITS) for number in delta.as_numer_denom())  # both exact of a fraction
            limit = (whole * part).lower()
            low, high = 0, self.steps  # with all terms nothing is left out; the error falls with each term
            while low < high:
                middle = (low + high) // 2
                if total(source, middle, self.steps) * of <= limit:
                    high = middle
                else:
                    low = middle + 1
        return low


def closed_window(rate: sp.Expr, steps: sp.Expr, delta: sp.Expr) -> sp.Expr:
    """The least K with ``rate^K + ... + rate^(T-1) <= delta (1 + ... + rate^(T-1))`` in closed form."""
    least = sp.ceiling(sp.log(rate**steps + delta * (1 - rate**steps)) / sp.log(rate))
    constant = sp.ceiling((1 - delta) * steps)
    return sp.Piecewise((0, delta >= 1), (1, sp.Eq(rate, 0)), (constant, sp.Eq(rate, 1)), (least, True))


def _positive(name: str, value: Any) -> sp.Expr:
    number = exact_number(name, value)
    if not number.is_positive:
        raise InputError(f"{name}: a positive number is needed, got {value!r}")
    return number


def checked_count(name: str, value: Any, least: int, most: sp.Expr) -> sp.Expr:
    """A number of steps or terms: an integer, or an expression that SymPy knows to be one.

    Raises:
        InputError: something else, or out of range.
    """
    words = "a non-negative integer" if least == 0 else "a positive integer"
    number = None if isinstance(value, bool) else sp.sympify(value) if isinstance(value, (sp.Expr, int)) else None
    number = sp.Integer(int(value)) if number is None and hasattr(value, "__index__") and value is not True else number
    if number is None or isinstance(value, bool) or not number.is_integer or (number - least).is_negative:
        raise InputError(f"{name}: {words} or a symbol for one is needed, got {value!r}")
    if (most - number).is_negative:
        raise InputError(f"{name}: at most {most} is possible, got {value}")
    return number


def steps_in_numbers(own: sp.Expr, given: Any) -> int:
    """The number of steps of a bound that is for so many, or for a symbol.

    Raises:
        InputError: neither tells it, or both do and differ.
    """
    if given is None and own.is_Integer:
        return int(own)
    if given is None:
        raise InputError(f"steps: the bound is for a symbol {own}, so their number is needed")
    number = checked_count("steps", given, 1, sp.oo)
    if not number.is_Integer or (own.is_Integer and own != number):
        raise InputError(
            f"steps: {f'this bound is for {own}' if own.is_Integer else 'a number is needed'}, got {given}"
        )
    return int(number)

"""Bounds on a flow with weights put in, at any time."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import sympy as sp
from flint import arb

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.flow_integrals import ball_exponential_integral
from symgrad.bounds.flow_numbers import FlowRate, flow_rates
from symgrad.errors import InputError
from symgrad.language.norms import Norm
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import to_ball, upper_float, working_precision

__all__ = ["FlowSeries", "FlowValue", "checked_number", "checked_time"]

_BITS = 128


class FlowValue(BoundValue):
    """A bound on a flow as a float, rounded up.

    Attributes:
        method: which of the bounds it is, see :class:`~symgrad.bounds.flow_numbers.FlowRate`.
    """

    method: str

    @classmethod
    def of(cls, ball: arb, method: str) -> FlowValue:
        """The value of an enclosure."""
        value = cls(ball)
        value.method = method
        return value


class FlowSeries:
    """The bounds ``C exp(rate T)`` on a flow with weights put in.

    Attributes:
        weights: the numbers.
        rates: the closed form, and what numbers give beside it.
    """

    def __init__(self, field: Recurrence, mu: sp.Expr, norm: Norm, weights: Weights) -> None:
        self.weights = weights
        self.rates = flow_rates(field, weights, mu, norm)

    @property
    def rate(self) -> FlowRate:
        """The one with constant 1 that grows least, the best bound on the logarithmic norm."""
        return min((rate for rate in self.rates if rate.constant == 1), key=lambda rate: upper_float(rate.rate))

    @property
    def mu(self) -> float:
        """The least certified bound on the logarithmic norm, a float rounded up."""
        return upper_float(self.rate.rate)

    def at(self, time: Any) -> FlowValue:
        """The least of the bounds at a time, rounded up; its ``method`` says which."""
        with working_precision(_BITS):
            span = to_ball(checked_number("T", time), _BITS)
            return _least([((rate.constant * (rate.rate * span).exp()).upper(), rate) for rate in self.rates])

    def integral(self, first: sp.Expr, time: sp.Expr, factor: arb) -> FlowValue:
        """The least of their integrals over the times between, times a factor, rounded up."""
        with working_precision(_BITS):
            ends = to_ball(first, _BITS), to_ball(time, _BITS)
            sizes = [
                (factor * rate.constant * ball_exponential_integral(rate.rate, *ends), rate) for rate in self.rates
            ]
            return _least([(size.upper(), rate) for size, rate in sizes])

    def horizon(self, delta: sp.Expr) -> float:
        """The time from which on one of the bounds stays below delta, rounded up; infinite where none does."""
        with working_precision(_BITS):
            threshold = to_ball(delta, _BITS)
            return min(_settled(rate, threshold) for rate in self.rates)


def _least(values: list[tuple[arb, FlowRate]]) -> FlowValue:
    """The least of them; what is not a number, as of a rate beyond all floats at time 0, says nothing."""
    known = [(arb("inf") if ball.is_nan() else ball, rate) for ball, rate in values]
    ball, rate = reduce(lambda best, other: other if other[0] < best[0] else best, known)
    return FlowValue.of(ball, rate.method)


def _settled(rate: FlowRate, threshold: arb) -> float:
    """The time from which on one bound stays below a threshold, rounded up."""
    if not rate.rate <= 0:
        return math.inf
    if rate.constant <= threshold:
        return 0.0
    return upper_float((threshold / rate.constant).log() / rate.rate) if rate.rate < 0 else math.inf


def checked_time(name: str, time: Any) -> sp.Expr:
    """A time: a non-negative number or an expression.

    Raises:
        InputError: something else.
    """
    is_expression = isinstance(time, sp.Expr) and time.free_symbols and not isinstance(time, sp.MatrixExpr)
    value = time if is_expression else exact_number(name, time)
    if value.is_negative:
        raise InputError(f"{name}: a non-negative number is needed, got {time!r}")
    return value


def checked_number(name: str, time: Any) -> sp.Expr:
    """A time that is a number.

    Raises:
        InputError: something else, or a negative number.
    """
    return checked_time(name, exact_number(name, time))

"""Bounds on gradients of a loss of a flow's last state, and on what truncation leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.bounds.engine import Engine
from symgrad.bounds.explanations import explain_infinite
from symgrad.bounds.flow_series import FlowSeries, FlowValue, checked_number, checked_time
from symgrad.bounds.inequality import FlowDifferentialNorm, Inequality
from symgrad.bounds.proof import Proof
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.unroll import unroll
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.exactness import exact_model
from symgrad.language.flow import Flow
from symgrad.language.norms import Norm
from symgrad.language.numbers import exact_number
from symgrad.language.weights import bind, check_sizes
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, upper_float, working_precision

__all__ = ["FlowGradientBound", "flow_gradient_bound"]

_BITS = 128


@dataclass(frozen=True, eq=False)
class FlowGradientBound(Presentable):
    """A bound on ``grad L``, the gradient of a loss ``L(x(T))`` by parameters, for all starts and inputs.

    ``||grad L|| <= ||grad_x L|| M (exp(mu T) - 1) / mu`` with ``mu(J) <= mu`` and ``||df/dtheta|| <= M``; M T where mu
    is 0. Gradients are measured in the dual norm, as in :class:`~symgrad.bounds.gradient.GradientBound`.

    Attributes:
        flow: the flow.
        parameters: those that the gradient is taken by.
        norm: the operator norm of the derivatives.
        inequality: the proved statement about ``dx(T)/dtheta``; its premises are the proof.
        first: the part from the last so long time is left out: 0 for the whole gradient.
        time: the symbol T.

    >>> import sympy as sp, symgrad as sg
    >>> x, b = sp.symbols("x b")
    >>> bound = sg.flow_bound(sg.Flow({x: -x + sg.activation("sigmoid")(x + b)})).gradient()
    >>> bound.source, bound.expr
    (1/4, g*(1/3 - exp(-3*T/4)/3))
    >>> bound.truncation(3).expr
    g*(exp(-9/4)/3 - exp(-3*T/4)/3)
    >>> print(bound)
    |grad_b L| <= |grad_x(T) L|*M*integral(s = 0 ... T) exp(mu*s) ds
    M = 1/4
    mu = -3/4
    """

    flow: Flow
    parameters: tuple[sp.Expr, ...]
    norm: Norm
    inequality: Inequality
    first: sp.Expr
    time: sp.Symbol

    @property
    def loss_gradient(self) -> sp.Symbol:
        """The symbol for ``||grad_x L||``, the dual norm of the gradient by the last state."""
        return sp.Symbol("g", nonnegative=True)

    @property
    def mu(self) -> sp.Expr:
        """The bound on the logarithmic norm of the Jacobian."""
        return self.inequality.premises[0].bound

    @property
    def source(self) -> sp.Expr:
        """The bound M on ``||df/dtheta||``."""
        bounds = [premise.bound for premise in self.inequality.premises[1:]]
        return bounds[0] if len(bounds) == 1 else self.norm.of_vector(bounds)

    @property
    def expr(self) -> sp.Expr:
        """The bound as an expression in T."""
        return self.loss_gradient * self.inequality.bound

    def block(self, parameter: Any) -> FlowGradientBound:
        """The bound on the gradient by one parameter, given as a symbol or by name.

        Raises:
            UnknownNameError: the gradient is not taken by such a parameter.
            NoBoundError: as for :meth:`symgrad.FlowBound.gradient`.
        """
        names = {str(symbol): symbol for symbol in self.parameters}
        if str(parameter) not in names:
            raise UnknownNameError(f"parameter of flow {self.flow.name}", str(parameter), names)
        return _proved(self.flow, (names[str(parameter)],), self.norm, self.first, self.time)

    def truncation(self, window: Any) -> FlowGradientBound:
        """The bound on the error when only the part from the last time of this length is kept.

        ``||grad_x L|| M (exp(mu T) - exp(mu tau)) / mu`` for a window tau.

        Args:
            window: a non-negative number or symbol.

        Raises:
            InputError: something else.
        """
        return _proved(self.flow, self.parameters, self.norm, checked_time("window", window), self.time)

    def window(self, delta: Any, weights: Mapping[Any, Any] | None = None, T: Any = None) -> sp.Expr | float:
        """Which window tau makes the error of truncation at most delta, relative to the bound on the whole.

        Args:
            delta: a positive number or symbol.
            weights: with them, and T, the answer is a float, rounded up, for the least rate that they give.
            T: the time, a non-negative number, with weights.

        Returns:
            ``log(exp(mu T) - delta (exp(mu T) - 1)) / mu``, or ``(1 - delta) T`` where mu is 0; 0 where delta is at
            least 1.

        Raises:
            InputError: delta is not positive; weights without a time.
        """
        delta = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
        if delta.is_positive is False or (delta.is_number and not delta.is_positive):
            raise InputError(f"delta: a positive number or expression is needed, got {delta}")
        if weights is None:
            return _closed_window(self.mu, delta, self.time)
        if T is None:
            raise InputError("T: with weights the time is needed too: window(delta, weights, T)")
        with working_precision(_BITS):
            rate = sp.Rational(self._series(weights)[0].mu)
            closed = _closed_window(rate, delta, checked_number("T", T))
            return max(0.0, upper_float(to_ball(closed, _BITS)))

    def evaluate(self, weights: Mapping[Any, Any] | None, T: Any, *, loss_gradient: Any = 1) -> FlowValue:
        """The value for given weights and a time, rounded up: rigorous.

        Args:
            weights: symbol or name -> array; those that the bound depends on are needed.
            T: the time, a non-negative number, at least the window that truncation keeps.
            loss_gradient: ``||grad_x L||``, a non-negative number.

        Raises:
            InputError: a missing or malformed weight; a time or loss gradient that is negative, or a symbol for the
                window.
        """
        size, time = (checked_number(name, given) for name, given in (("loss_gradient", loss_gradient), ("T", T)))
        first = checked_number("window", self.first)
        if first > time:
            raise InputError(f"T: a time of at least the window {first} is needed, got {T!r}")
        series, evaluator, source = self._series(weights)
        with working_precision(_BITS):
            return series.integral(first, time, evaluator.ball(source) * to_ball(size, _BITS))

    def _series(self, weights: Mapping[Any, Any] | None) -> tuple[FlowSeries, BoundEvaluator, sp.Expr]:
        field = self.flow.field
        used = self.mu.free_symbols | self.source.free_symbols | (self.mu + self.source).atoms(sp.MatrixSymbol)
        values = bind(field, weights, [symbol for symbol in self.flow.parameters if symbol in used])
        check_sizes(field, values, used)
        exact = exact_model(field, values)
        bound = self if exact is field else _again(self, replace(self.flow, properties=exact.properties))
        return FlowSeries(exact, bound.mu, self.norm, values), BoundEvaluator(values), bound.source

    @cached_property
    def proof(self) -> Proof:
        """The steps of the derivation."""
        return Proof(self.flow.field, self.inequality)


def _closed_window(mu: sp.Expr, delta: sp.Expr, time: sp.Expr) -> sp.Expr:
    part = sp.log(sp.exp(mu * time) - delta * (sp.exp(mu * time) - 1)) / mu if mu != 0 else sp.S.Zero
    return sp.Piecewise((0, delta >= 1), ((1 - delta) * time, sp.Eq(mu, 0)), (part, True))


def _again(bound: FlowGradientBound, flow: Flow) -> FlowGradientBound:
    return _proved(flow, bound.parameters, bound.norm, bound.first, bound.time)


def _proved(
    flow: Flow, parameters: tuple[sp.Expr, ...], norm: Norm, first: sp.Expr, time: sp.Symbol
) -> FlowGradientBound:
    sources = unroll(flow.field).sources
    rows = tuple(tuple(sources[symbol][i] for symbol in parameters) for i in range(len(flow.states)))
    goal = FlowDifferentialNorm(jacobian(flow.field).operator, rows, first, time, norm)
    inequality = Engine(flow.field).prove(goal)
    if not inequality.is_finite:
        raise explain_infinite(inequality)
    return FlowGradientBound(flow, parameters, norm, inequality, first, time)


def flow_gradient_bound(flow: Flow, norm: Norm, time: sp.Symbol) -> FlowGradientBound:
    """The bound on the gradient by all parameters; see :meth:`symgrad.FlowBound.gradient`."""
    parameters = tuple(unroll(flow.field).sources)
    if not parameters:
        raise InputError(f"flow: {flow.name} has no parameters to take a gradient by")
    return _proved(flow, parameters, norm, sp.S.Zero, time)

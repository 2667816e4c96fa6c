"""Bounds on how far apart the solutions of a flow can drift: exp(mu T) with the logarithmic norm of the Jacobian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.bounds.engine import Engine
from symgrad.bounds.explanations import explain_infinite
from symgrad.bounds.flow_gradient import FlowGradientBound, flow_gradient_bound
from symgrad.bounds.flow_limit import FlowLimit, limit_of_steps
from symgrad.bounds.flow_series import FlowSeries, FlowValue, checked_time
from symgrad.bounds.inequality import FlowNorm, Inequality
from symgrad.bounds.product import Bound, product_bound
from symgrad.bounds.proof import Proof
from symgrad.calculus.jacobian import jacobian
from symgrad.errors import InputError
from symgrad.language.exactness import exact_model
from symgrad.language.flow import Flow
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.weights import Weights, bind, check_sizes
from symgrad.presentable import Presentable

__all__ = ["FlowBound", "flow_bound"]

T = sp.Symbol("T", nonnegative=True)


@dataclass(frozen=True, eq=False)
class FlowBound(Presentable):
    """A bound ``||dx(T)/dx(0)|| <= exp(mu T)`` for every solution of a flow, whatever its start and its input.

    Attributes:
        flow: the flow.
        norm: the operator norm.
        inequality: the proved statement; its premises are the proof.

    >>> import numpy as np, sympy as sp, symgrad as sg
    >>> n = sp.Symbol("n", positive=True, integer=True)
    >>> W, x = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("x", n, 1)
    >>> bound = flow_bound(sg.Flow({x: -x + sg.activation("tanh")(W * x)}))
    >>> bound.mu
    LogarithmicNorm(W)/2 + OperatorNorm(W)/2 - 1
    >>> bound.evaluate({"W": np.array([[0.0, 0.5], [-0.5, 0.0]])}, T=10)  # at most exp(-7.5)
    0.0005530843701478336
    """

    flow: Flow
    norm: Norm
    inequality: Inequality

    @property
    def time(self) -> sp.Symbol:
        """The symbol T for the time, a non-negative number."""
        return T

    @property
    def mu(self) -> sp.Expr:
        """The bound on the logarithmic norm of the Jacobian, the rate of growth per unit of time; it may be negative.

        For several states the logarithmic norm of the matrix with such bounds on its diagonal and norms elsewhere.
        """
        return self.inequality.premises[0].bound

    @property
    def expr(self) -> sp.Expr:
        """The bound as an expression in T."""
        return self.inequality.bound

    @property
    def vanishes(self) -> sp.Basic:
        """A condition under which this bound proves that gradients vanish, mu < 0; sufficient, not necessary."""
        return sp.Lt(self.mu, 0)

    def at(self, time: Any) -> sp.Expr:
        """The bound for a time.

        Raises:
            InputError: the time is negative, or no number and no expression.
        """
        return self.expr.xreplace({T: checked_time("T", time)})

    def horizon(self, delta: Any, weights: Mapping[Any, Any] | None = None) -> sp.Expr | float:
        """The time from which on ``exp(mu T) <= delta``: further back a gradient of relative size delta does not reach.

        Args:
            delta: a positive number or symbol.
            weights: with them the answer is a float, rounded up, for the bound of :meth:`evaluate`.

        Returns:
            ``log(delta) / mu`` where mu is negative, else infinity; 0 where delta is at least 1 and mu is not positive.

        Raises:
            InputError: delta is not positive.
        """
        delta = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
        if delta.is_positive is False or (delta.is_number and not delta.is_positive):
            raise InputError(f"delta: a positive number or expression is needed, got {delta}")
        if weights is not None:
            return self.with_weights(weights).horizon(delta)
        if (self.mu > 0) == sp.true or ((self.mu >= 0) == sp.true and (delta < 1) == sp.true):
            return sp.oo  # a rate of exactly 0 would divide
        start = (sp.oo, self.mu > 0), (0, delta >= 1), (sp.oo, self.mu >= 0)
        return sp.Piecewise(*start, (sp.log(delta) / self.mu, True))

    @cached_property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """The parameters of the flow that the bound depends on."""
        atoms = self.mu.free_symbols | self.mu.atoms(sp.MatrixSymbol)
        return tuple(symbol for symbol in self.flow.parameters if symbol in atoms)

    def with_weights(self, weights: Mapping[Any, Any] | None) -> FlowSeries:
        """The bound for given weights, ready to be evaluated at any time.

        Raises:
            InputError: a weight that the bound depends on is missing, or any weight is malformed.
            UnknownNameError: a name that the flow does not have.
        """
        values = bind(self.flow.field, weights, self.parameters)
        check_sizes(self.flow.field, values, self.mu.free_symbols)
        bound = self.for_numbers(values)
        return FlowSeries(bound.flow.field, bound.mu, self.norm, values)

    def for_numbers(self, weights: Weights) -> FlowBound:
        """The bound from only those declared properties that numbers have exactly: true of these very numbers."""
        exact = exact_model(self.flow.field, weights)
        if exact is self.flow.field:
            return self
        return flow_bound(replace(self.flow, properties=exact.properties), self.norm)

    def evaluate(self, weights: Mapping[Any, Any] | None, T: Any) -> FlowValue:
        """The value for given weights and a time, rounded up: rigorous.

        It is the least of the closed form and of what intervals of the slopes and of the Jacobian's entries give
        beside it; its ``method`` says which, see :class:`~symgrad.bounds.flow_numbers.FlowRate`.

        Args:
            weights: symbol or name -> array; those that the closed form depends on are needed.
            T: the time, a non-negative number.

        Raises:
            InputError: see :meth:`with_weights` and :meth:`at`.
        """
        return self.with_weights(weights).at(T)

    @property
    def proof(self) -> Proof:
        """The steps of the derivation."""
        return Proof(self.flow.field, self.inequality)

    def gradient(self) -> FlowGradientBound:
        """The bound on the gradient of any loss of the last state by all parameters.

        ``||grad L|| <= ||grad_x L|| M (exp(mu T) - 1) / mu``; see
        :class:`~symgrad.bounds.flow_gradient.FlowGradientBound`, also for single parameters and for truncation.

        Raises:
            InputError: the flow has no parameters.
            NoBoundError: the derivative by the parameters is not bounded; says which range is missing.
        """
        return flow_gradient_bound(self.flow, self.norm, T)

    def discretised(self, eps: Any = None) -> Bound:
        """The bound on products of k Jacobians of the map ``x' = x + eps f(x, u)``.

        Args:
            eps: the step, a positive number or symbol; None for the positive symbol ``eps``.

        Raises:
            InputError: see :meth:`symgrad.Flow.discretised`.
        """
        return product_bound(self.flow.discretised(eps), self.norm)

    def limit_of_discretised(self) -> FlowLimit:
        """What the bound of the map with step eps becomes after T / eps steps, as eps tends to zero.

        Returns:
            A :class:`~symgrad.bounds.flow_limit.FlowLimit`, derived by SymPy expressions; its rate is at least mu.

        Raises:
            NoBoundError: an expression in the bound has no derivative from the right known here.
        """
        return limit_of_steps(self.discretised(), self.mu, T)


def flow_bound(flow: Flow, norm: Any = 2) -> FlowBound:
    r"""The bound on the derivative of a flow's state by its initial state, for symbolic time, weights and sizes.

    ``||dx(T)/dx(0)|| <= exp(mu T)`` with the logarithmic norm mu of the Jacobian, for every solution that exists up to
    T, whatever the input. Where f has kinks the bound is on the factor by which distances of solutions grow.

    Args:
        flow: the flow, with ranges and properties declared by ``.assuming`` where they are needed.
        norm: 1, 2 or inf, the operator norm.

    Returns:
        A :class:`FlowBound` with its proof.

    Raises:
        InputError: no Flow, or another norm.
        NoBoundError: the bound would be infinite; says which range is missing.

    Source: Dahlquist 1958; Soederlind 2006, *The logarithmic norm: history and modern theory*, BIT 46.

    >>> import sympy as sp, symgrad as sg
    >>> x, w, b = sp.symbols("x w b")
    >>> flow_bound(sg.Flow({x: -x + sg.activation("sigmoid")(w * x + b)})).expr
    exp(T*Max(-1, w/4 - 1))
    """
    if not isinstance(flow, Flow):
        raise InputError(f"flow: a Flow is needed, got {type(flow).__name__} {flow!r}")
    which = norm_of(norm)
    inequality = Engine(flow.field).prove(FlowNorm(jacobian(flow.field).operator, T, which))
    if not inequality.is_finite:
        raise explain_infinite(inequality)
    return FlowBound(flow, which, inequality)

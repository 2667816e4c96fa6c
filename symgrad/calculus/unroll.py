"""Backpropagation through time: the differential of a recurrence unrolled, as a sum over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.calculus.jacobian import Jacobian, jacobian
from symgrad.calculus.parameters import parameter_derivative
from symgrad.calculus.sources import pointwise_norm
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.norms import norm as norm_of
from symgrad.language.operators import Operator, symbols_of
from symgrad.language.recurrence import Recurrence
from symgrad.presentable import Presentable

__all__ = ["Unrolled", "UnrolledTerm", "unroll"]


@dataclass(frozen=True)
class UnrolledTerm:
    """One term ``J_a J_b ... (dF/dtheta)_s`` of an unrolled differential.

    Attributes:
        jacobians: the steps of the Jacobians, from left to right, each counted from the first step 1.
        source: the step at which the parameters act; None for the term of the initial state.
    """

    jacobians: tuple[int, ...]
    source: int | None


@dataclass(frozen=True)
class Unrolled(Presentable):
    r"""The differential of the state after t steps, by all parameters and by the initial state.

    ``dx_t = sum_{k=0}^{t-1} J_t ... J_{t-k+1} (dF/dtheta)_{t-k} dtheta + J_t ... J_1 dx_0``; the loss gradient follows
    by multiplying with ``grad_x L`` from the left, and a step of gradient descent is ``-eta (grad L)^T``.

    Attributes:
        model: the recurrence.
        jacobian: its state Jacobian J.
        sources: parameter -> the derivative of each state's update by it, as operators; dF/dtheta is the row of them.
            A matrix of parameters is read column by column.

    >>> import symgrad as sg
    >>> bptt = unroll(sg.models.sigmoid_rnn())
    >>> [str(parameter) for parameter in bptt.sources]
    ['W_in', 'W_rec', 'b']
    >>> bptt.terms(2)
    (UnrolledTerm(jacobians=(), source=2), UnrolledTerm(jacobians=(2,), source=1),
     UnrolledTerm(jacobians=(2, 1), source=None))
    """

    model: Recurrence
    jacobian: Jacobian
    sources: Mapping[sp.Expr, tuple[Operator, ...]]

    def source(self, parameter: Any) -> tuple[Operator, ...]:
        """The derivative of each state's update by one parameter, given as a symbol or by name.

        Raises:
            UnknownNameError: the model has no such parameter.
        """
        names = {str(symbol): symbol for symbol in self.sources}
        if str(parameter) not in names:
            raise UnknownNameError(f"parameter of model {self.model.name}", parameter, names)
        return self.sources[names[str(parameter)]]

    def source_norm(self, norm: Any = 2) -> sp.Expr | None:
        """The operator norm of ``dF/dtheta`` at one state and input, exactly.

        Args:
            norm: 1, 2 or inf.

        Returns:
            An expression in norms of vectors; None for several states and where no closed form is known.

        Source: see :func:`symgrad.calculus.sources.pointwise_norm`.

        >>> import symgrad as sg
        >>> unroll(sg.models.sigmoid_rnn()).source_norm()
        sqrt(OperatorNorm(sigmoid(x))**2 + OperatorNorm(u)**2 + 1)
        """
        entries = [row[0] for row in self.sources.values()]
        return pointwise_norm(entries, norm_of(norm)) if len(self.model.states) == 1 else None

    def terms(self, steps: int) -> tuple[UnrolledTerm, ...]:
        """The terms of the differential after a number of steps, by substituting ``dx_t = J_t dx_{t-1} + B_t dtheta``.

        Args:
            steps: t, at least 1.

        Returns:
            The term of the last step first, that of the initial state last.

        Raises:
            InputError: steps is not a positive integer.
        """
        if isinstance(steps, bool) or not hasattr(steps, "__index__") or int(steps) < 1:
            raise InputError(f"steps: a positive integer is needed, got {steps!r}")
        found = [UnrolledTerm((), None)]
        for step in range(1, int(steps) + 1):
            later = [UnrolledTerm((step, *term.jacobians), term.source) for term in found]
            found = [UnrolledTerm((), step), *later]
        return tuple(found)

    @cached_property
    def learning_rate(self) -> sp.Symbol:
        """The symbol for the learning rate."""
        return sp.Symbol("eta", positive=True)


def unroll(model: Recurrence) -> Unrolled:
    """Backpropagation through time of any model: the terms of its differential, with the structure kept.

    Args:
        model: the recurrence.

    Returns:
        An :class:`Unrolled`.

    Raises:
        InputError: no Recurrence.
        UnsupportedExpressionError: a matrix of parameters stands where it cannot be differentiated by.

    Source: Werbos 1990, Backpropagation through time; Pascanu, Mikolov and Bengio 2013, eq. 3-5.

    >>> import symgrad as sg
    >>> print(unroll(sg.models.neuron(w=None, b=0)))
    d x[t] = sum(k = 0 ... t-1) J[t]*...*J[t-k+1]*B[t-k]*d theta + J[t]*...*J[1]*d x[0]
    grad_theta L = grad_x[T] L*sum(k = 0 ... T-1) J[T]*...*J[T-k+1]*B[T-k]
    Delta theta = -eta*(grad_theta L)'
    theta = (w)
    J[t] = w*sigmoid'(w*x[t-1])
    B[t] = d x[t]/d theta
    d x[t]/d w = x[t-1]*sigmoid'(w*x[t-1])
    """
    derivative = jacobian(model)
    trained = frozenset().union(*map(symbols_of, model.nodes.values()))  # not the ends of declared ranges
    sources = {
        parameter: tuple(parameter_derivative(node, parameter) for node in model.nodes.values())
        for parameter in model.parameters
        if parameter in trained
    }
    return Unrolled(model, derivative, sources)

"""Closed-form bounds on products of Jacobians: the theorem, its value for weights, and its horizon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb

from symgrad.bounds.engine import Engine, explain_infinite
from symgrad.bounds.gain import ball_power_norm, gain_power, perron_constant, perron_root
from symgrad.bounds.horizon import settled_from
from symgrad.bounds.inequality import BlockNorms, Inequality, OperatorNormOf, ProductNorm
from symgrad.bounds.proof import Proof
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.jacobian import jacobian
from symgrad.errors import InputError
from symgrad.language.norms import Norm, OperatorNorm, SpectralRadius
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, upper_float, working_precision

__all__ = ["Bound", "BoundSeries", "BoundValue", "checked_steps", "product_bound"]

K = sp.Symbol("k", integer=True, nonnegative=True)
_BITS = 128
_SHORT = 3  # powers of symbolic matrices up to here are multiplied out, higher ones take the closed form


class BoundValue(float):
    """A bound as a float, rounded up: never below the true bound.

    Attributes:
        ball: the enclosure that it comes from, a python-flint ball without limits on its exponent.
    """

    ball: arb

    def __new__(cls, ball: arb) -> BoundValue:
        value = super().__new__(cls, upper_float(ball))
        value.ball = ball
        return value

    @property
    def log10(self) -> float:
        """The decimal logarithm, rounded up; finite also where the float itself under- or overflows."""
        if not self.ball > 0:
            return -math.inf if float(self) == 0.0 else upper_float(self.ball.upper().log() / arb(10).log())
        with working_precision(_BITS):
            return upper_float(self.ball.log() / arb(10).log())


@dataclass(frozen=True, eq=False)
class Bound(Presentable):
    """An upper bound on ``||J_t J_{t-1} ... J_{t-k+1}||`` for every t, state and input, in closed form.

    Attributes:
        model: the recurrence.
        norm: the operator norm.
        inequality: the proved statement; its premises are the proof.
        factor: 1 for the theorem; another number for the *claim* that the rate may
            be multiplied by it, see :meth:`tightened`.

    >>> import numpy as np, symgrad as sg
    >>> bound = sg.product_bound(sg.models.residual("sigmoid"))
    >>> bound.rate, bound.at(2)
    (OperatorNorm(W)/4 + 1, (OperatorNorm(W)/4 + 1)**2)
    >>> value = bound.evaluate({"W": 4 * np.eye(3)}, k=1000)
    >>> round(value.log10, 3)
    301.03
    >>> print(bound.proof.steps[-1].rule.name)
    power of a rate
    """

    model: Recurrence
    norm: Norm
    inequality: Inequality
    factor: sp.Expr = sp.S.One

    @property
    def k(self) -> sp.Symbol:
        """The symbol for the number of steps, a non-negative integer."""
        return K

    @cached_property
    def gain(self) -> sp.ImmutableDenseMatrix:
        """The non-negative matrix G of bounds on the blocks' norms; 1 x 1 for one state."""
        premise = next(p for p in self.inequality.premises if isinstance(p.quantity, (BlockNorms, OperatorNormOf)))
        one = isinstance(premise.quantity, OperatorNormOf)
        gain = sp.ImmutableDenseMatrix([[premise.bound]]) if one else premise.bound
        return gain * self.factor if self.factor != 1 else gain

    @cached_property
    def gain_power(self) -> sp.MatrixBase | sp.MatPow:
        """``G**k`` in closed form (an unevaluated power for three states and more)."""
        return gain_power(self.gain, K)

    @cached_property
    def expr(self) -> sp.Expr:
        """The bound as an expression in k: ``gamma**k`` for one state, ``OperatorNorm(G**k)`` for several."""
        if self.gain.rows == 1:
            return self.gain[0, 0] ** K
        return OperatorNorm(self.gain_power, self.norm.p)

    @cached_property
    def rate(self) -> sp.Expr:
        """The factor per step: the bound on ``||J||``, or the Perron root of the gain matrix.

        For three states and more the Perron root has no closed form; the norm of the gain matrix stands in.
        """
        root = perron_root(self.gain)
        return OperatorNorm(self.gain, self.norm.p).doit() if root is None or self._no_constant else root

    @cached_property
    def constant(self) -> sp.Expr:
        """C such that ``C * rate**k`` is at least the bound for every k."""
        constant = perron_constant(self.gain, self.norm.p)
        return sp.S.One if constant is None else constant

    @property
    def _no_constant(self) -> bool:
        return perron_constant(self.gain, self.norm.p) is None

    @property
    def vanishes(self) -> sp.Basic:
        """A condition under which the product tends to zero; sufficient, not necessary."""
        root = perron_root(self.gain)
        return sp.Lt(SpectralRadius(self.gain) if root is None else root, 1)

    def at(self, k: Any) -> sp.Expr:
        """The bound for a number of steps.

        Raises:
            InputError: k is not a non-negative integer.
        """
        steps = checked_steps(k)
        if self.gain.rows == 1:
            return self.gain[0, 0] ** steps
        if steps <= _SHORT or all(entry.is_Rational for entry in self.gain):
            return OperatorNorm(sp.ImmutableDenseMatrix(self.gain**steps), self.norm.p)
        return OperatorNorm(gain_power(self.gain, sp.Integer(steps)), self.norm.p)

    def horizon(self, delta: Any, weights: Mapping[Any, Any] | None = None) -> sp.Expr | int:
        """The least k from which on ``C * rate**k <= delta``: how far back a gradient of relative size delta reaches.

        Args:
            delta: a positive number or symbol.
            weights: with them the answer is a number: the least k from which on the bound of :meth:`evaluate`,
                which for several states is sharper than ``C * rate**k``, stays at most delta.

        Returns:
            ``ceiling(log(delta/C)/log(rate))``, or 0 where delta is at least C, if the rate is below 1, otherwise
            infinity; with weights an int, or ``sp.oo`` when the bound is not proved to stay below delta from some
            k <= 10**9 on.

        Raises:
            InputError: delta is not positive.
        """
        delta = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
        if delta.is_positive is False or (delta.is_number and not delta.is_positive):
            raise InputError(f"delta: a positive number or expression is needed, got {delta}")
        if weights is not None:
            return self.with_weights(weights).horizon(delta)
        ratio = delta / self.constant
        steps = sp.Max(1, sp.ceiling(sp.log(ratio) / sp.log(self.rate)))  # a rate of zero needs one step
        return sp.Piecewise((sp.oo, self.rate >= 1), (0, ratio >= 1), (steps, True))

    @cached_property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """The parameters of the model that the bound depends on."""
        atoms = self.gain.atoms(sp.MatrixSymbol) | self.gain.free_symbols
        return tuple(symbol for symbol in self.model.parameters if symbol in atoms)

    def with_weights(self, weights: Mapping[Any, Any] | None) -> BoundSeries:
        """The bound for given weights, ready to be evaluated at any k.

        Raises:
            InputError: a weight that the bound depends on is missing, or any weight is malformed.
            UnknownNameError: a name that the model does not have.
        """
        values = bind(self.model, weights, self.parameters)
        unknown = [size for size in self.model.sizes if size in self.gain.free_symbols - values.sizes.keys()]
        if unknown:
            telling = [str(s) for s in self.model.parameters if unknown[0] in s.free_symbols] or "none in this model"
            raise InputError(f"weights: the size {unknown[0]} is needed; the parameters that tell it: {telling}")
        return BoundSeries(self, values)

    def evaluate(self, weights: Mapping[Any, Any] | None, k: Any) -> BoundValue:
        """The value for given weights and k: a rigorous upper bound, rounded up.

        Args:
            weights: symbol or name -> array; only those that the bound depends on are needed.
            k: number of steps, up to 10**6 and beyond; see ``.log10`` of the result.

        Raises:
            InputError: see :meth:`with_weights` and :meth:`at`.
        """
        return self.with_weights(weights).at(k)

    @property
    def proof(self) -> Proof:
        """The steps of the derivation.

        Raises:
            InputError: the bound is a tightened claim, which has no proof.
        """
        if self.factor != 1:
            raise InputError(
                f"proof: this is the theorem's bound with its rate times {self.factor}, a claim without proof"
            )
        return Proof(self.model, self.inequality)

    def tightened(self, factor: Any) -> Bound:
        """The *claim* that the rate may be multiplied by a factor: something for verification to refute.

        Raises:
            InputError: the factor is not a positive number.
        """
        number = exact_number("factor", factor)
        if not number.is_positive:
            raise InputError(f"factor: a positive number is needed, got {number}")
        return replace(self, factor=self.factor * number)


class BoundSeries:
    """A bound with weights put in: the gain matrix is enclosed once, then any k is cheap."""

    def __init__(self, bound: Bound, weights: Weights) -> None:
        self.bound = bound
        self.weights = weights
        with working_precision(_BITS):
            self._gain = BoundEvaluator(weights).matrix(bound.gain)

    def at(self, k: Any) -> BoundValue:
        """The bound at k steps, rounded up."""
        with working_precision(_BITS):
            return BoundValue(ball_power_norm(self._gain, checked_steps(k), self.bound.norm.p))

    def horizon(self, delta: sp.Expr, limit: int = 10**9) -> int | sp.Expr:
        """The least k from which on the bound stays at most delta; infinity when none is found up to the limit."""
        with working_precision(_BITS):
            found = settled_from(self._gain, self.bound.norm.p, to_ball(delta, _BITS).lower(), limit)
        return sp.oo if found is None else found


def checked_steps(k: Any) -> int:
    """A number of steps.

    Raises:
        InputError: it is not a non-negative integer.
    """
    whole = isinstance(k, (int, sp.Integer)) or hasattr(k, "__index__")
    if isinstance(k, bool) or not whole or int(k) < 0:
        raise InputError(f"k: a non-negative integer is needed, got {k!r}")
    return int(k)


def product_bound(model: Recurrence, norm: Any = 2) -> Bound:
    r"""The bound ``||J_t ... J_{t-k+1}|| <= C gamma^k`` that the rules give, for symbolic k, weights and sizes.

    Args:
        model: the recurrence, with ranges declared by ``.assuming`` where they are needed.
        norm: 1, 2 or inf, the operator norm.

    Returns:
        A :class:`Bound` with its proof.

    Raises:
        InputError: no Recurrence, or another norm.
        NoBoundError: the bound would be infinite; says which range is missing.

    >>> import symgrad as sg
    >>> sg.product_bound(sg.models.sigmoid_rnn()).expr
    (OperatorNorm(W_rec)/4)**k
    """
    which = norm_of(norm)
    inequality = Engine(model).prove(ProductNorm(jacobian(model).operator, K, which))
    if not inequality.is_finite:
        raise explain_infinite(inequality)
    return Bound(model, which, inequality)

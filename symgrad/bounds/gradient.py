"""Bounds on gradients: of a loss of the last state by the parameters, and of what truncation leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb

from symgrad.bounds.consistency import check_reachable
from symgrad.bounds.engine import Engine
from symgrad.bounds.explanations import explain_infinite
from symgrad.bounds.geometric import ball_power_sum, power_sum_entries
from symgrad.bounds.inequality import DifferentialNorm, Inequality
from symgrad.bounds.product import BoundValue
from symgrad.bounds.proof import Proof
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.sources import pointwise_norm
from symgrad.calculus.unroll import Unrolled, unroll
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.exactness import exact_model
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind, check_sizes
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["GradientBound", "GradientSeries", "gradient_bound"]

T = sp.Symbol("T", integer=True, positive=True)
_BITS = 128


@dataclass(frozen=True, eq=False)
class GradientBound(Presentable):
    r"""A bound on ``grad L``, the gradient of a loss ``L(x_T)`` by parameters, for all states and inputs.

    ``||grad L|| <= ||grad_x L|| M (1 + gamma + ... + gamma^(T-1))`` with ``||J_t|| <= gamma`` and
    ``||dF/dtheta|| <= M``; for several states ``||(I + G + ... + G^(T-1)) m||`` with the gain matrix G and a bound m on
    each state's derivative. Norms of gradients, which are rows, are the dual ones: of ``norm`` 1 the maximum, of 2
    the Euclidean length, of inf the sum of moduli.

    Attributes:
        model: the recurrence.
        parameters: those that the gradient is taken by.
        steps: the number T of steps, a symbol or an integer.
        norm: the operator norm of the derivatives.
        inequality: the proved statement about ``dx_T/dtheta``; its premises are the proof.
        first: the terms of the last so many steps are left out of the sum: 0 for the whole gradient.

    >>> import sympy as sp, symgrad as sg
    >>> model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    >>> bound = gradient_bound(model)
    >>> bound.source, bound.gamma
    (sqrt(m + n + 1), OperatorNorm(W_rec)/4)
    >>> gradient_bound(model.assuming({"W_rec": sg.orthogonal}), steps=4).expr
    85*g*sqrt(m + n + 1)/64
    """

    model: Recurrence
    parameters: tuple[sp.Expr, ...]
    steps: sp.Expr
    norm: Norm
    inequality: Inequality
    first: sp.Expr = sp.S.Zero

    @property
    def loss_gradient(self) -> sp.Symbol:
        """The symbol for ``||grad_x L||``, the dual norm of the gradient by the last state."""
        return sp.Symbol("g", nonnegative=True)

    @property
    def gain(self) -> sp.ImmutableDenseMatrix:
        """The matrix of bounds on the Jacobian's blocks; 1 x 1 for one state."""
        bound = self.inequality.premises[0].bound
        return bound if isinstance(bound, sp.MatrixBase) else sp.ImmutableDenseMatrix([[bound]])

    @property
    def gamma(self) -> sp.Expr:
        """The bound on the Jacobian of one state; for several the gain matrix G."""
        return self.gain[0, 0] if self.gain.rows == 1 else self.gain

    @property
    def source(self) -> sp.Expr:
        """The bound M on ``||dF/dtheta||``; for several states the column m of bounds."""
        bounds = [premise.bound for premise in self.inequality.premises[1:]]
        return bounds[0] if len(bounds) == 1 else sp.ImmutableDenseMatrix(bounds)

    @property
    def pointwise(self) -> sp.Expr | None:
        """``||dF/dtheta||`` at one state and input, before the largest value over all is taken.

        None for several states, and where no closed form is known.

        >>> import symgrad as sg
        >>> gradient_bound(sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})).pointwise
        sqrt(OperatorNorm(sigmoid(x))**2 + OperatorNorm(u)**2 + 1)
        """
        rows = _rows(unroll(self.model), self.parameters)
        return pointwise_norm(rows[0], self.norm) if len(rows) == 1 else None

    @property
    def expr(self) -> sp.Expr:
        """The bound as an expression in the number of steps."""
        return self.loss_gradient * self.inequality.bound

    @cached_property
    def closed(self) -> sp.Expr:
        """The same without sums, for two states with the sums of powers written by the eigenvalues of G."""
        entries = None if self.gain.rows == 1 else power_sum_entries(self.gain, self.first, self.steps)
        if entries is None:
            return self.expr
        return self.loss_gradient * self.norm.of_vector([sp.Abs(entry) for entry in entries * self.source])

    def block(self, parameter: Any) -> GradientBound:
        """The bound on the gradient by one parameter, given as a symbol or by name.

        Raises:
            UnknownNameError: the gradient is not taken by such a parameter.
            NoBoundError: as for :func:`gradient_bound`.

        >>> import symgrad as sg
        >>> gradient_bound(sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})).block("b").source
        1
        """
        names = {str(symbol): symbol for symbol in self.parameters}
        if str(parameter) not in names:
            raise UnknownNameError(f"parameter of model {self.model.name}", parameter, names)
        return _proved(self.model, (names[str(parameter)],), self.first, self.steps, self.norm)

    @property
    def blocks(self) -> dict[str, GradientBound]:
        """The bounds on the gradients by each parameter alone, by name."""
        return {str(symbol): self.block(symbol) for symbol in self.parameters}

    def truncation(self, terms: Any) -> GradientBound:
        """The bound on the error of the gradient when only the terms of the last K steps are kept.

        ``||grad_x L|| M gamma^K (1 - gamma^(T-K)) / (1 - gamma)``: what truncated backpropagation through time leaves
        out.

        Args:
            terms: K, a non-negative integer or an expression of integers.

        Raises:
            InputError: something else, or more terms than steps.

        >>> import symgrad as sg
        >>> rnn = sg.models.elman("tanh").assuming({"u": (-1, 1), "h": (-1, 1), "W": sg.orthogonal})
        >>> gradient_bound(rnn, steps=100).truncation(10).expr
        90*g*sqrt(m + n + 1)
        """
        return _proved(self.model, self.parameters, _count("terms", terms, 0, self.steps), self.steps, self.norm)

    def window(self, delta: Any, weights: Mapping[Any, Any] | None = None, *, gradient: Any = None) -> Any:
        """How many of the last terms K make the error of a truncated gradient at most delta, relative to the whole.

        The whole is the bound on the full gradient, unless a number for the norm of the gradient itself is given.

        Args:
            delta: a positive number or symbol.
            weights: with them the answer is a number.
            gradient: the norm of the full gradient divided by ``||grad_x L||``; only with weights.

        Returns:
            ``ceiling(log(gamma^T + delta (1 - gamma^T)) / log(gamma))``, or ``ceiling((1 - delta) T)`` where gamma is
            1; with weights an int, the least K for which the error is proved to be so small.

        Raises:
            InputError: delta or gradient is not positive; without weights for several states, which have no closed
                form; a symbol for the steps with weights.
        """
        delta = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
        if delta.is_positive is False or (delta.is_number and not delta.is_positive):
            raise InputError(f"delta: a positive number or expression is needed, got {delta}")
        if weights is not None:
            return self.with_weights(weights).window(delta, gradient)
        if gradient is not None:
            raise InputError("gradient: it is compared with numbers, so the weights are needed too")
        if self.gain.rows > 1:
            raise InputError("window: several states have no closed form; give the weights: window(delta, weights)")
        return _closed_window(self.gain[0, 0], self.steps, delta)

    def evaluate(self, weights: Mapping[Any, Any] | None, steps: Any = None, *, loss_gradient: Any = 1) -> BoundValue:
        """The value for given weights, rounded up: rigorous.

        Args:
            weights: symbol or name -> array; only those that the bound depends on are needed.
            steps: the number of steps where the bound has a symbol for it.
            loss_gradient: ``||grad_x L||``, a non-negative number.

        Raises:
            InputError: a missing or malformed weight; no number of steps; a negative loss gradient.
            UnknownNameError: a name that the model does not have.
        """
        return self.with_weights(weights, steps).value(loss_gradient)

    def with_weights(self, weights: Mapping[Any, Any] | None, steps: Any = None) -> GradientSeries:
        """The bound with weights put in; for the errors see :meth:`evaluate`."""
        needed = self.gain.free_symbols | sp.sympify(self.source).free_symbols
        atoms = self.gain.atoms(sp.MatrixSymbol) | sp.sympify(self.source).atoms(sp.MatrixSymbol) | needed
        values = bind(self.model, weights, [s for s in self.model.parameters if s in atoms])
        check_sizes(self.model, values, needed)
        exact = exact_model(self.model, values)
        same = exact is self.model
        bound = self if same else _proved(exact, self.parameters, self.first, self.steps, self.norm)
        return GradientSeries(bound, values, _steps_in_numbers(self.steps, steps), self.first)

    @property
    def proof(self) -> Proof:
        """The steps of the derivation."""
        return Proof(self.model, self.inequality)


class GradientSeries:
    """A gradient bound with weights put in.

    Attributes:
        bound: the bound, from only those declared properties that the numbers have exactly.
        evaluator: the numbers.
    """

    def __init__(self, bound: GradientBound, weights: Weights, steps: int, first: sp.Expr) -> None:
        self.bound, self._steps = bound, steps
        self._first = int(_count("terms", first.xreplace({bound.steps: sp.Integer(steps)}), 0, sp.Integer(steps)))
        with working_precision(_BITS):
            self.evaluator = evaluator = BoundEvaluator(weights)
            self._gain = evaluator.matrix(bound.gain)
            sources = [bound.source] if bound.gain.rows == 1 else list(bound.source)
            self._source = [evaluator.ball(entry) for entry in sources]
        self._unit = [arb(1)] if bound.gain.rows == 1 else self._source

    def value(self, loss_gradient: Any = 1) -> BoundValue:
        """The bound for a loss whose gradient by the last state has a norm."""
        number = exact_number("loss_gradient", loss_gradient)
        if number.is_negative:
            raise InputError(f"loss_gradient: a non-negative number is needed, got {loss_gradient!r}")
        with working_precision(_BITS):
            return BoundValue(self._from(self._first) * to_ball(number, _BITS))

    def _from(self, first: int, source: list[arb] | None = None) -> arb:
        """The bound on the sum without the terms of the last so many steps."""
        entries = ball_power_sum(self._gain, source or self._source, first, self._steps)
        if self.bound.norm.p == sp.oo:
            return max(entries)
        if self.bound.norm.p == 1:
            return sum(entries, arb(0))
        return sum((entry * entry for entry in entries), arb(0)).sqrt()

    def window(self, delta: sp.Expr, gradient: Any) -> int:
        """The least number of terms that makes the relative error of truncation at most delta."""
        with working_precision(_BITS):
            source = self._unit if gradient is None else self._source  # of one state it cancels
            whole = self._from(0, source) if gradient is None else to_ball(_positive("gradient", gradient), _BITS)
            part, of = (to_ball(number, _BITS) for number in delta.as_numer_denom())  # both exact of a fraction
            limit = (whole * part).lower()
            low, high = 0, self._steps  # with all terms nothing is left out; the error falls with each term
            while low < high:
                middle = (low + high) // 2
                if self._from(middle, source) * of <= limit:
                    high = middle
                else:
                    low = middle + 1
        return low


def _closed_window(rate: sp.Expr, steps: sp.Expr, delta: sp.Expr) -> sp.Expr:
    least = sp.ceiling(sp.log(rate**steps + delta * (1 - rate**steps)) / sp.log(rate))
    constant = sp.ceiling((1 - delta) * steps)
    return sp.Piecewise((0, delta >= 1), (1, sp.Eq(rate, 0)), (constant, sp.Eq(rate, 1)), (least, True))


def _positive(name: str, value: Any) -> sp.Expr:
    number = exact_number(name, value)
    if not number.is_positive:
        raise InputError(f"{name}: a positive number is needed, got {value!r}")
    return number


def _count(name: str, value: Any, least: int, most: sp.Expr) -> sp.Expr:
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


def _steps_in_numbers(own: sp.Expr, given: Any) -> int:
    if given is None and own.is_Integer:
        return int(own)
    if given is None:
        raise InputError(f"steps: the bound is for a symbol {own}, so their number is needed")
    number = _count("steps", given, 1, sp.oo)
    if not number.is_Integer or (own.is_Integer and own != number):
        raise InputError(
            f"steps: {f'this bound is for {own}' if own.is_Integer else 'a number is needed'}, got {given}"
        )
    return int(number)


def _rows(unrolled: Unrolled, parameters: tuple[sp.Expr, ...]) -> tuple[tuple[Any, ...], ...]:
    """For each state the derivatives by the parameters."""
    states = range(len(unrolled.model.states))
    return tuple(tuple(unrolled.sources[symbol][state] for symbol in parameters) for state in states)


def _proved(
    model: Recurrence, parameters: tuple[sp.Expr, ...], first: sp.Expr, steps: sp.Expr, norm: Norm
) -> GradientBound:
    engine = Engine(model)
    check_reachable(engine)
    rows = _rows(unroll(model), parameters)
    inequality = engine.prove(DifferentialNorm(jacobian(model).operator, rows, first, steps, norm))
    if not inequality.is_finite:
        raise explain_infinite(inequality)
    return GradientBound(model, parameters, steps, norm, inequality, first)


def gradient_bound(model: Recurrence, steps: Any = T, norm: Any = 2) -> GradientBound:
    r"""The bound on the gradient of any loss of the last state by all parameters.

    Args:
        model: the recurrence, with the ranges of states and inputs declared by ``.assuming`` that it needs.
        steps: the number T of steps: a positive integer, or a symbol for one.
        norm: 1, 2 or inf: the operator norm of derivatives; gradients are then measured in the dual norm.

    Returns:
        A :class:`GradientBound` with its proof.

    Raises:
        InputError: no Recurrence, another norm or number of steps, a model with a depth or without parameters.
        NoBoundError: the bound would be infinite; says which range is missing.

    Source: the triangle inequality and submultiplicativity on the sum of :func:`symgrad.unroll`; Pascanu, Mikolov and
    Bengio 2013, sec. 2.

    >>> import symgrad as sg
    >>> model = sg.models.elman("relu").assuming({"u": (-1, 1), "h": (0, 4)})
    >>> gradient_bound(model, steps=2).expr
    g*(OperatorNorm(W) + 1)*sqrt(m + 16*n + 1)
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    if model.depth is not None:
        raise InputError(f"model: every layer of {model.name} has parameters of its own; use layer_gradient_bound")
    which, parameters = norm_of(norm), tuple(unroll(model).sources)
    if not parameters:
        raise InputError(f"model: {model.name} has no parameters to take a gradient by")
    return _proved(model, parameters, sp.S.Zero, _count("steps", steps, 1, sp.oo), which)

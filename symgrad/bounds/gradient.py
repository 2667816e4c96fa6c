"""Bounds on gradients: of a loss of the last state by the parameters, and of what truncation leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.engines import engine_of
from symgrad.bounds.explanations import explain_infinite
from symgrad.bounds.geometric import power_sum_entries
from symgrad.bounds.gradient_series import GradientSeries, checked_count, closed_window, steps_in_numbers
from symgrad.bounds.inequality import DifferentialNorm, Inequality
from symgrad.bounds.invariant import InvariantBox
from symgrad.bounds.product import Bound, check_method, derived_bound
from symgrad.bounds.proof import Proof
from symgrad.bounds.series import Source, summable
from symgrad.bounds.unit_slopes import unit_slopes
from symgrad.bounds.unit_sources import source_bounds
from symgrad.bounds.weighted_gradient_rules import K, source_size
from symgrad.bounds.weighted_quantities import WeightedDifferentialNorm, geometric_parts
from symgrad.bounds.weighted_rules import GAMMA
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.sources import pointwise_norm
from symgrad.calculus.unroll import Unrolled, unroll
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.exactness import exact_model
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.operators import Operator
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind, check_sizes
from symgrad.presentable import Presentable
from symgrad.rigor.balls import working_precision

__all__ = ["GradientBound", "GradientSeries", "T", "gradient_bound"]

T = sp.Symbol("T", integer=True, positive=True)
_BITS = 128


@dataclass(frozen=True, eq=False)
class GradientBound(Presentable):
    r"""A bound on ``grad L``, the gradient of a loss ``L(x_T)`` by parameters, for all states and inputs.

    ``||grad L|| <= ||grad_x L|| M (1 + gamma + ... + gamma^(T-1))`` with ``||J_t|| <= gamma`` and
    ``||dF/dtheta|| <= M``; for several states ``||(I + G + ... + G^(T-1)) m||`` with the gain matrix G and a bound m on
    each state's derivative. Norms of gradients, which are rows, are the dual ones: of ``norm`` 1 the maximum, of 2
    the Euclidean length, of inf the sum of moduli. In a weighted norm it is ``||grad_x L|| C M (1 + ... +
    gamma^(T-1))`` where products of k Jacobians are at most ``C gamma^k`` and M bounds all states together.

    Attributes:
        model: the recurrence.
        parameters: those that the gradient is taken by.
        steps: the number T of steps, a symbol or an integer.
        norm: the operator norm of the derivatives.
        inequality: the proved statement about ``dx_T/dtheta``; its premises are the proof.
        first: the terms of the last so many steps are left out of the sum: 0 for the whole gradient.
        method: how products of Jacobians are bounded, see :func:`symgrad.product_bound`.
        box: for every method but ``"norm"`` the invariant box that all states lie in; the model has its ranges.

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
    method: str = "norm"
    box: InvariantBox | None = None

    @property
    def free_model(self) -> Recurrence:
        """The recurrence as it was given, without the ranges of the invariant box."""
        return self.model if self.box is None else self.box.model

    @cached_property
    def product(self) -> Bound:
        """The bound on products of Jacobians by the same method."""
        engine, box = engine_of(self.free_model, self.method)
        return derived_bound(engine, box, self.norm, "upper", self.method)

    @property
    def loss_gradient(self) -> sp.Symbol:
        """The symbol for ``||grad_x L||``, the dual norm of the gradient by the last state."""
        return sp.Symbol("g", nonnegative=True)

    @cached_property
    def _parts(self) -> tuple[Inequality, ...]:
        """What the sum is bounded by: one inequality, or several of which the least counts."""
        best = isinstance(self.inequality.quantity, WeightedDifferentialNorm) and self.method == "best"
        return tuple(p for p in self.inequality.premises if p.is_finite) if best else (self.inequality,)

    @property
    def gain(self) -> sp.ImmutableDenseMatrix:
        """The matrix of bounds on the Jacobian's blocks; 1 x 1, with the rate, for one state and weighted norms.

        The rate of the best of several bounds is a symbol: only weights tell it.
        """
        rates = [_rate(part) for part in self._parts]
        if len(rates) > 1:
            return sp.ImmutableDenseMatrix([[GAMMA]])
        return rates[0] if isinstance(rates[0], sp.MatrixBase) else sp.ImmutableDenseMatrix([[rates[0]]])

    @property
    def gamma(self) -> sp.Expr:
        """The bound on the Jacobian of one state, or in a weighted norm; for several states the gain matrix G."""
        return self.gain[0, 0] if self.gain.rows == 1 else self.gain

    @property
    def constant(self) -> sp.Expr:
        """C, by which norms differ from the weighted norm; 1 where there is none."""
        return self.product.constant if self._is_weighted else sp.S.One

    @property
    def _is_weighted(self) -> bool:
        return isinstance(self.inequality.quantity, WeightedDifferentialNorm)

    @property
    def source(self) -> sp.Expr:
        """The bound M on ``||dF/dtheta||``; for several states and a gain matrix the column m of bounds."""
        if self._is_weighted:
            return source_size(self.sources, self.norm)
        return self.sources[0] if len(self.sources) == 1 else sp.ImmutableDenseMatrix(self.sources)

    @property
    def sources(self) -> list[sp.Expr]:
        """The bounds on each state's derivative by the parameters."""
        return [premise.bound for premise in self._parts[0].premises[1:]]

    @property
    def pointwise(self) -> sp.Expr | None:
        """``||dF/dtheta||`` at one state and input, before the largest value over all is taken.

        None for several states, and where no closed form is known.

        >>> import symgrad as sg
        >>> gradient_bound(sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})).pointwise
        sqrt(OperatorNorm(sigmoid(x))**2 + OperatorNorm(u)**2 + 1)
        """
        return pointwise_norm(self._rows[0], self.norm) if len(self._rows) == 1 else None

    @cached_property
    def _rows(self) -> tuple[tuple[Operator, ...], ...]:
        return _rows(unroll(self.model), self.parameters)

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
        return self._with(parameters=(names[str(parameter)],))

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
        return self._with(first=checked_count("terms", terms, 0, self.steps))

    def _with(self, model: Recurrence | None = None, **changed: Any) -> GradientBound:
        """The bound with some of its attributes changed, proved anew."""
        return _proved(model or self.free_model, replace(self._case, **changed))

    @property
    def _case(self) -> _Case:
        return _Case(self.parameters, self.first, self.steps, self.norm, self.method)

    def horizon(self, delta: Any, weights: Mapping[Any, Any] | None = None) -> sp.Expr | int:
        """How far back in time parameters matter: see :meth:`symgrad.Bound.horizon` of :attr:`product`.

        From that many steps back on each term of the sum is at most ``delta ||grad_x L|| M``.

        >>> import symgrad as sg
        >>> rnn = sg.models.elman("sigmoid").assuming({"u": (-1, 1), "h": (0, 1), "W": sg.orthogonal})
        >>> gradient_bound(rnn).horizon(1e-6)
        10
        """
        return self.product.horizon(delta, weights)

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
            InputError: delta or gradient is not positive; without weights for a gain matrix of several states and for
                the method ``"best"``, which have no closed form; a symbol for the steps with weights.
        """
        delta = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
        if delta.is_positive is False or (delta.is_number and not delta.is_positive):
            raise InputError(f"delta: a positive number or expression is needed, got {delta}")
        if weights is not None:
            return self.with_weights(weights).window(delta, gradient)
        if gradient is not None:
            raise InputError("gradient: it is compared with numbers, so the weights are needed too")
        if len(self._parts) > 1:
            raise InputError("window: the best of several bounds has no closed form; give the weights")
        if self.gain.rows > 1:
            raise InputError("window: several states have no closed form; give the weights: window(delta, weights)")
        return closed_window(self.gain[0, 0], self.steps, delta)

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

    def with_weights(self, weights: Mapping[Any, Any] | None, steps: Any = None) -> GradientSeries[GradientBound]:
        """The bound with weights put in; for the errors see :meth:`evaluate`."""
        source = sp.sympify(self.source)
        own = source.atoms(sp.MatrixSymbol) | source.free_symbols | set(self.product.parameters)
        values = bind(self.model, weights, [s for s in self.model.parameters if s in own])
        sizes = source.free_symbols | (self.gain.free_symbols if self.box is None else set())
        check_sizes(self.model, values, sizes)
        exact = exact_model(self.free_model, values)
        bound = self if exact is self.free_model else self._with(exact)
        return _series(bound, values, steps_in_numbers(self.steps, steps))

    @property
    def proof(self) -> Proof:
        """The steps of the derivation."""
        return Proof(self.model, self.inequality) if self.box is None else self.box.proof_of(self.inequality)


def _rate(inequality: Inequality) -> sp.Expr:
    """The rate or the gain matrix whose powers are added up."""
    bound = inequality.premises[0].bound
    return geometric_parts(bound, K)[1] if isinstance(inequality.quantity, WeightedDifferentialNorm) else bound


def _series(bound: GradientBound, weights: Weights, steps: int) -> GradientSeries[GradientBound]:
    """The bound with numbers put in."""
    first = checked_count("terms", bound.first.xreplace({bound.steps: sp.Integer(steps)}), 0, sp.Integer(steps))
    with working_precision(_BITS):
        evaluator = BoundEvaluator(weights)
        slopes = None if bound.box is None else unit_slopes(bound.box, weights)
        entries = source_bounds([evaluator.ball(size) for size in bound.sources], bound._rows, slopes, bound.norm)
        series = bound.product.growth.series(evaluator)
    units = None if slopes is None else slopes.units
    source = Source(entries, bound.norm)
    return GradientSeries(bound, evaluator, summable(series), source, int(first), steps, bound.method, units)


def _rows(unrolled: Unrolled, parameters: tuple[sp.Expr, ...]) -> tuple[tuple[Operator, ...], ...]:
    """For each state the derivatives by the parameters."""
    states = range(len(unrolled.model.states))
    return tuple(tuple(unrolled.sources[symbol][state] for symbol in parameters) for state in states)


@dataclass(frozen=True)
class _Case:
    """What is bounded: the gradient by which parameters, which terms, in which norm, by which method."""

    parameters: tuple[sp.Expr, ...]
    first: sp.Expr
    steps: sp.Expr
    norm: Norm
    method: str


def _proved(model: Recurrence, case: _Case) -> GradientBound:
    engine, box = engine_of(model, case.method)
    parts = jacobian(model).operator, _rows(unroll(model), case.parameters), case.first, case.steps, case.norm
    plain = case.method in ("norm", "range")
    inequality = engine.prove(DifferentialNorm(*parts) if plain else WeightedDifferentialNorm(*parts, case.method))
    if not inequality.is_finite:
        raise explain_infinite(inequality)
    found = engine.context.model
    return GradientBound(found, case.parameters, case.steps, case.norm, inequality, case.first, case.method, box)


def gradient_bound(model: Recurrence, steps: Any = T, norm: Any = 2, method: str = "norm") -> GradientBound:
    r"""The bound on the gradient of any loss of the last state by all parameters.

    Args:
        model: the recurrence, with the ranges of states and inputs declared by ``.assuming`` that it needs.
        steps: the number T of steps: a positive integer, or a symbol for one.
        norm: 1, 2 or inf: the operator norm of derivatives; gradients are then measured in the dual norm.
        method: how products of Jacobians are bounded, as for :func:`symgrad.product_bound`. All but ``"norm"`` hold for
            trajectories that start in the invariant box of :func:`symgrad.invariant_box`, so that states need no
            declared range, only inputs. With weights the sum for ``"best"`` takes for every term the closest of all.

    Returns:
        A :class:`GradientBound` with its proof.

    Raises:
        InputError: no Recurrence, another norm or number of steps, a model with a depth or without parameters.
        UnknownNameError: another method.
        NoBoundError: the bound would be infinite; says which range is missing.

    Source: the triangle inequality and submultiplicativity on the sum of :func:`symgrad.unroll`; Pascanu, Mikolov and
    Bengio 2013, sec. 2.

    >>> import symgrad as sg
    >>> model = sg.models.elman("relu").assuming({"u": (-1, 1), "h": (0, 4)})
    >>> gradient_bound(model, steps=2).expr
    g*(OperatorNorm(W) + 1)*sqrt(m + 16*n + 1)
    >>> gradient_bound(sg.models.gru().assuming({"u": (-1, 1)}), method="quadratic").gamma
    gamma
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    if model.depth is not None:
        raise InputError(f"model: every layer of {model.name} has parameters of its own; use layer_gradient_bound")
    which, parameters = norm_of(norm), tuple(unroll(model).sources)
    if not parameters:
        raise InputError(f"model: {model.name} has no parameters to take a gradient by")
    check_method(model, method, "upper")
    return _proved(model, _Case(parameters, sp.S.Zero, checked_count("steps", steps, 1, sp.oo), which, method))

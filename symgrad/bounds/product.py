"""Closed-form bounds on products of Jacobians: the theorem, its value for weights, and its horizon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.criteria import Criterion, criteria
from symgrad.bounds.engine import Engine
from symgrad.bounds.engines import engine_of
from symgrad.bounds.explanations import explain_infinite, explain_zero
from symgrad.bounds.functions import bound_arguments, bound_function
from symgrad.bounds.gain import gain_power
from symgrad.bounds.growth import Growth
from symgrad.bounds.growth_of import growth_of
from symgrad.bounds.inequality import (
    Inequality,
    ProductModulus,
    ProductNorm,
)
from symgrad.bounds.invariant import InvariantBox
from symgrad.bounds.proof import Proof
from symgrad.bounds.steps import checked_steps
from symgrad.bounds.unit_slopes import UnitSlopes, unit_slopes
from symgrad.bounds.values import BoundArray, checked_points, scalar_arrays, values_on_arrays
from symgrad.bounds.weighted_growth import (
    UnitGrowth,
)
from symgrad.bounds.weighted_quantities import WeightedProductNorm
from symgrad.bounds.weighted_series import ClosestSeries, certificates_of
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.invariant_box import UnitBox
from symgrad.calculus.jacobian import jacobian
from symgrad.errors import InputError, NoBoundError, NoRuleError, UnknownNameError
from symgrad.language.exactness import exact_model
from symgrad.language.layers import OrderedProduct
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.substitution import substituted
from symgrad.language.weights import LayerWeights, Weights, bind, check_sizes
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["Bound", "BoundSeries", "check_method", "derived_bound", "product_bound"]

K = sp.Symbol("k", integer=True, nonnegative=True)
_BITS = 128


@dataclass(frozen=True, eq=False)
class Bound(Presentable):
    """A bound on products ``P = J_t J_{t-1} ... J_{t-k+1}`` for every t, state and input, in closed form.

    An upper bound is on the operator norm of P, a lower one on its minimum modulus, min ``||P x|| / ||x||``, which
    is the smallest singular value for the 2-norm.

    Attributes:
        model: the recurrence.
        norm: the operator norm.
        inequality: the proved statement; its premises are the proof.
        factor: 1 for the theorem; another number for the *claim* that the rate may
            be multiplied by it, see :meth:`tightened`.
        method: how it was found, see :func:`product_bound`.
        box: for every method but ``"norm"`` the invariant box that all states lie in; the model has its ranges.

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
    method: str = "norm"
    box: InvariantBox | None = field(default=None, repr=False)

    @property
    def side(self) -> str:
        """``"upper"`` or ``"lower"``."""
        return "lower" if isinstance(self.inequality.quantity, ProductModulus) else "upper"

    @property
    def k(self) -> sp.Symbol:
        """The symbol for the number of steps, a non-negative integer; of a model with a depth, its depth."""
        return _steps(self.model)

    @cached_property
    def growth(self) -> Growth:
        """How the bound depends on k."""
        growth = growth_of(self.inequality, self.norm, self.model, self.box)
        return growth if self.factor == 1 else growth.times(self.factor)

    @cached_property
    def gain(self) -> sp.ImmutableDenseMatrix:
        """The matrix of bounds on the Jacobian's blocks; 1 x 1 for one state.

        For an upper bound the non-negative gain matrix G; for a lower one the comparison matrix, with lower bounds on
        the diagonal and upper bounds with a minus sign elsewhere.
        """
        content = self.growth.content
        return content if isinstance(content, sp.MatrixBase) else sp.ImmutableDenseMatrix([[content]])

    @cached_property
    def gain_power(self) -> sp.MatrixBase | sp.MatrixExpr:
        """``G**k`` in closed form (an unevaluated power where there is none); for layers ``G_k ... G_1``."""
        if self.model.depth is not None:
            return OrderedProduct(self.gain, self.model.layer, self.k)
        return gain_power(self.gain, K)

    @cached_property
    def expr(self) -> sp.Expr:
        """The bound as an expression in k, ``gamma**k`` for one state, ``OperatorNorm(G**k)`` for several."""
        return self.growth.expr(self.k)

    @cached_property
    def rate(self) -> sp.Expr:
        """The factor per step, which is the bound on the Jacobian, or the Perron root of the gain matrix.

        Where the Perron root has no closed form or no constant goes with it, the norm of the gain matrix stands in.
        """
        return self.growth.rate

    @cached_property
    def constant(self) -> sp.Expr:
        """C such that ``C * rate**k`` bounds the product for every k too."""
        return self.growth.constant

    @property
    def vanishes(self) -> sp.Basic:
        """A condition under which this bound proves that products tend to zero, sufficient, not necessary.

        Never for a lower bound. What it shows to be *necessary* is listed in :attr:`criteria`.
        """
        return self.growth.compared(sp.Lt) if self.side == "upper" else sp.false

    @property
    def explodes(self) -> sp.Basic:
        """A condition under which this bound proves that all products grow beyond limit, along every direction.

        Sufficient, not necessary. Never for an upper bound; what that shows to be *necessary* is listed in
        :attr:`criteria`.
        """
        return self.growth.compared(sp.Gt) if self.side == "lower" else sp.false

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the bound shows to be sufficient, and what to be necessary, for vanishing and exploding products.

        Source: Pascanu, Mikolov and Bengio 2013, sec. 2.1, for the plain recurrent network; here for any model.

        >>> import symgrad as sg
        >>> for criterion in sg.product_bound(sg.models.sigmoid_rnn()).criteria:
        ...     print(criterion)
        ||W_rec||_2 < 4 is sufficient for vanishing gradients
        ||W_rec||_2 > 4 is necessary for exploding gradients
        """
        return criteria(self.growth, self.side)

    def at(self, k: Any) -> sp.Expr:
        """The bound for a number of steps.

        Raises:
            InputError: k is not a non-negative integer.
        """
        return self.growth.at(checked_steps(k))

    def horizon(self, delta: Any, weights: Mapping[Any, Any] | None = None) -> sp.Expr | int:
        """How far back a gradient of relative size delta reaches.

        For an upper bound the least k from which on ``C * rate**k <= delta``: further back it surely does not reach.
        For a lower bound the largest k up to which ``C * rate**k >= delta``: so far back it surely does.

        Args:
            delta: a positive number or symbol.
            weights: with them the answer is a number, for the bound of :meth:`evaluate`, which for several states is
                sharper than ``C * rate**k``.

        Returns:
            ``ceiling(log(delta/C)/log(rate))``, or 0 where delta is at least C, if the rate is below 1, otherwise
            infinity; for a lower bound the same rounded down. With weights an int, or ``sp.oo``: for an upper bound
            when it is not proved to stay below delta from some k <= 10**9 on, for a lower bound when it is
            proved to stay above it for every k.

        Raises:
            InputError: delta is not positive.
        """
        delta = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
        if delta.is_positive is False or (delta.is_number and not delta.is_positive):
            raise InputError(f"delta: a positive number or expression is needed, got {delta}")
        if weights is not None:
            return self.with_weights(weights).horizon(delta)
        if self.model.depth is not None:
            raise InputError("horizon: every layer has weights of its own, so they are needed: horizon(delta, weights)")
        if self.side == "upper" and (self.rate >= 1) == sp.true:
            return sp.oo  # a rate of exactly 1 has logarithm zero
        ratio = delta / self.constant
        steps = sp.log(ratio) / sp.log(self.rate)
        if self.side == "lower":
            start = (0, ratio > 1), (sp.oo, self.rate >= 1), (0, sp.Le(self.rate, 0))
            return sp.Piecewise(*start, (sp.floor(steps), True))
        least = sp.Max(1, sp.ceiling(steps))  # a rate of zero needs one step
        return sp.Piecewise((sp.oo, self.rate >= 1), (0, ratio >= 1), (least, True))

    @cached_property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """The parameters of the model that the bound depends on."""
        growth = self.growth
        if isinstance(growth, UnitGrowth):
            atoms: Collection[sp.Basic] = growth.constants
        else:
            atoms = growth.content.atoms(sp.MatrixSymbol) | growth.content.free_symbols
        return tuple(symbol for symbol in self.model.parameters if symbol in atoms)

    def with_weights(self, weights: Mapping[Any, Any] | None) -> BoundSeries:
        """The bound for given weights, ready to be evaluated at any k.

        Raises:
            InputError: a weight that the bound depends on is missing, or any weight is malformed.
            UnknownNameError: a name that the model does not have.
        """
        values = bind(self.model, weights, self.parameters)
        check_sizes(self.model, values, () if isinstance(self.growth, UnitGrowth) else self.gain.free_symbols)
        return BoundSeries(self, values)

    def for_numbers(self, weights: Weights) -> Bound:
        """The bound from only those declared properties that numbers have exactly: true of these very numbers."""
        exact = exact_model(self.free_model, weights)
        return self if exact is self.free_model else self._of(exact)

    @property
    def free_model(self) -> Recurrence:
        """The recurrence as it was given, without the ranges of the invariant box."""
        return self.model if self.box is None else self.box.model

    def _of(self, model: Recurrence) -> Bound:
        """The same bound on another model."""
        return replace(product_bound(model, self.norm, self.side, self.method), factor=self.factor)

    def evaluate(self, weights: Mapping[Any, Any] | None, k: Any = None) -> BoundValue:
        """The value for given weights and k: rigorous, an upper bound rounded up, a lower one rounded down.

        Args:
            weights: symbol or name -> array; only those that the bound depends on are needed.
            k: number of steps, up to 10**6 and beyond; see ``.log10`` of the result. Of a model with a depth the first
                k layers, all unless given.

        Raises:
            InputError: see :meth:`with_weights` and :meth:`at`.
        """
        series = self.with_weights(weights)
        return series.at(series.layers if k is None else k)

    def evaluate_array(self, weights: Mapping[Any, Any] | None, k: Any = 1) -> BoundArray:
        """The values on arrays of scalar parameters and of numbers of steps, broadcast together: rigorous.

        Args:
            weights: as for :meth:`evaluate`, but scalar parameters may be arrays.
            k: an integer or an array of integers.

        Returns:
            A :class:`~symgrad.bounds.values.BoundArray`, with ``.values`` and ``.log10``.

        Raises:
            InputError: see :meth:`with_weights`; shapes that do not broadcast; a model with a depth.

        >>> import numpy as np, symgrad as sg
        >>> bound = sg.product_bound(sg.models.leaky())
        >>> bound.evaluate_array({"W": np.eye(2) / 2, "alpha": [[0.5], [1.0]]}, k=[1, 2]).values.tolist()
        [[0.75, 0.5625], [0.5, 0.25]]
        """
        if self.model.depth is not None:
            raise InputError("evaluate_array: every layer has parameters of its own; use evaluate(weights, k)")
        arrays, rest = scalar_arrays(self.model, weights)
        series, *_ = [self.with_weights(rest | point) for point in checked_points(arrays)]
        return values_on_arrays(series.bound.growth, series.weights, arrays, k, self.side == "upper", _BITS)

    @property
    def arguments(self) -> dict[str, sp.Expr]:
        """What the functions of :meth:`lambdify` take, in order: name -> norm, scalar parameter or size, at last k.

        >>> import symgrad as sg
        >>> sg.product_bound(sg.models.leaky()).arguments
        {'norm_W': OperatorNorm(W), 'alpha': alpha, 'k': k}
        """
        return bound_arguments(self.growth, self.k)

    def lambdify(self, module: str = "numpy") -> Callable[..., Any]:
        """The bound as a plain function of its :attr:`arguments`: approximate, not rounded in any direction.

        Args:
            module: ``"numpy"`` for float64 over arrays, ``"mpmath"`` for single numbers at the precision set there.

        Raises:
            UnknownNameError: another module.
            InputError: a model with a depth.

        >>> import symgrad as sg
        >>> function = sg.product_bound(sg.models.residual("sigmoid")).lambdify()
        >>> function(norm_W=4.0, k=[0, 1, 2]).tolist()
        [1.0, 2.0, 4.0]
        """
        return bound_function(self.growth, self.k, module)

    def subs(self, values: Mapping[Any, Any]) -> Bound:
        """The bound of the model with numbers or expressions for some parameters, derived anew.

        Args:
            values: symbol or name -> a number or an expression for a scalar, an array or an explicit matrix otherwise.

        Raises:
            InputError: a value of a wrong kind or shape, or against a declared range or property.
            UnknownNameError: no parameter of that name.
            NoBoundError: there is none with these values.

        >>> import symgrad as sg
        >>> sg.product_bound(sg.models.leaky()).subs({"alpha": 0.5}).rate
        OperatorNorm(W)/2 + 1/2
        """
        return self._of(substituted(self.free_model, values))

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
        return Proof(self.model, self.inequality) if self.box is None else self.box.proof_of(self.inequality)

    def tightened(self, factor: Any) -> Bound:
        """The *claim* that the rate may be multiplied by a factor: something for verification to refute.

        Raises:
            InputError: the factor is not a positive number.
        """
        number = exact_number("factor", factor)
        if not number.is_positive:
            raise InputError(f"factor: a positive number is needed, got {number}")
        return replace(self, factor=self.factor * number)


def _steps(model: Recurrence) -> Any:
    """The number of factors in a product: a symbol, or the number of layers of a model with a depth."""
    return K if model.depth is None else model.depth


class BoundSeries:
    """A bound with weights put in: what is raised to a power is enclosed once, then any k is cheap.

    Attributes:
        bound: from only those declared properties that the numbers have exactly.
        weights: the numbers.
        slopes: for every method but ``"norm"`` what is known of the slopes unit by unit; several bounds of one model
            with the same weights may share it.
        units: for these methods the invariant box unit by unit, in which the trajectories have to start.
    """

    slopes: UnitSlopes | None = None
    units: UnitBox | None = None

    def __init__(self, bound: Bound, weights: Weights, slopes: UnitSlopes | None = None) -> None:
        self.bound = bound = bound.for_numbers(weights)
        self.weights = weights
        with working_precision(_BITS):
            evaluator, growth = BoundEvaluator(weights), bound.growth
            if bound.box is not None and isinstance(growth, UnitGrowth):
                self.slopes = slopes = slopes or unit_slopes(bound.box, weights)
                self.units, self._series = slopes.units, growth.series_on(evaluator, slopes)
            else:
                self._series = growth.series(evaluator)

    @property
    def certificates(self) -> tuple[RateCertificate, ...]:
        """What proves the rates of weighted norms, numbers that can be checked again; empty for other methods."""
        return certificates_of(self._series)

    @property
    def layers(self) -> int | None:
        """The number of layers; None where all steps share the parameters."""
        return len(self.weights.layers) if isinstance(self.weights, LayerWeights) else None

    def at(self, k: Any) -> BoundValue:
        """The bound at k steps, rounded up (a lower bound down)."""
        with working_precision(_BITS):
            if self.bound.method == "best" and isinstance(self._series, ClosestSeries):
                name, ball = self._series.with_name(checked_steps(k))
                return BoundValue(ball, self.bound.side, name)
            return BoundValue(self._series.at(checked_steps(k)), self.bound.side, self.bound.method)

    def horizon(self, delta: sp.Expr, limit: int = 10**9) -> int | sp.Expr:
        """See :meth:`Bound.horizon`; infinity when none is found up to the limit."""
        with working_precision(_BITS):
            threshold = to_ball(delta, _BITS)
            end = threshold.lower() if self.bound.side == "upper" else threshold.upper()
            found = self._series.horizon(end, limit)
        return sp.oo if found is None else found


SIDES = {"upper": ProductNorm, "lower": ProductModulus}
METHODS = {"upper": ("norm", "range", "perron", "diagonal", "quadratic", "best"), "lower": ("norm", "range", "best")}


def product_bound(model: Recurrence, norm: Any = 2, side: str = "upper", method: str = "norm") -> Bound:
    r"""The bound on ``J_t ... J_{t-k+1}`` that the rules give, for symbolic k, weights and sizes.

    Args:
        model: the recurrence, with ranges and properties declared by ``.assuming`` where they are needed.
        norm: 1, 2 or inf, the operator norm.
        side: ``"upper"`` for ``||P|| <= C gamma^k``; ``"lower"`` for a bound from below on min ``||P x|| / ||x||``, for
            the 2-norm the smallest singular value.
        method: ``"norm"``: from operator norms, over all states and inputs in the declared ranges. All others hold for
            trajectories that start in the invariant box of :func:`symgrad.invariant_box` (the origin always does),
            and are sharper with weights, where every unit has a range of its own. ``"range"``: operator norms with the
            slopes that are reached within the box. ``"perron"``: a weighted norm from the Perron vectors of the moduli
            of the entries. ``"diagonal"`` and ``"quadratic"``: the weighted 2-norm with the best diagonal, and the
            best norm ``sqrt(x' P x)``, found and certified for given weights. ``"best"``: the least of all of these
            at the given number of steps and weights; its values name the winner. From below there are ``"norm"``,
            ``"range"`` and ``"best"``, the larger of both.

    Returns:
        A :class:`Bound` with its proof.

    Raises:
        InputError: no Recurrence, another norm, or a declared range of a state that its update never reaches.
        UnknownNameError: another side, or another method.
        NoBoundError: an upper bound would be infinite, or a lower one zero; says which range or hypothesis is missing.

    >>> import symgrad as sg
    >>> sg.product_bound(sg.models.sigmoid_rnn()).expr
    (OperatorNorm(W_rec)/4)**k
    >>> sg.product_bound(sg.models.elman("leaky_relu"), side="lower").expr
    (SmallestSingularValue(W)/100)**k
    """
    which = norm_of(norm)
    if side not in SIDES:
        raise UnknownNameError("side", side, SIDES)
    check_method(model, method, side)
    jacobian(model)  # refuses what is no recurrence
    engine, box = engine_of(model, method)
    return derived_bound(engine, box, which, side, method)


def derived_bound(engine: Engine, box: InvariantBox | None, which: Norm, side: str, method: str) -> Bound:
    """The bound that an engine proves; for the errors see :func:`product_bound`."""
    model = engine.context.model
    operator = jacobian(model).operator
    weighted = side == "upper" and method not in ("norm", "range")
    try:
        inequality = engine.prove(
            WeightedProductNorm(operator, K, which, method) if weighted else SIDES[side](operator, _steps(model), which)
        )
    except NoRuleError as error:
        if side == "upper":
            raise
        raise NoBoundError(f"no lower bound above zero: {error}") from error  # zero itself would always be true
    if side == "upper" and not inequality.is_finite:
        raise explain_infinite(inequality)
    if side == "lower" and (inequality.bound.is_zero or inequality.premises[0].bound.is_zero):
        raise explain_zero(inequality, model)
    return Bound(model, which, inequality, method=method, box=box)


def check_method(model: Any, method: str, side: str) -> None:
    """Whether a method gives bounds of one side on a model.

    Raises:
        UnknownNameError: no such method.
        InputError: it gives none from below, or none for a model with a depth.
    """
    if method not in METHODS["upper"]:
        raise UnknownNameError("method", method, METHODS["upper"])
    if method not in METHODS[side]:
        raise InputError(f"method: {method!r} gives bounds from above; from below there are {', '.join(METHODS[side])}")
    if isinstance(model, Recurrence) and model.depth is not None and method != "norm":
        raise InputError(f"method: every layer of {model.name} has parameters of its own; accepted is 'norm'")

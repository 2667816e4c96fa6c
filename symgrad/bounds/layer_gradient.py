"""Bounds on gradients by the parameters of each layer of a model whose layers have parameters of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.engine import Engine
from symgrad.bounds.explanations import explain_infinite
from symgrad.bounds.gain import upper_ends
from symgrad.bounds.inequality import Inequality, RowNormOf
from symgrad.bounds.product import Bound, product_bound
from symgrad.bounds.proof import Proof
from symgrad.calculus.enclose import BoundEvaluator, vector_norm
from symgrad.calculus.unroll import unroll
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.layers import at_layer
from symgrad.language.norms import Norm, OperatorNorm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, bind
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["LayerGradientBound", "layer_gradient_bound"]

_BITS = 128


@dataclass(frozen=True, eq=False)
class LayerGradientBound(Presentable):
    r"""A bound on the gradient of a loss ``L(x_depth)`` by the parameters of layer l, for all states and inputs.

    ``||grad_{theta_l} L|| <= ||grad_x L|| ||J_depth ... J_{l+1}|| ||dF_l/dtheta_l||``: submultiplicativity on the
    product of Jacobians of the layers above and the derivative of layer l. Norms of gradients, which are rows, are the
    dual ones.

    Attributes:
        model: with a depth.
        parameters: those of a layer that the gradient is taken by.
        norm: the operator norm of the derivatives.
        product: the bound on products of Jacobians.
        sources: for each state the proved bound on its derivative by the parameters of its layer.

    >>> import symgrad as sg
    >>> deep = sg.models.feedforward(activation="sigmoid").assuming({"x": (0, 1)})
    >>> bound = layer_gradient_bound(deep)
    >>> bound.source, bound.rate
    (sqrt(n + 1)/4, OperatorNorm(W_l)/4)
    >>> bound.expr
    g*sqrt(n + 1)*Product(OperatorNorm(W_j)/4, (j, l + 1, L))/4
    """

    model: Recurrence
    parameters: tuple[sp.Expr, ...]
    norm: Norm
    product: Bound
    sources: tuple[Inequality, ...]

    @property
    def loss_gradient(self) -> sp.Symbol:
        """The symbol for ``||grad_x L||``, the dual norm of the gradient by the last state."""
        return sp.Symbol("g", nonnegative=True)

    @property
    def rate(self) -> sp.Expr:
        """The bound on the Jacobian of layer l."""
        return self.product.rate

    @property
    def source(self) -> sp.Expr:
        """The bound on the derivative of layer l by its parameters."""
        bounds = [item.bound for item in self.sources]
        whole = bounds[0] if len(bounds) == 1 else self.norm.of_vector(bounds)
        return at_layer(whole, self.model.parameters, self.model.layer)

    @property
    def expr(self) -> sp.Expr:
        """The bound as an expression in the layer l."""
        layer, above = self.model.layer, sp.Symbol("j", integer=True, positive=True)
        factor = self.product.growth.content
        factor = OperatorNorm(factor, self.norm.p) if isinstance(factor, sp.MatrixBase) else factor
        product = sp.Product(factor.xreplace({layer: above}), (above, layer + 1, self.model.depth))
        return self.loss_gradient * self.source * product

    def at(self, layer: Any) -> sp.Expr:
        """The bound for one layer, counted from 1, of a model whose depth is a number.

        Raises:
            InputError: no such layer, or a symbolic depth.
        """
        depth = self.model.depth
        if not isinstance(depth, sp.Integer):
            raise InputError(f"at: the depth {depth} is a symbol; give weights instead: evaluate(weights)")
        number = -1 if isinstance(layer, bool) or not hasattr(layer, "__index__") else int(layer)
        if not 1 <= number <= depth:
            raise InputError(f"layer: an integer from 1 to {depth} is needed, got {layer!r}")
        return self.expr.xreplace({self.model.layer: sp.Integer(number)}).doit()

    def block(self, parameter: Any) -> LayerGradientBound:
        """The bound on the gradient by one parameter of each layer, given as a symbol or by name.

        Raises:
            UnknownNameError: the gradient is not taken by such a parameter.
        """
        names = {str(symbol): symbol for symbol in self.parameters}
        if str(parameter) not in names:
            raise UnknownNameError(f"parameter of model {self.model.name}", parameter, names)
        return _proved(self.model, (names[str(parameter)],), self.norm)

    def evaluate(self, weights: Mapping[Any, Any] | None, *, loss_gradient: Any = 1) -> tuple[BoundValue, ...]:
        """The values for given weights, of the first layer first, each rounded up: rigorous.

        Args:
            weights: as :func:`symgrad.simulate` takes them for a model with a depth.
            loss_gradient: ``||grad_x L||``, a non-negative number.

        Raises:
            InputError: a missing or malformed weight; a negative loss gradient.
            UnknownNameError: a name that the model does not have.
        """
        number = exact_number("loss_gradient", loss_gradient)
        if number.is_negative:
            raise InputError(f"loss_gradient: a non-negative number is needed, got {loss_gradient!r}")
        values = bind(self.model, weights, self.model.parameters)
        if not isinstance(values, LayerWeights):
            raise InputError(f"weights: model {self.model.name} has none of its own at each layer")
        exact = self.product.for_numbers(values).model
        bound = self if exact is self.model else _proved(exact, self.parameters, self.norm)
        with working_precision(_BITS):
            evaluators = [BoundEvaluator(layer) for layer in values.layers]
            found = bound._values(evaluators)
            return tuple(BoundValue(value * to_ball(number, _BITS)) for value in found)

    def _values(self, evaluators: list[BoundEvaluator]) -> list[arb]:
        """For each layer the norm of the gain matrices above it times its sources."""
        layer: Any = self.product.growth
        gain = layer.layer if isinstance(layer.layer, sp.MatrixBase) else sp.ImmutableDenseMatrix([[layer.layer]])
        gains = [upper_ends(evaluator.matrix(gain)) for evaluator in evaluators]
        found = []
        for index, evaluator in enumerate(evaluators):
            column = arb_mat([[evaluator.ball(item.bound).upper()] for item in self.sources])
            for above in gains[index + 1 :]:
                column = above * column
            found.append(vector_norm(column, self.norm))
        return found

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The derivations of the bound on the Jacobians and, for each state, of the one on its derivative."""
        return self.product.proof, *(Proof(self.model, item) for item in self.sources)


def _proved(model: Recurrence, parameters: tuple[sp.Expr, ...], norm: Norm) -> LayerGradientBound:
    sources, engine = unroll(model).sources, Engine(model)
    rows = [tuple(sources[symbol][state] for symbol in parameters) for state in range(len(model.states))]
    found = tuple(engine.prove(RowNormOf(row, norm)) for row in rows)
    for item in found:
        if not item.is_finite:
            raise explain_infinite(item)
    return LayerGradientBound(model, parameters, norm, product_bound(model, norm), found)


def layer_gradient_bound(model: Recurrence, norm: Any = 2) -> LayerGradientBound:
    """The bound on the gradient of any loss of the last state by the parameters of each layer.

    Args:
        model: a recurrence with a depth, with the ranges declared by ``.assuming`` that it needs.
        norm: 1, 2 or inf: the operator norm of derivatives; gradients are then measured in the dual norm.

    Returns:
        A :class:`LayerGradientBound`.

    Raises:
        InputError: no Recurrence, one without a depth or without parameters, another norm.
        NoBoundError: the bound would be infinite; says which range is missing.

    Source: the chain rule and submultiplicativity; Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6.

    >>> import numpy as np, symgrad as sg
    >>> deep = sg.models.feedforward(activation="sigmoid").assuming({"x": (0, 1)})
    >>> weights = {"W": [2 * np.eye(3)] * 4, "b": [np.zeros(3)] * 4}
    >>> [round(value, 6) for value in layer_gradient_bound(deep).evaluate(weights)]
    [0.0625, 0.125, 0.25, 0.5]
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    if model.depth is None:
        raise InputError(f"model: all steps of {model.name} share their parameters; use gradient_bound")
    parameters = tuple(unroll(model).sources)
    if not parameters:
        raise InputError(f"model: {model.name} has no parameters to take a gradient by")
    return _proved(model, parameters, norm_of(norm))

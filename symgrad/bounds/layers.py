"""Bounds on products of layers with parameters of their own: products over layers instead of powers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.bounds.gain import ball_power_norm
from symgrad.bounds.growth import ComparisonPower, Growth
from symgrad.bounds.series import Series, nonnegative_inverse
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.errors import InputError
from symgrad.language.layers import LayerInfimum, LayerSupremum, OrderedProduct, at_layer
from symgrad.language.norms import MinimumModulus, Norm, OperatorNorm
from symgrad.language.recurrence import Recurrence

__all__ = ["LayerProduct", "LayerSeries"]

_WRITTEN_OUT = 20  # layers up to here are written one by one, more as a product over an index
_MATRICES = 3  # matrices are multiplied out up to here


@dataclass(frozen=True)
class LayerProduct(Growth):
    """The product of the bounds on layers 1 ... k, from above or from below.

    Attributes:
        layer: the bound on one layer in the model's parameters: an expression, or for several states a gain matrix
            or, from below, a comparison matrix.
        norm: of the product.
        upper: whether it bounds from above.
        model: with a depth.
    """

    layer: Any
    norm: Norm
    upper: bool
    model: Recurrence

    @cached_property
    def content(self) -> Any:
        """The bound on layer l in the parameters of layer l."""
        return at_layer(self.layer, self.model.parameters, self.model.layer)

    @property
    def _is_matrix(self) -> bool:
        return isinstance(self.layer, sp.MatrixBase)

    @property
    def rate(self) -> sp.Expr:
        """The factor of layer l."""
        return self._guarded(self._norm(self.content)) if self._is_matrix else self.content

    @cached_property
    def holds_if(self) -> sp.Basic:
        """From below with several states: every layer's comparison matrix is a non-singular M-matrix."""
        if self.upper or not self._is_matrix:
            return sp.true
        conditions = sp.And.make_args(ComparisonPower(self.content, self.norm).holds_if)
        return sp.And(
            *(item if item in (sp.true, sp.false) else sp.Gt(self._least(item.lhs), 0) for item in conditions)
        )

    def _least(self, expr: sp.Expr) -> sp.Expr:
        return LayerInfimum(expr, self.model.layer, self.model.depth)

    def _norm(self, matrix: Any) -> sp.Expr:
        return OperatorNorm(matrix, self.norm.p) if self.upper else MinimumModulus(matrix, self.norm.p)

    def _guarded(self, value: sp.Expr) -> sp.Expr:
        return value if self.holds_if == sp.true else sp.Piecewise((value, self.holds_if), (sp.S.Zero, True))

    def expr(self, k: sp.Expr) -> sp.Expr:
        """The bound on k layers, all that are counted by the symbol k."""
        if self._is_matrix:
            product = OrderedProduct(self.content, self.model.layer, k)
            return self._guarded(self._norm(product.doit() if k.is_Integer and k <= _MATRICES else product))
        if self.model.layer not in self.content.free_symbols:
            return self.content**k
        product = sp.Product(self.content, (self.model.layer, 1, k))
        return product.doit() if k.is_Integer and k <= _WRITTEN_OUT else product

    def at(self, steps: int) -> sp.Expr:
        """The bound on the first layers.

        Raises:
            InputError: the model has fewer.
        """
        depth = self.model.depth
        if isinstance(depth, sp.Integer) and steps > depth:
            raise InputError(f"k: model {self.model.name} has depth {depth}, got {steps}")
        return self.expr(sp.Integer(steps)) if steps else sp.S.One

    def compared(self, relation: Any) -> sp.Basic:
        """The relation between 1 and the largest factor of any layer (from below, the least)."""
        kind, depth = LayerSupremum if self.upper else LayerInfimum, self.model.depth
        extreme = kind(self._norm(self.content) if self._is_matrix else self.content, self.model.layer, depth)
        few = isinstance(depth, sp.Integer) and depth <= _WRITTEN_OUT and not self._is_matrix
        return sp.And(self.holds_if, relation(extreme.doit() if few else extreme, 1))

    def needed(self, relation: Any) -> sp.Basic:
        return self.compared(relation) if self.upper else sp.Or(sp.Not(self.holds_if), self.compared(relation))

    def times(self, factor: sp.Expr) -> LayerProduct:
        return replace(self, layer=self.layer * factor)

    def series(self, evaluator: BoundEvaluator) -> Series:
        """The bound with the weights of each layer put in.

        Raises:
            InputError: from below, layers of different widths.
        """
        weights: Any = evaluator.weights
        if not self.upper and weights.widths is not None:
            raise InputError(f"weights: a lower bound needs layers of one width, got widths {weights.widths}")
        return LayerSeries(self.layer, self.norm, self.upper, [BoundEvaluator(layer) for layer in weights.layers])


class LayerSeries(Series):
    """The product over layers in balls.

    Args:
        layer: the bound on one layer in the model's parameters, an expression or a matrix.
        norm: of the product.
        upper: whether it bounds from above.
        evaluators: the parameters of each layer.
    """

    def __init__(self, layer: Any, norm: Norm, upper: bool, evaluators: Sequence[BoundEvaluator]) -> None:
        self._matrix = layer if isinstance(layer, sp.MatrixBase) else sp.ImmutableDenseMatrix([[layer]])
        self._is_matrix, self._norm, self._upper = isinstance(layer, sp.MatrixBase), norm, upper
        self._evaluators = evaluators
        self._products: list[Any] = []

    def at(self, k: int) -> arb:
        """A ball around the bound on the first k layers.

        Raises:
            InputError: there are fewer.
        """
        if k > len(self._evaluators):
            raise InputError(f"k: the weights have {len(self._evaluators)} layers, got {k}")
        while len(self._products) < k:
            self._products.append(self._next())
        if k == 0:
            return arb(1)
        product = self._products[k - 1]
        if product is None:
            return arb(0)
        found = ball_power_norm(product, 1, self._norm.p)
        return found if self._upper or not self._is_matrix else 1 / found

    def _next(self) -> Any:
        """The product with one more layer; from below, of inverses, and None where one of them is not known."""
        factor = self._factor(self._evaluators[len(self._products)].matrix(self._matrix))
        if not self._products:
            return factor
        before = self._products[-1]
        if factor is None or before is None:
            return None
        return before * factor if self._is_matrix and not self._upper else factor * before

    def _factor(self, matrix: Any) -> Any:
        if self._is_matrix and not self._upper:
            return nonnegative_inverse(matrix)
        entries = [entry if entry > 0 else entry.nonnegative_part() for entry in matrix.entries()]
        return arb_mat(matrix.nrows(), matrix.ncols(), entries)

    def horizon(self, threshold: arb, limit: int) -> int | None:
        """From above the least number of layers from which on the bound stays small enough, None if it never does.

        From below the largest number up to which it stays large enough.
        """
        counts = range(len(self._evaluators) + 1)
        if self._upper:
            above = [k for k in counts if not self.at(k) <= threshold]
            return None if above[-1:] == [counts[-1]] else (above[-1] + 1 if above else 0)
        fails = next((k for k in counts if not self.at(k) >= threshold), None)
        return counts[-1] if fails is None else max(fails - 1, 0)

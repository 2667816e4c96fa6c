"""The value of a bound over layers where each layer has random parameters of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from flint import arb

from symgrad.bounds.gain import ball_power_norm
from symgrad.bounds.inequality import ComparisonOf, Inequality, ProductNorm
from symgrad.bounds.layers import LayerSeries
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.language.layers import LayerMatrix, LayerScalar, OrderedProduct
from symgrad.language.norms import OperatorNorm
from symgrad.language.weights import Weights

__all__ = ["layer_limit"]


def layer_limit(inequality: Inequality, layers: Sequence[BoundEvaluator]) -> arb:
    """A ball around a stated bound on as many layers as there are evaluators.

    Where the bound is stated for another number of layers, it is computed from the premise, as are inverses of
    matrices, which are not stated entry by entry.
    """
    quantity: Any = inequality.quantity
    premise, steps, count = inequality.premises[0], quantity.k, sp.Integer(len(layers))
    if inequality.bound.is_zero:
        return arb(0)
    if isinstance(premise.quantity, ComparisonOf) or (steps.is_Integer and steps != count):
        return LayerSeries(premise.bound, quantity.norm, isinstance(quantity, ProductNorm), layers).at(len(layers))
    return _stated(inequality.bound.xreplace({steps: count}), layers)


def _stated(bound: sp.Expr, layers: Sequence[BoundEvaluator]) -> arb:
    """A ball around an expression in the parameters of layers, for which symbols are put in."""
    is_norm = isinstance(bound, OperatorNorm) and isinstance(bound.matrix, (OrderedProduct, sp.MatrixBase))
    subject = (bound.matrix if is_norm else bound).doit()
    places = {atom: _place(atom) for atom in sorted(subject.atoms(LayerMatrix, LayerScalar), key=str)}
    values = {place: layers[int(atom.index) - 1].weights.values[atom.symbol] for atom, place in places.items()}
    evaluator = BoundEvaluator(Weights(values, layers[0].weights.sizes))
    flat = subject.xreplace(places)
    return ball_power_norm(evaluator.matrix(flat), 1, bound.p) if is_norm else evaluator.ball(flat)


def _place(atom: LayerMatrix | LayerScalar) -> sp.Expr:
    if isinstance(atom, LayerScalar):
        return sp.Dummy(str(atom), **atom.symbol.assumptions0)
    return sp.MatrixSymbol(str(atom), *atom.shape)

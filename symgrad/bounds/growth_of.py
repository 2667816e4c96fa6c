"""How a proved bound on products depends on the number of factors."""

from __future__ import annotations

from symgrad.bounds.growth import ComparisonPower, GainPower, Growth, RatePower
from symgrad.bounds.inequality import BlockNorms, ComparisonOf, Inequality, OperatorNormOf, ProductNorm
from symgrad.bounds.invariant import InvariantBox
from symgrad.bounds.layers import LayerProduct
from symgrad.bounds.weighted_growth import BestPower, RefinedPower, UnitGrowth, certified_power
from symgrad.bounds.weighted_quantities import WeightedProductNorm
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence

__all__ = ["growth_of"]


def growth_of(inequality: Inequality, norm: Norm, model: Recurrence, box: InvariantBox | None) -> Growth:
    """How a proved bound on products depends on k: what its last rule raises to a power, or multiplies over layers."""
    if box is None:
        return _closed_growth(inequality, norm, model)
    match inequality.quantity:
        case WeightedProductNorm(_, _, _, "best"):
            kinds = {_kind(item): growth_of(item, norm, model, box) for item in inequality.premises if item.is_finite}
            return BestPower({name: item for name, item in kinds.items() if isinstance(item, UnitGrowth)}, norm, box)
        case WeightedProductNorm(_, k, _, kind):
            return certified_power(kind, inequality.bound, k, norm, box)
    upper = isinstance(inequality.quantity, ProductNorm)
    return RefinedPower(_closed_growth(inequality, norm, model), norm, box, upper)


def _kind(inequality: Inequality) -> str:
    return inequality.quantity.kind if isinstance(inequality.quantity, WeightedProductNorm) else "range"


def _closed_growth(inequality: Inequality, norm: Norm, model: Recurrence) -> Growth:
    premise = inequality.premises[0]
    if model.depth is not None:
        return LayerProduct(premise.bound, norm, isinstance(inequality.quantity, ProductNorm), model)
    match premise.quantity:
        case BlockNorms():
            return GainPower(premise.bound, norm)
        case ComparisonOf():
            return ComparisonPower(premise.bound, norm)
    return RatePower(premise.bound, norm, isinstance(premise.quantity, OperatorNormOf))

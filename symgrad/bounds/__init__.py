"""Bounds: theorems as rules, one engine that applies them, and the closed-form bounds that follow."""

from symgrad.bounds import (
    declared_rules,
    flow_growth_rules,
    flow_rules,
    layer_rules,
    lower_rules,
    parameter_rules,
    range_rules,
    rules,
    weighted_gradient_rules,
    weighted_rules,
)
from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.gradient import GradientBound, gradient_bound
from symgrad.bounds.product import Bound, product_bound

__all__ = [
    "Bound",
    "BoundValue",
    "GradientBound",
    "declared_rules",
    "flow_growth_rules",
    "flow_rules",
    "gradient_bound",
    "layer_rules",
    "lower_rules",
    "parameter_rules",
    "product_bound",
    "range_rules",
    "rules",
    "weighted_gradient_rules",
    "weighted_rules",
]

"""Bounds: theorems as rules, one engine that applies them, and the closed-form bounds that follow."""

from symgrad.bounds import declared_rules, layer_rules, lower_rules, range_rules, rules
from symgrad.bounds.product import Bound, BoundValue, product_bound

__all__ = [
    "Bound",
    "BoundValue",
    "declared_rules",
    "layer_rules",
    "lower_rules",
    "product_bound",
    "range_rules",
    "rules",
]

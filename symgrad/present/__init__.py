"""Presentation: LaTeX, plain text and JSON-safe data of models, Jacobians, bounds, proofs and checks."""

from symgrad.present import checks, closed_bounds, derivatives, equations, expressions, gradients, proofs, unrolled
from symgrad.present.checks import check_table
from symgrad.present.dispatch import latex, text, to_dict

__all__ = [
    "check_table",
    "checks",
    "closed_bounds",
    "derivatives",
    "equations",
    "expressions",
    "gradients",
    "latex",
    "proofs",
    "text",
    "to_dict",
    "unrolled",
]

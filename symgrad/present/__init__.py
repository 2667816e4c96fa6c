"""Presentation: LaTeX, plain text and JSON-safe data of models, Jacobians, bounds, proofs and checks."""

from symgrad.present import (
    checks,
    closed_bounds,
    derivatives,
    equations,
    expressions,
    gradients,
    plots,
    proof_pages,
    proofs,
    tables,
    unrolled,
)
from symgrad.present.checks import check_table
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.documents import document

__all__ = [
    "check_table",
    "checks",
    "closed_bounds",
    "derivatives",
    "document",
    "equations",
    "expressions",
    "gradients",
    "latex",
    "plot",
    "plots",
    "proof_pages",
    "proofs",
    "tables",
    "text",
    "to_dict",
    "unrolled",
]

"""Presentation: LaTeX, plain text and JSON-safe data of models, Jacobians, bounds, proofs and checks."""

from symgrad.present import (
    boxes,
    certificates,
    checks,
    claims,
    closed_bounds,
    counterexamples,
    derivatives,
    equations,
    expressions,
    flows,
    gradients,
    plots,
    proof_pages,
    proofs,
    rates,
    tables,
    teacher,
    trajectory_bounds,
    unrolled,
)
from symgrad.present.checks import check_table
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.documents import document
from symgrad.present.teacher import with_numbers

__all__ = [
    "boxes",
    "certificates",
    "check_table",
    "checks",
    "claims",
    "closed_bounds",
    "counterexamples",
    "derivatives",
    "document",
    "equations",
    "expressions",
    "flows",
    "gradients",
    "latex",
    "plot",
    "plots",
    "proof_pages",
    "proofs",
    "rates",
    "tables",
    "teacher",
    "text",
    "to_dict",
    "trajectory_bounds",
    "unrolled",
    "with_numbers",
]

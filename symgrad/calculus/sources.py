"""Derivatives by all parameters side by side, sorted by what they have in common on the left."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symgrad.language.norms import NORMS, Norm, OperatorNorm
from symgrad.language.operators import Kronecker, Operator, Vector, Zero
from symgrad.language.to_sympy import operator_to_sympy, vector_to_sympy

__all__ = ["common_factors", "pointwise_norm"]


def common_factors(entries: Sequence[Operator]) -> dict[Operator, list[Vector | None]]:
    """Operators ``v^T (x) A`` and A sorted by A: for each A the vectors v, None for A itself; zeros are left out.

    A Kronecker product with a mask is sorted under itself.

    >>> import symgrad as sg
    >>> model = sg.models.sigmoid_rnn()
    >>> ((factor, vectors),) = common_factors([row for (row,) in sg.unroll(model).sources.values()]).items()
    >>> type(factor).__name__, [None if v is None else type(v).__name__ for v in vectors]
    ('Identity', ['Variable', 'Elementwise', None])
    """
    found: dict[Operator, list[Vector | None]] = {}
    for entry in entries:
        if isinstance(entry, Kronecker) and entry.mask is None:
            found.setdefault(entry.outer, []).append(entry.vector)
        elif not isinstance(entry, Zero):
            found.setdefault(entry, []).append(None)
    return found


def pointwise_norm(entries: Sequence[Operator], norm: Norm) -> sp.Expr | None:
    """The operator norm of ``[B_1 ... B_m]`` at one state and input; None where no closed form is known.

    With one common factor it is ``||A||_p ||(v_1, ..., v_m)||_q`` where ``1/p + 1/q = 1``, since the row is
    ``(v_1, ..., v_m)^T (x) A``; for p = 1 it is the largest over all factors.

    Source: Horn and Johnson, Topics in Matrix Analysis 1991, thm. 4.2.15 (p = 2; the other norms by their definition).
    """
    groups = common_factors(entries)
    if any(isinstance(factor, Kronecker) for factor in groups) or (len(groups) > 1 and norm.p != 1):
        return None
    dual = NORMS[norm.dual]
    sizes = [
        _norm(factor, norm) * dual.of_vector([_length(v, dual) for v in group]) for factor, group in groups.items()
    ]
    return norm_of_parts(sizes, norm)


def norm_of_parts(sizes: list[sp.Expr], norm: Norm) -> sp.Expr:
    """A bound on ``||[C_1 ... C_r]||_p`` by the norms of its parts: their dual norm; exact for p = 1."""
    return NORMS[norm.dual].of_vector(sizes) if sizes else sp.S.Zero


def _norm(factor: Operator, norm: Norm) -> sp.Expr:
    written = operator_to_sympy(factor)
    return OperatorNorm(written, norm.p) if isinstance(written, (sp.MatrixExpr, sp.MatrixBase)) else sp.Abs(written)


def _length(vector: Vector | None, norm: Norm) -> sp.Expr:
    if vector is None:
        return sp.S.One
    written = vector_to_sympy(vector)
    return OperatorNorm(written, norm.p) if isinstance(written, (sp.MatrixExpr, sp.MatrixBase)) else sp.Abs(written)

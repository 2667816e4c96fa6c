"""The corners of a box of ranges, where an affine function takes its extreme values."""

from __future__ import annotations

import sympy as sp

from symgrad.bounds.inequality import EntryRange, Inequality, Lacking, Prove
from symgrad.calculus.structure import affine_terms
from symgrad.language.operators import Vector

__all__ = ["affine_corners"]


def affine_corners(vector: Vector, prove: Prove) -> tuple[list[sp.Expr], tuple[Inequality, ...]] | Lacking:
    """The values of ``a + sum_i c_i v_i`` at the corners of the ranges of the ``v_i``, and those ranges.

    For coefficients with symbols only: with numbers the arithmetic of ranges gives the same in fewer words.
    """
    terms = affine_terms(vector)
    constant = terms.pop(None, sp.S.Zero)
    if all(c.is_number for c in (constant, *terms.values())) or len(terms) > 2 or (constant == 0 and len(terms) == 1):
        return Lacking("its entries are no sum with symbolic coefficients of at most two vectors")
    premises = tuple(prove(EntryRange(base)) for base in terms if base is not None)
    if not all(premise.is_finite for premise in premises):
        return Lacking("a range is infinite")
    corners: list[sp.Expr] = [constant]
    for coefficient, premise in zip(terms.values(), premises, strict=True):
        corners = [corner + coefficient * end for corner in corners for end in premise.bound]
    return corners, premises

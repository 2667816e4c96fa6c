"""Eigenvalues and singular values of matrices written out: closed forms where they are short, numbers at any precision.

Norms of symbolic matrices stay symbols (:mod:`symgrad.language.norms`); here is what they come to on entries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import flint
import mpmath
import sympy as sp

from symgrad.rigor.balls import working_precision

__all__ = ["closed_eigenvalues", "eigenvalue_moduli", "extreme", "gram", "singular_values"]

_GUARD_BITS = 32
_DOUBLINGS = 6


def gram(matrix: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
    """The smaller one of ``A A*`` and ``A* A``, whose eigenvalues are the squares of the singular values.

    >>> gram(sp.ImmutableMatrix([[3, 4]]))
    Matrix([[25]])
    """
    return matrix * matrix.H if matrix.rows < matrix.cols else matrix.H * matrix


def closed_eigenvalues(matrix: sp.ImmutableDenseMatrix) -> list[sp.Expr] | None:
    """The distinct eigenvalues in closed form, or None where that would be long or does not exist.

    Rational entries give radicals or isolated real roots of polynomials (SymPy's ``CRootOf``), all
    others what square roots reach.

    >>> closed_eigenvalues(sp.ImmutableMatrix([[2, 1], [1, 2]]))
    [1, 3]
    """
    variable = sp.Dummy("x")
    polynomial = matrix.charpoly()
    expression = polynomial.as_expr().xreplace({polynomial.gen: variable})
    if not all(entry.is_Rational for entry in matrix):
        return _radicals(sp.Poly(expression, variable))
    found: list[sp.Expr] = []
    for factor, _ in sp.factor_list(expression, variable)[1]:
        roots = _roots_of_irreducible(sp.Poly(factor, variable))
        if roots is None:
            return None
        found += roots
    return sorted(found, key=sp.default_sort_key)


def _radicals(polynomial: sp.Poly) -> list[sp.Expr] | None:
    roots = sp.roots(polynomial, cubics=False, quartics=False)
    return list(roots) if sum(roots.values()) == polynomial.degree() else None


def _roots_of_irreducible(factor: sp.Poly) -> list[sp.Expr] | None:
    short = _radicals(factor)
    if short is not None:
        return short
    return list(factor.real_roots()) if factor.count_roots() == factor.degree() else None


def extreme(values: list[sp.Expr], direction: int) -> sp.Expr:
    """The largest (direction 1) or smallest (-1) of real values; of numbers by comparing them, else SymPy's Max or Min.

    >>> extreme([sp.sqrt(2), sp.Rational(3, 2)], 1)
    3/2
    """
    if not all(value.is_number for value in values):
        return sp.Max(*values) if direction > 0 else sp.Min(*values)
    return reduce(lambda best, value: value if sp.re(direction * (value - best)).evalf(4) > 0 else best, values)


def singular_values(matrix: sp.ImmutableDenseMatrix, bits: int) -> list[sp.Expr]:
    """All singular values of a matrix of numbers in ascending order, to ``bits`` binary digits.

    >>> [round(float(s), 6) for s in singular_values(sp.ImmutableMatrix([[sp.pi, 0], [0, -2]]), 53)]
    [2.0, 3.141593]
    """
    if _is_rational(matrix):
        with working_precision(2 * bits + _GUARD_BITS):
            roots = _roots_of_charpoly(gram(matrix.applyfunc(sp.Rational)))
            return sorted(_float(abs(root.real).sqrt(), bits) for root in roots)
    return _converged(matrix, bits, lambda numbers: list(mpmath.svd_c(numbers, compute_uv=False)))


def eigenvalue_moduli(matrix: sp.ImmutableDenseMatrix, bits: int) -> list[sp.Expr]:
    """The moduli of all eigenvalues of a matrix of numbers in ascending order, to ``bits`` binary digits.

    >>> [float(r) for r in eigenvalue_moduli(sp.ImmutableMatrix([[0, -4], [1, 0]]), 53)]
    [2.0, 2.0]
    """
    if _is_rational(matrix):
        with working_precision(bits + _GUARD_BITS):
            return sorted(_float(abs(root), bits) for root in _roots_of_charpoly(matrix))
    return _converged(matrix, bits, lambda numbers: list(map(abs, mpmath.eig(numbers)[0])))


def _is_rational(matrix: sp.ImmutableDenseMatrix) -> bool:
    return all(entry.is_Rational or entry.is_Float for entry in matrix)


def _roots_of_charpoly(matrix: sp.ImmutableDenseMatrix) -> list[flint.acb]:
    """The roots with repetition as balls; isolated by exact arithmetic, so that multiple ones are no less accurate."""
    exact = [sp.Rational(entry) for entry in matrix]
    numbers = flint.fmpq_mat(matrix.rows, matrix.cols, [flint.fmpq(int(e.p), int(e.q)) for e in exact])
    roots = numbers.charpoly().complex_roots()
    return [flint.acb(root) for root, multiplicity in roots for _ in range(multiplicity)]


def _float(ball: flint.arb, bits: int) -> sp.Float:
    mantissa, exponent = ball.mid().man_exp()
    return sp.Float(sp.Integer(int(mantissa)) * sp.Integer(2) ** int(exponent), precision=bits)


def _converged(
    matrix: sp.ImmutableDenseMatrix, bits: int, compute: Callable[[mpmath.matrix], list[mpmath.mpf]]
) -> list[sp.Expr]:
    """Compute with more and more digits until two results agree; what is lost to conditioning is not known before."""
    before: list[mpmath.mpf] = []
    now: list[mpmath.mpf] = []
    for doubling in range(_DOUBLINGS):
        with mpmath.workprec((bits + _GUARD_BITS) * 2**doubling):
            before, now = now, sorted(compute(_to_mpmath(matrix)))
            if _agree(before, now, bits):
                break
    return [sp.Float(value, precision=bits) for value in now]


def _to_mpmath(matrix: sp.ImmutableDenseMatrix) -> mpmath.matrix:
    digits = mpmath.mp.dps + 3
    parts = [sp.N(entry, digits).as_real_imag() for entry in matrix]
    numbers = [mpmath.mpc(*(mpmath.mpf(sp.Float(part, digits)) for part in pair)) for pair in parts]
    return mpmath.matrix([numbers[i * matrix.cols : (i + 1) * matrix.cols] for i in range(matrix.rows)])


def _agree(before: list[mpmath.mpf], now: list[mpmath.mpf], bits: int) -> bool:
    """Whether all values are the same to ``bits`` digits, or vanish beside the largest one to twice as many."""
    unit = mpmath.mpf(2) ** -bits
    floor = unit * now[-1]
    return len(before) == len(now) and all(
        abs(old - new) <= unit * max(new, floor) for old, new in zip(before, now, strict=True)
    )

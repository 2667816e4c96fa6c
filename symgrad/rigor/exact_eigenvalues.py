"""Eigenvalues of a small exact matrix from its characteristic polynomial in rational numbers."""

from __future__ import annotations

from typing import Any

from flint import acb, arb, fmpq, fmpq_mat, fmpz, fmpz_poly

from symgrad.rigor.balls import working_precision

__all__ = ["exact_eigenvalues"]

_BITS = 160
_SIZE = 16  # the largest matrix whose characteristic polynomial is computed in rational numbers
_SPREAD = 256  # the widest range of its entries, in bits


def exact_eigenvalues(matrix: Any) -> list[acb] | None:
    """Balls around all eigenvalues of an exact ``arb_mat``, each as often as it occurs; None for other matrices.

    None also for a matrix of more than 16 rows or with entries of very different sizes.

    >>> from flint import arb_mat
    >>> [float(value.real.mid()) for value in exact_eigenvalues(arb_mat([[8, -16], [4, -8]]))]
    [0.0, 0.0]
    """
    if matrix.nrows() > _SIZE or not all(entry.is_exact() for entry in matrix.entries()):
        return None
    pairs = [entry.man_exp() for entry in matrix.entries()]
    exponents = [int(exponent) for mantissa, exponent in pairs if mantissa]
    low, high = min(exponents, default=0), max(exponents, default=0)
    if high - low > _SPREAD:
        return None
    whole = [fmpq(mantissa * fmpz(2) ** (int(exponent) - low) if mantissa else 0) for mantissa, exponent in pairs]
    polynomial = fmpq_mat(matrix.nrows(), matrix.nrows(), whole).charpoly()
    with working_precision(_BITS):
        roots = fmpz_poly([int(c.p) for c in polynomial.coeffs()]).complex_roots()
        scale = arb((1, low))
        return [acb(root) * scale for root, count in roots for _ in range(int(count))]

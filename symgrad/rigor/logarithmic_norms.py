"""Logarithmic norms of float64 matrices, enclosed in spite of rounding."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.rigor.array_input import checked_matrix, checked_radius
from symgrad.rigor.matrix_norms import NormEnclosure, NormIndex, operator_norm

__all__ = ["logarithmic_norm"]

Array = NDArray[np.float64]

_HUGE = 2.0**1000  # beyond, sums of entries may overflow


def logarithmic_norm(matrix: object, p: NormIndex = 2, *, radius: object = None) -> NormEnclosure:
    """Bounds of mu_p(A): p = 1 over columns, inf over rows, 2 the largest eigenvalue of ``(A + A^T) / 2``.

    Args:
        matrix: square, finite real entries, taken as exact. Without entries the result is minus infinity, the
            greatest element of the empty set.
        p: 1, 2 or inf.
        radius: entries >= 0, same shape: the bounds then hold for every matrix within ``radius`` of ``matrix``.

    Returns:
        The enclosure, whose ends may be negative; narrow to an ulp for sums, to about 1e-14 times the norm for p = 2.

    Raises:
        InputError: a matrix, radius or p that is not accepted.

    Source: Soederlind 2006, *The logarithmic norm: history and modern theory*, BIT 46.

    >>> logarithmic_norm([[-3.0, 1.0], [0.0, -2.0]], 1)
    NormEnclosure(lower=-1.0, upper=-1.0, method='sums')
    >>> found = logarithmic_norm([[0.0, 2.0], [1.0, 0.0]])
    >>> found.lower <= 1.5 <= found.upper < 1.5 + 1e-14
    True
    """
    values = checked_matrix(matrix)
    if values.shape[0] != values.shape[1]:
        raise InputError(f"matrix: the logarithmic norm needs a square matrix, got shape {values.shape}")
    spread = checked_radius(radius, (values.shape[0], values.shape[1]))
    if isinstance(p, (bool, np.ndarray)) or p not in (1, 2, math.inf):
        raise InputError(f"p: {p!r} was given; accepted are 1, 2 and inf")
    if not values.size:
        return NormEnclosure(-math.inf, -math.inf, "empty")
    if p == 2:
        return _two(values, spread)
    return _sums(values, spread) if p == math.inf else _sums(values.T, None if spread is None else spread.T)


def _sums(values: Array, radius: Array | None) -> NormEnclosure:
    """The largest entry of the diagonal plus the moduli of the others in its row."""
    size = np.abs(values)
    np.fill_diagonal(size, np.diag(values))
    if radius is None:
        pairs = [_exact_sum(row) for row in size.tolist()]
        return NormEnclosure(max(low for low, _ in pairs), max(high for _, high in pairs), "sums")
    on_diagonal = np.eye(len(values), dtype=bool)
    above = [_exact_sum([*row, *extra])[1] for row, extra in zip(size.tolist(), radius.tolist(), strict=True)]
    kept = on_diagonal | (size > radius)
    below = [_exact_sum([*row[keep], *-extra[keep]])[0] for row, extra, keep in zip(size, radius, kept, strict=True)]
    return NormEnclosure(max(below), max(above), "sums")


def _exact_sum(terms: list[float]) -> tuple[float, float]:
    """Floats below and above a sum, both equal to it where it is a float."""
    try:
        total = math.fsum(terms)
        error = math.fsum([*terms, -total])
    except OverflowError:  # in an intermediate sum: nothing is known
        return -math.inf, math.inf
    return (total if error >= 0 else math.nextafter(total, -math.inf)), (
        total if error <= 0 else math.nextafter(total, math.inf)
    )


def _two(values: Array, radius: Array | None) -> NormEnclosure:
    """Half the largest eigenvalue of ``S = A + A^T``: between diagonal and row sums, and from ``||S + c I||_2 - c``."""
    if max(np.abs(values).max(), 0.0 if radius is None else radius.max()) > _HUGE:
        return NormEnclosure(-math.inf, math.inf, "sums")
    doubled, spread = _sum(values, values.T)
    if radius is not None:
        spread = _up(spread + _up(radius + radius.T))
    exact = not spread.any()
    upper = _sums(doubled, None if exact else spread).upper
    lower = float((np.diag(doubled) if exact else np.nextafter(np.diag(doubled - spread), -np.inf)).max())
    method = "sums"
    if lower < upper:
        shifted = _shifted(doubled, spread)
        lower, upper, method = max(lower, shifted.lower), min(upper, shifted.upper), shifted.method
    return NormEnclosure(_halved(lower, -math.inf), _halved(upper, math.inf), method)


def _shifted(doubled: Array, spread: Array) -> NormEnclosure:
    """The largest eigenvalue of a symmetric matrix S, as ``||S + c I||_2 - c`` with c at least ``||S||_2``."""
    size = _sums(np.abs(doubled), spread).upper
    shift = 2.0 * 2.0 ** math.ceil(math.log2(size))  # twice, as the logarithm is rounded
    diagonal, error = _sum(np.diag(doubled), np.full(len(doubled), shift))
    moved, extra = doubled.copy(), spread.copy()
    np.fill_diagonal(moved, diagonal)
    np.fill_diagonal(extra, _up(np.diag(spread) + error))
    found = operator_norm(moved, 2, radius=extra if extra.any() else None)
    total, rounded = _sum(np.array([found.lower, found.upper]), np.full(2, -shift))
    lower, upper = np.nextafter(total[0] - rounded[0], -np.inf), np.nextafter(total[1] + rounded[1], np.inf)
    return NormEnclosure(float(lower), float(upper), found.method)


def _sum(left: Array, right: Array) -> tuple[Array, Array]:
    """The rounded sum, and the modulus of its error, which is exact: Knuth's two-sum."""
    total = left + right
    part = total - left
    return total, np.abs((left - (total - part)) + (right - part))


def _up(values: Array) -> Array:
    """The next floats above sums of non-negative numbers that were rounded to nearest; zeros are exact."""
    return np.where(values > 0, np.nextafter(values, np.inf), values)


def _halved(value: float, direction: float) -> float:
    """Half a float; where that underflows, the next one in a direction."""
    half = value / 2
    return half if half * 2 == value else math.nextafter(half, direction)

"""Certified bounds of the spectral radius of a real matrix, symmetric or not, diagonalisable or defective."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import islice
from typing import Any

import numpy as np
from flint import acb_mat, arb, arb_mat

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.eigenvalues import enclosed_eigenvalue
from symgrad.rigor.exact_eigenvalues import exact_eigenvalues
from symgrad.rigor.matrix_balls import midpoints, point_matrix

__all__ = ["spectral_radius_above", "spectral_radius_bounds"]

_BITS = (160, 448)  # precisions at which eigenvalues are tried
_POWER_BITS = 256
_SQUARINGS = 40  # matrices are raised to the power 2^40 at most
_ACCURATE = 40  # bits of one eigenvalue that are enough
_NARROW = arb((1, -40))  # relative width of bounds that are good enough
_ITERATIONS = 200

Bounds = tuple[arb, arb]


def spectral_radius_bounds(matrix: Any) -> Bounds:
    """Bounds of the largest modulus of an eigenvalue, for every matrix within an ``arb_mat``.

    Eigenvalues are enclosed where they can be told apart, or from the exact characteristic polynomial of a small exact
    matrix. Otherwise rho <= ||A^k||^(1/k) and rho^k >= |tr A^k| / n with k a power of two, and the quotients of Collatz
    and Wielandt where no entry is negative (R. A. Horn, C. R. Johnson, *Matrix Analysis*, 2nd ed., 5.6.14 and 8.1.26).

    Args:
        matrix: n by n ``arb_mat``; up to n = 64 or so within a second.

    Returns:
        Two exact numbers, lower <= rho <= upper. They agree to many digits unless the entries are wide; the lower one
        of a large nilpotent matrix is 0 and the upper one small.

    Raises:
        InputError: no ``arb_mat``, not square, or an entry that is not finite.

    >>> low, high = spectral_radius_bounds(arb_mat([[1, 1], [1, 0]]))
    >>> bool(low**2 - low - 1 <= 1e-12), bool(high - low < 1e-30)  # the golden ratio
    (True, True)
    >>> spectral_radius_bounds(arb_mat([[8, -16], [4, -8]]))
    (0, 0)
    """
    _checked(matrix)
    if _vanishes(matrix):
        return arb(0), arb(0)
    best = arb(0), _largest_sum(matrix)
    for method in (_from_eigenvalues, _from_polynomial, _from_quotients, _from_powers):
        best = reduce(_tighter, method(matrix), best)
        if best[1] - best[0] <= _NARROW * best[1]:
            break
    return best


def spectral_radius_above(matrix: Any) -> arb:
    """An exact lower bound of the spectral radius of every matrix within an ``arb_mat``: the lower one of the bounds.

    The dominant eigenvalue alone is enclosed if that is possible, which takes a fraction of the time.

    Raises:
        InputError: as for :func:`spectral_radius_bounds`.

    >>> bool(spectral_radius_above(arb_mat([[0, 2], [2, 0]])) > 1.999)
    True
    """
    _checked(matrix)
    array = midpoints(matrix)
    if array.size and np.isfinite(array).all():
        values, vectors = np.linalg.eig(array)
        place = int(np.argmax(np.abs(values)))
        with working_precision(_BITS[0]):
            found = enclosed_eigenvalue(matrix, complex(values[place]), vectors[:, place])
            if found is not None and found.rel_accuracy_bits() > _ACCURATE:
                return abs(found).abs_lower()
    return spectral_radius_bounds(matrix)[0]


def _checked(matrix: Any) -> None:
    if not isinstance(matrix, arb_mat):
        raise InputError(f"matrix: an arb_mat is needed, not {type(matrix).__name__}")
    if matrix.nrows() != matrix.ncols():
        raise InputError(f"matrix: a square one is needed, not {matrix.nrows()} by {matrix.ncols()}")
    if not all(entry.is_finite() for entry in matrix.entries()):
        raise InputError("matrix: an entry that is not finite was given")


def _tighter(one: Bounds, other: Bounds) -> Bounds:
    """The better ends of two pairs; an end that is not a number is left out."""
    low = other[0] if other[0] > one[0] else one[0]
    high = other[1] if other[1] < one[1] else one[1]
    return low, high


def _largest_sum(matrix: Any) -> arb:
    """An upper bound of the norm with p = 1 or inf, whichever is smaller."""
    sums = [_row_sums(matrix), _row_sums(matrix.transpose())]
    return arb(min(sums, key=float))


def _row_sums(matrix: Any) -> arb:
    rows = [sum((abs(entry) for entry in row), arb(0)).upper() for row in matrix.tolist()]
    return reduce(lambda a, b: b if b > a else a, rows, arb(0))


def _ends(moduli: list[arb]) -> Bounds:
    """Bounds of the largest of some numbers that are given by balls."""
    lows, highs = [m.abs_lower() for m in moduli], [m.upper() for m in moduli]
    return reduce(lambda a, b: b if b > a else a, lows), reduce(lambda a, b: b if b > a else a, highs)


def _from_eigenvalues(matrix: Any) -> Iterator[Bounds]:
    """Bounds from enclosures of all eigenvalues, if they can be told apart."""
    for bits in _BITS:
        with working_precision(bits):
            try:
                values = acb_mat(matrix).eig(algorithm="vdhoeven_mourrain")
            except ValueError:
                if not _is_exact(matrix):  # more digits do not help
                    return
                continue
            yield _ends([abs(value) for value in values])
            return


def _vanishes(matrix: Any) -> bool:
    """Whether every entry is exactly zero."""
    return all(entry == 0 for entry in matrix.entries())


def _is_exact(matrix: Any) -> bool:
    return all(entry.is_exact() for entry in matrix.entries())


def _from_polynomial(matrix: Any) -> Iterator[Bounds]:
    """Bounds from the roots of the exact characteristic polynomial of a small exact matrix."""
    values = exact_eigenvalues(matrix)
    if values is not None:
        with working_precision(_BITS[0]):
            yield _ends([abs(value) for value in values])


def _from_quotients(matrix: Any) -> Iterator[Bounds]:
    """For v > 0 and A >= 0: min (A v)_i / v_i <= rho(A) <= max (A v)_i / v_i; else the upper half, for |A|."""
    signed = any(not entry >= 0 for entry in matrix.entries())
    size = matrix.nrows()
    positive = arb_mat(size, size, [abs(entry) for entry in matrix.entries()])
    vector = _perron_vector(positive)
    if vector is None:
        return
    with working_precision(_BITS[0]):
        image = positive * point_matrix(vector[:, None])
        quotients = [y / arb(float(x)) for x, y in zip(vector, image.entries(), strict=True)]
        low = reduce(lambda a, b: b if b < a else a, [q.lower() for q in quotients])
        yield (arb(0) if signed else low), _ends(quotients)[1]


def _perron_vector(positive: Any) -> Any:
    """A positive float vector near the Perron vector of a matrix without negative entries; None on overflow."""
    size, array = positive.nrows(), midpoints(positive)
    largest = float(array.max())
    if not 0 < largest < np.inf:
        return None
    array = array / largest + (2.0**-60) / size  # positive, so that the iteration converges to a positive vector
    vector = np.full(size, 1.0)
    for _ in range(_ITERATIONS):
        image = array @ vector + vector  # the shift settles periodic matrices
        vector = image / image.max()
    return vector if vector.min() > 0 else None


def _from_powers(matrix: Any) -> Iterator[Bounds]:
    """The bounds rho <= ||A^k||^(1/k) and rho^k >= |tr A^k| / n for k = 1, 2, 4, ... as long as A^k stays finite."""
    size = matrix.nrows()
    with working_precision(_POWER_BITS):
        for exponent, power in islice(_squares(matrix), _SQUARINGS + 1):
            trace = abs(sum((power[i, i] for i in range(size)), arb(0))).abs_lower() / size
            high = _root(_largest_sum(power), exponent).upper()
            yield (_root(trace, exponent).abs_lower() if trace > 0 else arb(0)), high


def _squares(matrix: Any) -> Iterator[tuple[int, Any]]:
    """The exponents j and powers A^(2^j), until they vanish or their enclosures blow up."""
    power, exponent = matrix, 0
    while all(entry.is_finite() for entry in power.entries()):
        yield exponent, power
        if _vanishes(power):
            return
        power, exponent = power * power, exponent + 1


def _root(number: arb, exponent: int) -> arb:
    """The 2^exponent-th root of a number that is not negative."""
    return number if exponent == 0 or number == 0 else (number.log() / 2**exponent).exp()

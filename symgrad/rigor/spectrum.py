"""All eigenvalues of a real matrix of balls, enclosed, also where several lie close together or coincide."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np
import scipy.linalg
from flint import acb, acb_mat, arb, arb_mat

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.exact_eigenvalues import exact_eigenvalues
from symgrad.rigor.matrix_balls import midpoints

__all__ = ["enclosed_spectrum", "largest_modulus", "largest_real_part"]

_BITS = 160
_ONE_BY_ONE = 24  # the largest matrix whose eigenvalues are isolated one by one
_SCALINGS = (0, 8, 16, 26, 40, 64, 100)  # powers of 1/2 by which one Schur vector is made shorter than the one before


def enclosed_spectrum(matrix: Any) -> tuple[acb, ...]:
    """Balls around all n eigenvalues, repeated ones as often as they occur, of every matrix in an ``arb_mat``.

    Eigenvalues that can be told apart get narrow balls of their own. Of others the discs of Gershgorin, for a similar
    matrix that is nearly triangular, are taken: each group of discs that touch holds as many eigenvalues as it has
    discs, and all of them get the hull of the group.

    Args:
        matrix: n by n, finite.

    Returns:
        The balls by descending modulus of their middles.

    Raises:
        InputError: no square ``arb_mat``, or an entry that is not finite.

    Source: J. van der Hoeven and B. Mourrain, Efficient certification of numeric solutions to eigenproblems, MACIS
    2017; R. A. Horn and C. R. Johnson, Matrix Analysis, 2nd ed., theorem 6.1.1.

    >>> [float(value.real.mid()) for value in enclosed_spectrum(arb_mat([[3, 1], [0, 3]]))]
    [3.0, 3.0]
    """
    _check(matrix)
    with working_precision(_BITS):
        found = exact_eigenvalues(matrix) or _isolated(matrix) or _in_discs(matrix)
        return tuple(sorted(found, key=lambda value: (-abs(complex(value.mid())), -complex(value.mid()).imag)))


def largest_modulus(values: tuple[acb, ...]) -> arb:
    """A ball around the largest modulus."""
    return reduce(lambda a, b: a.max(b), (abs(value) for value in values))


def largest_real_part(values: tuple[acb, ...]) -> arb:
    """A ball around the largest real part."""
    return reduce(lambda a, b: a.max(b), (value.real for value in values))


def _check(matrix: Any) -> None:
    if not isinstance(matrix, arb_mat) or matrix.nrows() != matrix.ncols() or not matrix.nrows():
        raise InputError(f"matrix: a square arb_mat is needed, got {type(matrix).__name__}")
    if not all(entry.is_finite() for entry in matrix.entries()):
        raise InputError("matrix: an entry that is not finite was given")


def _isolated(matrix: Any) -> list[acb] | None:
    """The eigenvalues one by one, where they can be told apart."""
    if matrix.nrows() > _ONE_BY_ONE:
        return None
    try:
        return list(acb_mat(matrix).eig(algorithm="vdhoeven_mourrain"))
    except ValueError:
        return None


def _in_discs(matrix: Any) -> list[acb]:
    """The narrowest discs of Gershgorin of some similar matrices; of the matrix itself if nothing else is found."""
    best = _hulls(_discs(acb_mat(matrix)))
    for similar in _similar(matrix):
        found = _hulls(_discs(similar))
        if sum((value.rad() for value in found), arb(0)) < sum((value.rad() for value in best), arb(0)):
            best = found
    return best


def _similar(matrix: Any) -> Iterator[Any]:
    """Matrices with the same eigenvalues: by eigenvectors, and by Schur vectors with shorter and shorter ones."""
    array, balls = midpoints(matrix), acb_mat(matrix)
    bases = [np.linalg.eig(array)[1]]
    if len(array) <= _ONE_BY_ONE:
        schur = scipy.linalg.schur(array, output="complex")[1]
        scalings = 0.5 ** np.outer(_SCALINGS, np.arange(len(array)))
        bases += [schur * scaling for scaling in scalings if scaling.min() > 0]
    for basis in bases:
        vectors = acb_mat([[acb(z.real, z.imag) for z in row] for row in basis.tolist()])
        try:
            found = vectors.solve(balls * vectors)
        except ZeroDivisionError:
            continue
        if all(entry.is_finite() for entry in found.entries()):
            yield found


def _discs(matrix: Any) -> list[tuple[acb, arb]]:
    """The middle and the radius of the disc of each row."""
    rows = matrix.tolist()
    return [(row[i], sum((abs(entry) for j, entry in enumerate(row) if j != i), arb(0))) for i, row in enumerate(rows)]


def _hulls(discs: list[tuple[acb, arb]]) -> list[acb]:
    """For each disc the hull of its group: those that it touches, directly or through others."""
    squares = [acb(c.real + arb(0, radius.upper()), c.imag + arb(0, radius.upper())) for c, radius in discs]
    groups: list[list[acb]] = []
    for square in squares:
        touching = [group for group in groups if any(square.overlaps(other) for other in group)]
        groups = [group for group in groups if not any(group is other for other in touching)]
        groups.append([square, *chain.from_iterable(touching)])
    return [reduce(lambda a, b: a.union(b), group) for group in groups for _ in group]

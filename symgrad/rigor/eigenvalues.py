"""One eigenvalue of a real matrix, enclosed together with its eigenvector."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat
from numpy.typing import NDArray

from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["enclosed_eigenpair", "enclosed_eigenvalue"]


def enclosed_eigenvalue(matrix: Any, value: complex, vector: NDArray[Any]) -> acb | None:
    """A ball around a simple eigenvalue of every matrix within an ``arb_mat``.

    The pair is a zero of ``A v - lambda v`` with one entry of v held fixed; that one exists is proved by the operator
    of Krawczyk (S. M. Rump, *Verification methods*, Acta Numerica 19 (2010), section 13.4).

    Args:
        matrix: n by n ``arb_mat``, narrow.
        value: about the eigenvalue.
        vector: (n,), about an eigenvector; not zero.

    Returns:
        The ball, real if ``value`` is; None where nothing is proved, as for a multiple eigenvalue.

    >>> import numpy as np
    >>> found = enclosed_eigenvalue(arb_mat([[1, 1], [1, 0]]), 1.618, np.array([1.618, 1.0]))
    >>> found.real.overlaps((1 + arb(5).sqrt()) / 2), found.imag == 0
    (True, True)
    """
    found = enclosed_eigenpair(matrix, value, vector)
    return None if found is None else acb(found[0])


def enclosed_eigenpair(matrix: Any, value: complex, vector: NDArray[Any]) -> tuple[Any, list[Any]] | None:
    """Balls around a simple eigenvalue and the entries of its eigenvector, the one of largest modulus being 1.

    Args:
        matrix: n by n ``arb_mat``, narrow.
        value: about the eigenvalue.
        vector: (n,), about an eigenvector; not zero.

    Returns:
        The eigenvalue and the entries, as ``arb`` if ``value`` is real and as ``acb`` otherwise; for every matrix
        within the given one the pair that lies in them is the only one. None where nothing is proved.

    >>> import numpy as np
    >>> value, entries = enclosed_eigenpair(arb_mat([[0, 4], [1, 0]]), 2.0, np.array([2.0, 1.0]))
    >>> value.contains(2), [entry.contains(exact) for entry, exact in zip(entries, (1, 0.5))]
    (True, [True, True])
    """
    complex_pair = bool(np.imag(value) != 0)
    kind, number = (acb_mat, acb) if complex_pair else (arb_mat, arb)
    balls, pivot = kind(matrix), int(np.argmax(np.abs(vector)))
    entries = [complex(entry) for entry in np.asarray(vector) / vector[pivot]]
    entries[pivot] = complex(value)
    column = [acb(z.real, z.imag) if complex_pair else arb(z.real) for z in entries]
    pair = _Pair(balls, kind, number, pivot)
    try:
        zero = krawczyk_zero(pair.residual, pair.derivative, kind(len(column), 1, column))
    except (ZeroDivisionError, ValueError):
        return None
    if zero is None:
        return None
    found = list(zero.entries())
    value_ball, found[pivot] = found[pivot], number(1)
    return value_ball, found


class _Pair:
    """The equations of an eigenvalue and its vector; the unknown eigenvalue stands in place of the vector's pivot."""

    def __init__(self, matrix: Any, kind: Any, number: Any, pivot: int) -> None:
        self.matrix, self.kind, self.number, self.pivot = matrix, kind, number, pivot
        self.size = matrix.nrows()

    def _parts(self, unknown: Any) -> tuple[list[Any], Any]:
        entries = list(unknown.entries())
        value, entries[self.pivot] = entries[self.pivot], self.number(1)
        return entries, value

    def residual(self, unknown: Any) -> Any:
        """A v - lambda v."""
        vector, value = self._parts(unknown)
        column = self.kind(self.size, 1, vector)
        return self.matrix * column - column * value

    def derivative(self, unknown: Any) -> Any:
        """A - lambda I, with -v as the column of the pivot."""
        vector, value = self._parts(unknown)
        rows = self.matrix.tolist()
        for i, row in enumerate(rows):
            row[i] = row[i] - value
            row[self.pivot] = -vector[i]
        return self.kind(rows)

"""Properties of weight matrices that a user may declare, and how far given numbers are from having them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray

from symgrad.errors import InputError

__all__ = [
    "PROPERTIES",
    "MatrixProperty",
    "check_properties",
    "diagonal",
    "exact_properties",
    "nonnegative",
    "orthogonal",
    "properties_of",
    "symmetric",
]

Array = NDArray[np.float64]
Held = Mapping[sp.Expr, "frozenset[MatrixProperty]"]

_ROUNDING = 2.0**-20  # of single precision, with room for the steps of an orthogonalisation


@dataclass(frozen=True)
class MatrixProperty:
    """A property of a matrix.

    Attributes:
        name: an adjective.
        latex: what it means, with ``#`` for the matrix.
        measure: what :meth:`distance` is, as text with ``#`` for the matrix.
        square: whether only square matrices can have it.
        tolerance: distances up to this, times the square root of the size, are taken for rounding errors. Bounds
            are then derived again without the property before numbers are put in, so that none is below the truth.
        measured: the distance as a function of an array.
        exact: whether an array has the property, decided without rounding.

    >>> import symgrad as sg
    >>> model = sg.models.elman().assuming({"W": sg.orthogonal})
    >>> sg.product_bound(model).rate
    1
    """

    name: str
    latex: str
    measure: str
    square: bool
    tolerance: float
    measured: Callable[[Array], float]
    exact: Callable[[Array], bool]

    def distance(self, matrix: Array) -> float:
        """How far an array is from having the property, in floats; 0 for one that has it.

        >>> orthogonal.distance(np.diag([1.0, -1.0])), diagonal.distance(np.array([[1.0, 3.0], [0.0, 2.0]]))
        (0.0, 3.0)
        """
        return self.measured(np.asarray(matrix, dtype=np.float64)) if np.size(matrix) else 0.0

    def accepted(self, matrix: Array) -> float:
        """The largest distance that is accepted for an array of this shape."""
        return self.tolerance * float(np.sqrt(len(matrix)))

    @property
    def relation(self) -> str:
        """The sign between the two sides of what it means in LaTeX."""
        return r"\ge" if r"\ge" in self.latex else "="

    def __str__(self) -> str:
        return self.name


def _gram_distance(matrix: Array) -> float:
    return float(np.linalg.norm(matrix.T @ matrix - np.eye(matrix.shape[1]), 2))


def _is_orthogonal(matrix: Array) -> bool:
    """Decided in rational arithmetic, which is asked only where floats see no difference at all."""
    if np.any(matrix.T @ matrix != np.eye(matrix.shape[1])):
        return False
    rows, columns = matrix.shape
    exact = fmpq_mat(rows, columns, [fmpq(*float(entry).as_integer_ratio()) for entry in matrix.ravel()])
    return bool(
        exact.transpose() * exact
        == fmpq_mat(columns, columns, [int(i == j) for i in range(columns) for j in range(columns)])
    )


def _off_diagonal(matrix: Array) -> float:
    return float(np.abs(matrix - np.diag(np.diag(matrix))).max())


orthogonal = MatrixProperty(
    "orthogonal", r"#^{T} # = I", "||#^T # - I||_2", True, _ROUNDING, _gram_distance, _is_orthogonal
)
symmetric = MatrixProperty(
    "symmetric",
    r"#^{T} = #",
    "max |# - #^T|",
    True,
    0.0,
    lambda matrix: float(np.abs(matrix - matrix.T).max()),
    lambda matrix: bool(np.array_equal(matrix, matrix.T)),
)
diagonal = MatrixProperty(
    "diagonal",
    r"\left(#\right)_{i \ne j} = 0",
    "max |#_ij| off the diagonal",
    True,
    0.0,
    _off_diagonal,
    lambda matrix: _off_diagonal(matrix) == 0.0,
)
nonnegative = MatrixProperty(
    "nonnegative",
    r"\left(#\right)_{ij} \ge 0",
    "max (-#_ij)",
    False,
    0.0,
    lambda matrix: max(0.0, -float(matrix.min())),
    lambda matrix: bool((matrix >= 0).all()),
)

PROPERTIES = {item.name: item for item in (orthogonal, symmetric, diagonal, nonnegative)}


def properties_of(label: str, value: Any) -> frozenset[MatrixProperty] | None:
    """The properties in a declaration: one, or several in a list; None where it is something else, such as a range.

    Raises:
        InputError: a list with properties and other things.
    """
    if isinstance(value, MatrixProperty):
        return frozenset({value})
    if not isinstance(value, (list, tuple, set, frozenset)):
        return None
    items = list(value)
    if not any(isinstance(item, MatrixProperty) for item in items):
        return None
    others = [item for item in items if not isinstance(item, MatrixProperty)]
    if others:
        raise InputError(f"{label}: properties of matrices are needed, got {others[0]!r} among them")
    return frozenset(items)


def check_properties(declared: Held, values: Mapping[sp.Expr, Array]) -> None:
    """Refuse matrices that are too far from a property that was declared for them.

    Raises:
        InputError: names the weight, the property, the distance and what is accepted.
    """
    for symbol, held in declared.items():
        array = values.get(symbol)
        if array is None:
            continue
        for item in sorted(held, key=str):
            distance, accepted = item.distance(array), item.accepted(array)
            if not distance <= accepted:
                raise InputError(
                    f"weight {symbol}: declared {item}, but {item.measure.replace('#', str(symbol))} = {distance:.3g} "
                    f"(accepted up to {accepted:.3g}), given shape {array.shape}"
                )


def exact_properties(declared: Held, values: Mapping[sp.Expr, Array]) -> dict[sp.Expr, frozenset[MatrixProperty]]:
    """The declared properties that given numbers have exactly; those of matrices without numbers all stay.

    A matrix that is orthogonal up to rounding is not orthogonal: what follows from the property is not true of it.
    """
    kept: dict[sp.Expr, frozenset[MatrixProperty]] = {}
    for symbol, held in declared.items():
        array = values.get(symbol)
        exact = held if array is None else frozenset(item for item in held if item.exact(array))
        kept |= {symbol: exact} if exact else {}
    return kept

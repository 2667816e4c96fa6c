"""Real matrices as they are given, turned into float64 arrays that hold exactly the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError

__all__ = ["checked_matrix", "checked_radius"]

_ACCEPTED = "a 2-D array of finite real numbers that are exact as float64"


def _refuse(name: str, given: str) -> InputError:
    return InputError(f"{name}: {given}; accepted is {_ACCEPTED}")


def _as_array(matrix: object, name: str) -> NDArray[Any]:
    if np.ma.isMaskedArray(matrix):
        raise _refuse(name, "a masked array was given")
    try:
        array = np.asarray(matrix)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refuse(name, f"{type(matrix).__name__} cannot be read as an array ({error})") from error
    if array.ndim == 2 and array.size == 0 and array.dtype.kind in "biuf":
        return array
    if array.dtype.kind not in "biuf":
        raise _refuse(name, f"{type(matrix).__name__} with entries of type {array.dtype} was given")
    if array.ndim != 2:
        raise _refuse(name, f"an array of shape {array.shape} was given")
    return array


def _fits_double(array: NDArray[Any], values: NDArray[np.float64]) -> bool:
    """Whether the conversion to float64 lost nothing (integers beyond 2^53, extended precision)."""
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        large = np.abs(values) >= 2.0**53
        return all(int(x) == int(y) for x, y in zip(array[large].tolist(), values[large].tolist(), strict=True))
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return bool(np.all((values.astype(array.dtype) == array) | np.isnan(array)))
    return True


def checked_matrix(matrix: object, name: str = "matrix") -> NDArray[np.float64]:
    """The float64 array with exactly the entries of ``matrix``.

    Args:
        matrix: a 2-D array or nested sequence of booleans, integers or floats of any width; float32 and
            integers are converted without rounding. An array without entries keeps its shape.
        name: the argument's name in error messages.

    Returns:
        A C-contiguous float64 array of the same shape, equal to ``matrix`` entry by entry.

    Raises:
        InputError: not two-dimensional, complex or symbolic entries, NaN or infinite entries, integers or
            extended-precision numbers that no float64 equals.

    >>> checked_matrix([[1, 2], [3, 4]]).dtype
    dtype('float64')
    >>> checked_matrix([[1.0, float("nan")]], "W")
    Traceback (most recent call last):
        ...
    symgrad.errors.InputError: W: entry (0, 1) is nan; accepted is a 2-D array of finite real numbers that are \
exact as float64
    """
    array = _as_array(matrix, name)
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float64)
        exact = _fits_double(array, values)
    if not exact:
        raise _refuse(name, f"entries of type {array.dtype} that no float64 equals were given")
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, column = (int(i) for i in bad[0])
        raise _refuse(name, f"entry ({row}, {column}) is {float(values[row, column])}")
    return values


def checked_radius(radius: object, shape: tuple[int, int]) -> NDArray[np.float64] | None:
    """The entrywise radius of an interval matrix, or None when there is none or it is zero everywhere.

    Raises:
        InputError: another shape than the matrix, a negative, NaN or infinite entry.

    >>> checked_radius([[0.0, 0.25]], (1, 2))
    array([[0.  , 0.25]])
    """
    if radius is None:
        return None
    values = checked_matrix(radius, "radius")
    if values.shape != shape:
        raise InputError(f"radius: shape {values.shape} was given; accepted is the shape {shape} of the matrix")
    if bool((values < 0).any()):
        raise InputError(f"radius: the negative entry {float(values.min())} was given; accepted are entries >= 0")
    return values if bool(values.any()) else None

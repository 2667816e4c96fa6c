"""Bounds on arrays of scalar parameters and of numbers of steps, each value rigorous."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.growth import Growth
from symgrad.bounds.steps import steps_array
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, exact_array
from symgrad.rigor.balls import log10_of, lower_float, upper_float, working_precision

__all__ = ["BoundArray", "checked_points", "scalar_arrays", "values_on_arrays"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoundArray:
    """A bound at many parameters and numbers of steps, an upper bound rounded up, a lower one rounded down.

    Attributes:
        values: of the shape that the arrays have when broadcast together.
        log10: decimal logarithms, rounded likewise; finite also where a value under- or overflows.
    """

    values: Array
    log10: Array


def scalar_arrays(model: Recurrence, weights: Mapping[Any, Any] | None) -> tuple[dict[sp.Expr, Array], dict[Any, Any]]:
    """Those scalar parameters that are given as arrays, and all other weights as they are.

    Raises:
        InputError: no mapping, a parameter given twice, or an array without entries.
    """
    if weights is not None and not isinstance(weights, Mapping):
        raise InputError(f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__}")
    scalars = {str(s): s for s in model.parameters if isinstance(s, sp.Symbol)}
    arrays: dict[sp.Expr, Array] = {}
    rest: dict[Any, Any] = {}
    for key, value in (weights or {}).items():
        symbol = scalars.get(str(key))
        if symbol in arrays:
            raise InputError(f"weights: {key} is given twice, by its name and as a symbol")
        array = None if symbol is None else exact_array(f"weight {symbol}", value)
        if array is None or not array.ndim:
            rest[key] = value
        elif array.size:
            arrays[symbol] = array
        else:
            raise InputError(f"weight {symbol}: at least one number is needed, got an array of shape {array.shape}")
    return arrays, rest


def checked_points(arrays: Mapping[sp.Expr, Array]) -> list[dict[sp.Expr, float]]:
    """Values to hold against what was declared: the ends of each array, and all values where the ends do not tell."""
    points = [{s: float(end(a)) for s, a in arrays.items()} for end in (np.min, np.max)]
    for symbol, array in arrays.items():
        signed = symbol.is_positive or symbol.is_negative
        if symbol.is_integer is not None or (symbol.is_nonzero and not signed):
            points += [points[0] | {symbol: float(value)} for value in np.unique(array)]
    return points


def values_on_arrays(
    growth: Growth, weights: Weights, arrays: Mapping[sp.Expr, Array], k: Any, upper: bool, bits: int
) -> BoundArray:
    """A bound on broadcast arrays; each norm is enclosed once unless it depends on a varying parameter.

    Raises:
        InputError: k is no array of non-negative integers, or the shapes do not broadcast.
    """
    steps = steps_array(k)
    try:
        *grids, counts = np.broadcast_arrays(*arrays.values(), steps)
    except ValueError as error:
        shapes = ", ".join(f"{s} {a.shape}" for s, a in [*arrays.items(), ("k", steps)])
        raise InputError(f"weights: arrays that broadcast together are needed, got {shapes}") from error
    values, logs = np.empty(counts.shape), np.empty(counts.shape)
    points = np.stack([grid.ravel() for grid in grids], axis=1) if grids else np.zeros((counts.size, 0))
    unique, place = np.unique(points, axis=0, return_inverse=True)
    with working_precision(bits):
        evaluator = BoundEvaluator(weights)
        for index, point in enumerate(unique):
            evaluator = evaluator.with_scalars(dict(zip(arrays, point, strict=True)))
            series, known = growth.series(evaluator), {}
            for flat in np.flatnonzero(place.reshape(-1) == index):
                step = int(counts.flat[flat])
                if step not in known:
                    known[step] = _rounded(series.at(step), upper)
                values.flat[flat], logs.flat[flat] = known[step]
    return BoundArray(values, logs)


def _rounded(ball: arb, upper: bool) -> tuple[float, float]:
    return upper_float(ball) if upper else max(lower_float(ball), 0.0), log10_of(ball, up=upper)

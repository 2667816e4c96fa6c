"""Arguments at which an activation or its slope is extreme."""

from __future__ import annotations

import math

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.language.elementwise import Activation
from symgrad.numerics.functions import constant_float
from symgrad.rigor.jumps import jumps

__all__ = ["extreme_points"]

_FAR = (8.0, 30.0)  # stand for an infinite argument: nearly, and in floats fully, saturated
_BESIDE = 1e-6  # next to a jump, where the function has its one-sided value


def extreme_points(function: Activation, values_count: bool = True) -> tuple[float, ...]:
    """Finite arguments at or near which the slope (and, if wanted, the value) of an activation is extreme.

    >>> import symgrad as sg
    >>> extreme_points(sg.activation("tanh"), False)[0], extreme_points(sg.activation("relu"), False)[0]
    (0.0, 1.0)
    """
    points = _points(function.derivative)
    if values_count:
        points += _points(function)
    return tuple(dict.fromkeys(points)) or (0.0,)


def _points(function: Activation) -> list[float]:
    """Arguments at which a function is largest in modulus, then those at its other extremum."""
    try:
        hull = function.range
        jumping = [constant_float(point) for point, _ in jumps(function.expr, function.variable)]
    except SymgradError:  # the extremum could not be proved: other searches have to do
        return []
    if hull.extrema is None:
        return []
    first, second = hull.extrema.sup, hull.extrema.inf
    if hull.is_bounded and constant_float(abs(first.value)) < constant_float(abs(second.value)):
        first, second = second, first
    return [number for point in (*first.points, *second.points) for number in _near(point, jumping)]


def _near(point: sp.Expr, jumping: list[float]) -> list[float]:
    """Numbers to aim at for one point; next to a jump, where rounding would decide on which side it falls."""
    if point in (sp.oo, -sp.oo):
        return [math.copysign(far, 1 if point == sp.oo else -1) for far in _FAR]
    value = constant_float(point)
    return [value - _BESIDE, value + _BESIDE] if value in jumping else [value]

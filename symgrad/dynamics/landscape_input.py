"""What a user gives for a landscape of the loss, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.errors import InputError
from symgrad.language.numbers import exact_floats, exact_number
from symgrad.language.parse import parse_expression
from symgrad.language.ranges import interval_of

__all__ = ["chosen_parameters", "exact_float", "grid_axes", "named_formula", "whole_horizon"]

Array = NDArray[np.float64]

_POINTS = {1: (401,), 2: (81, 81)}
_MOST_POINTS = 4_000_000
_MOST_STEPS = 100_000


def chosen_parameters(system: ScalarSystem, parameter: Any) -> tuple[sp.Symbol, ...]:
    """One parameter or two of a system.

    Raises:
        InputError: another number of them, or one twice.
        UnknownNameError: the system has no such parameter.
    """
    asked = tuple(parameter) if isinstance(parameter, (tuple, list)) else (parameter,)
    if len(asked) not in (1, 2):
        raise InputError(f"parameter: one symbol or a pair is needed, got {len(asked)}")
    found = tuple(system.symbol(key) for key in asked)
    if system.state in found or len(set(found)) < len(found):
        raise InputError(f"parameter: different parameters of {system.name} are needed, got {asked!r}")
    return found


def whole_horizon(horizon: Any, system: ScalarSystem) -> float:
    """A positive time, or a positive number of steps; infinite for the settled state.

    Raises:
        InputError: neither.
    """
    if horizon == sp.oo or (isinstance(horizon, float) and horizon == float("inf")):
        return float("inf")
    number = exact_number("horizon", horizon)
    if not number.is_positive or (system.kind != FLOW and not (number.is_Integer and number <= _MOST_STEPS)):
        needed = "a positive time" if system.kind == FLOW else f"a positive number of steps up to {_MOST_STEPS}"
        raise InputError(f"horizon: {needed} is needed, got {horizon!r}")
    return float(number)


def grid_axes(parameters: tuple[sp.Symbol, ...], interval: Any, points: Any) -> tuple[Array, ...]:
    """Evenly spaced values of each parameter.

    Raises:
        InputError: no finite intervals, or numbers of points that do not fit.
    """
    given = [interval] if len(parameters) == 1 else interval
    if not isinstance(given, (tuple, list)) or len(given) != len(parameters):
        raise InputError(f"interval: one pair (low, high) for each of {parameters} is needed, got {interval!r}")
    counts = _POINTS[len(parameters)] if points is None else points
    counts = tuple(counts) if isinstance(counts, (tuple, list)) else (counts,) * len(parameters)
    if len(counts) != len(parameters) or not all(isinstance(n, int) and n >= 2 for n in counts):
        raise InputError(f"points: {len(parameters)} integers from 2 are needed, got {points!r}")
    if np.prod(counts) > _MOST_POINTS:
        raise InputError(f"points: at most {_MOST_POINTS} in the grid, got {points!r}")
    axes = []
    for symbol, pair, count in zip(parameters, given, counts, strict=True):
        if isinstance(pair, (tuple, list)) and len(pair) == 2 and pair[0] == pair[1]:
            raise InputError(f"interval: two different ends are needed for {symbol}, got {pair!r}")
        found = interval_of(symbol, pair)
        if not (found.start.is_finite and found.end.is_finite):
            raise InputError(f"interval: two finite ends are needed for {symbol}, got {pair!r}")
        axes.append(np.linspace(float(found.start), float(found.end), count))
    return tuple(axes)


def named_formula(label: str, given: Any, symbols: tuple[sp.Symbol, ...]) -> sp.Expr:
    """An expression in some symbols, which are meant by name.

    Raises:
        InputError: other symbols occur in it, or it is no formula.
    """
    if isinstance(given, str):
        return parse_expression(given, symbols, label=label)
    if not isinstance(given, sp.Expr) or isinstance(given, sp.MatrixExpr):
        return exact_number(label, given)
    named = {str(symbol): symbol for symbol in symbols}
    unknown = sorted(str(s) for s in given.free_symbols if str(s) not in named)
    if unknown:
        raise InputError(f"{label}: {', '.join(unknown)} is unknown; accepted are {', '.join(named)}")
    return exact_floats(given).xreplace({s: named[str(s)] for s in given.free_symbols})


def exact_float(value: float) -> sp.Rational:
    """A float as the number that it is."""
    return sp.Rational(float(value))

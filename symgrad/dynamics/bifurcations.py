"""Bifurcations of any model in one parameter, or of codimension two in two: one question for scalars and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from symgrad.dynamics.bifurcation_points import Bifurcations
from symgrad.dynamics.diagram import diagram
from symgrad.dynamics.scalar_bifurcations import REALS, scalar_bifurcations
from symgrad.dynamics.scalar_points import checked_box
from symgrad.dynamics.scalar_system import ScalarSystem, is_scalar_system, scalar_system
from symgrad.dynamics.two_parameters import two_parameter_points
from symgrad.dynamics.vector_bifurcations import vector_bifurcations
from symgrad.errors import InputError
from symgrad.language.flow import Flow
from symgrad.language.ranges import interval_of
from symgrad.language.recurrence import Recurrence

__all__ = ["bifurcations"]


def bifurcations(
    model: Any,
    parameter: Any,
    values: Mapping[Any, Any] | None = None,
    interval: Any = None,
    box: Any = None,
    **options: Any,
) -> Bifurcations:
    """The bifurcations of the fixed points of a model: where one of them appears, meets another or changes stability.

    Of a scalar map, flow or equation: saddle-nodes, pitchforks, transcritical points, cusps that the parameter passes
    through, flips (period doubling) of maps, and border collisions at kinks of activations. Where the parameter enters
    the fixed-point equation in one affine way, as weights, biases and steps of a neuron do, all of them over all real
    numbers are found, each with exact or enclosed parameter, state and normal-form coefficients; otherwise all those in
    a finite ``interval`` and ``box``. That a fixed point goes off to infinity, as that of ``w relu(x) + b`` does at
    w = 1, is none of them. With a pair of parameters: the cusps. Of a model with vectors also Neimark-Sacker
    and Hopf points; see ``symgrad.dynamics.vector_bifurcations``.

    Args:
        model: a :class:`~symgrad.language.recurrence.Recurrence`, a :class:`~symgrad.language.flow.Flow` or an equation
            of one unknown, of SymPy or as text.
        parameter: the symbol or name of a parameter or constant input, or a pair of them.
        values: symbol or name -> number for all the others (a float stands for its shortest decimal).
        interval: of the parameter: a pair of ends or a SymPy interval (of two parameters a pair of these); default
            all real numbers.
        box: of the state, likewise.
        options: ``search``, ``max_boxes``, ``starts`` and ``seed``, for models with vectors.

    Returns:
        The points, sorted by the parameter, with ``complete`` telling whether it is proved that there are no others.

    Raises:
        InputError: parameters without values, or something that is no model, parameter or interval.
        UnknownNameError: no such parameter.

    Source: Kuznetsov, Elements of Applied Bifurcation Theory (3rd ed. 2004), chapters 3, 4 and 8.

    >>> import symgrad as sg
    >>> found = bifurcations(sg.models.neuron(activation="tanh"), "w", {"b": 0})
    >>> [(point.kind, point.exact_parameter, point.criticality) for point in found], found.complete
    ([('flip', -1, 'supercritical'), ('pitchfork', 1, 'supercritical')], True)
    """
    if isinstance(model, (Recurrence, Flow)) and not is_scalar_system(model):
        return vector_bifurcations(model, parameter, values, interval, box, **options)
    if options:
        raise InputError(f"{', '.join(options)}: only models with vectors take these options")
    names = tuple(parameter) if isinstance(parameter, (tuple, list)) else (parameter,)
    if len(names) not in (1, 2):
        raise InputError(f"parameter: one or a pair is needed, got {parameter!r}")
    system = scalar_system(model, values, names)
    symbols = tuple(_parameter(system, name) for name in names)
    _check_others(system, symbols)
    within = checked_box(box, system.state)
    if len(symbols) == 2:
        return two_parameter_points(system, symbols, _intervals(interval, symbols), within)
    found = scalar_bifurcations(system, symbols[0], _interval(interval), within)
    return replace(found, branches=diagram(found))


def _parameter(system: ScalarSystem, name: Any) -> sp.Symbol:
    symbol = system.symbol(name)
    if symbol == system.state:
        raise InputError(f"parameter: {symbol} is the unknown; a parameter is one of {_names(system.parameters)}")
    return symbol


def _check_others(system: ScalarSystem, symbols: tuple[sp.Symbol, ...]) -> None:
    others = [symbol for symbol in system.parameters if symbol not in symbols]
    if others:
        raise InputError(f"values: numbers for {_names(others)} of {system.name} are needed")
    if len(set(symbols)) < len(symbols):
        raise InputError(f"parameter: two different ones are needed, got {_names(symbols)}")


def _names(symbols: Any) -> str:
    return ", ".join(map(str, symbols)) or "none"


def _interval(given: Any) -> sp.Interval:
    if given is None:
        return REALS
    found = interval_of("interval", given)
    if not found.is_subset(REALS):
        raise InputError(f"interval: a real interval is needed, got {given!r}")
    return sp.Interval(found.start, found.end)


def _intervals(given: Any, symbols: tuple[sp.Symbol, ...]) -> tuple[sp.Interval, ...]:
    if given is None:
        return (REALS, REALS)
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not all(_is_interval(item) for item in given):
        raise InputError(f"interval: for {_names(symbols)} a pair of intervals is needed, got {given!r}")
    return tuple(_interval(item) for item in given)


def _is_interval(item: Any) -> bool:
    return item is None or isinstance(item, (sp.Interval, tuple, list))

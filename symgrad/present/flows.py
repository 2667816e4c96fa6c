"""Flows and the bounds on them in print: the differential equation, exp(mu T), its limit from maps, its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symgrad.bounds.flow import FlowBound
from symgrad.bounds.flow_gradient import FlowGradientBound
from symgrad.bounds.flow_limit import FlowLimit
from symgrad.errors import InputError
from symgrad.language.flow import Flow, VectorField
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import NORMS
from symgrad.present.data import bound_data, expression, number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.equations import range_equations, symbol_data
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.matrix_entries import written_matrix
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.plots import new_axes
from symgrad.present.quantities import QuantityWriter, assumed_ranges
from symgrad.present.unrolled import SIGNS

__all__ = ["plot_flow_bound"]

_RATES = ("gamma", "nu", "kappa"), ("mu", "lambda", "omega")  # of the map and of its limit
_COLOUR = "#0072B2"
_POINTS = 201


@equations.register
def _(flow: Flow, notation: Notation) -> list[Equation]:
    return equations(flow.field, notation)


@equations.register
def _(bound: FlowBound, notation: Notation) -> list[Equation]:
    writer = QuantityWriter(bound.flow.field, notation, [])
    statement = writer.statement(bound.inequality)
    found = [Equation(statement.left, statement.relation, statement.terms)]
    several = isinstance(bound.mu, LogarithmicNorm) and isinstance(bound.mu.matrix, sp.MatrixBase)
    if several and len(bound.flow.states) > 1:
        found += writer.matrix_equations("metzler", bound.mu.matrix)
    return [*found, *range_equations(writer.vocabulary, assumed_ranges(bound.inequality))]


@equations.register
def _(limit: FlowLimit, notation: Notation) -> list[Equation]:
    """The rate of the map, what becomes of its power, and the derivative of the rate at zero."""
    writer = QuantityWriter(limit.bound.model, notation, [])
    time, product = notation.plain(limit.time), notation.product
    count = f"{time}/{notation.plain(limit.step)}"
    if limit.gain.rows == 1:
        map_rate, rate = (notation.plain(sp.Symbol(writer.vocabulary.letter(*names))) for names in _RATES)
        power = notation.power(map_rate, count if notation is LATEX else f"({count})")
        return [
            Equation(map_rate, "=", writer.sum(limit.bound.gain[0, 0])),
            Equation(power, notation.tends_to, [(False, notation.exponential(product([rate, time])))]),
            Equation(rate, "=", writer.sum(limit.rate)),
        ]
    norm, matrix = limit.bound.norm, writer.vocabulary.letter("M", "N", "K")
    power = notation.power(writer.gain, count if notation is LATEX else f"({count})")
    end = notation.norm(notation.exponential(product([matrix, time])), norm)
    below = notation.exponential(product([notation.logarithmic_norm(matrix, norm), time]))
    written, entries = written_matrix(writer.vocabulary, matrix, limit.gain)
    return [
        *writer.matrix_equations("gain", limit.bound.gain),
        Equation(notation.norm(power, norm), notation.tends_to, [(False, end)]),
        Equation(end, notation.less_or_equal, [(False, below)]),
        Equation(matrix, "=", [(False, written)]),
        *entries,
    ]


@equations.register
def _(bound: FlowGradientBound, notation: Notation) -> list[Equation]:
    """The bound through an integral, the bound on the derivative by the parameters, and the rate."""
    writer = QuantityWriter(bound.flow.field, notation, [])
    vocabulary, product, signs = writer.vocabulary, notation.product, SIGNS[notation]
    rate = notation.plain(sp.Symbol(vocabulary.letter(*_RATES[1])))
    size, loss = vocabulary.letter("M", "N", "K"), vocabulary.letter("L", "E", "R")
    time, first = vocabulary.scalar(bound.time), vocabulary.scalar(bound.first)
    alone = len(bound.parameters) == 1
    by = vocabulary.plain[bound.parameters[0]] if alone else notation.parameters
    whole = signs.gradient.format(by=by, loss=loss)
    left = whole if bound.first == 0 else f"{whole} - {notation.kept(whole, first)}"
    end = signs.gradient.format(by=notation.at_time(writer.flow.state, time), loss=loss)
    variable = writer.flow.variable
    growth = notation.integral(notation.exponential(product([rate, variable])), variable, first, time)
    right = product([_dual(bound, end, notation), size, growth])
    return [
        Equation(_dual(bound, left, notation), notation.less_or_equal, [(False, right)]),
        Equation(size, "=", writer.sum(bound.source)),
        Equation(rate, "=", writer.sum(bound.mu)),
        *range_equations(vocabulary, assumed_ranges(bound.inequality)),
    ]


def _dual(bound: FlowGradientBound, inner: str, notation: Notation) -> str:
    """The norm of a gradient; of numbers, where all vectors in it are such, the modulus."""
    plain = bound.flow.is_scalar and len(bound.flow.states) == len(bound.parameters) == 1
    return notation.modulus(inner) if plain else notation.norm(inner, NORMS[bound.norm.dual])


@latex.register
def _(flow: Flow) -> str:
    return aligned(equations(flow, LATEX))


@text.register
def _(flow: Flow) -> str:
    return plain_lines(equations(flow, TEXT))


@to_dict.register
def _(field: VectorField) -> dict[str, Any]:
    return to_dict(Flow(field.updates, field.inputs, field.name, field.ranges, field.properties))


@to_dict.register
def _(flow: Flow) -> dict[str, Any]:
    return {
        "kind": "flow",
        "name": flow.name,
        "states": [symbol_data(flow.field, state) | {"rate": expression(flow.rates[state])} for state in flow.states],
        "inputs": [symbol_data(flow.field, symbol) for symbol in flow.inputs],
        "parameters": [symbol_data(flow.field, symbol) for symbol in flow.parameters],
        "sizes": [str(size) for size in flow.sizes],
        "equations": {"text": text(flow), "latex": latex(flow)},
    }


@latex.register
def _(bound: FlowBound) -> str:
    return aligned(equations(bound, LATEX))


@text.register
def _(bound: FlowBound) -> str:
    return plain_lines(equations(bound, TEXT))


@to_dict.register
def _(bound: FlowBound) -> dict[str, Any]:
    return {
        "kind": "flow bound",
        "flow": bound.flow.name,
        "norm": str(bound.norm),
        "mu": expression(bound.mu),
        "expr": expression(bound.expr),
        "vanishes": expression(bound.vanishes),
        "parameters": [str(symbol) for symbol in bound.parameters],
        "equations": {"text": text(bound), "latex": latex(bound)},
        "proof": to_dict(bound.proof),
    }


@latex.register
def _(limit: FlowLimit) -> str:
    return aligned(equations(limit, LATEX))


@text.register
def _(limit: FlowLimit) -> str:
    return plain_lines(equations(limit, TEXT))


@to_dict.register
def _(limit: FlowLimit) -> dict[str, Any]:
    return {
        "kind": "flow limit",
        "bound": to_dict(limit.bound),
        "step": str(limit.step),
        "gain": bound_data(limit.gain),
        "rate": expression(limit.rate),
        "flow_rate": expression(limit.flow_rate),
        "expr": expression(limit.expr),
        "agrees": limit.agrees,
        "equations": {"text": text(limit), "latex": latex(limit)},
    }


@latex.register
def _(bound: FlowGradientBound) -> str:
    return aligned(equations(bound, LATEX))


@text.register
def _(bound: FlowGradientBound) -> str:
    return plain_lines(equations(bound, TEXT))


@to_dict.register
def _(bound: FlowGradientBound) -> dict[str, Any]:
    return {
        "kind": "flow gradient bound",
        "flow": bound.flow.name,
        "norm": str(bound.norm),
        "gradient_norm": str(NORMS[bound.norm.dual]),
        "by": [str(symbol) for symbol in bound.parameters],
        "window_kept": str(bound.first) if bound.first != 0 else None,
        "expr": expression(bound.expr),
        "mu": expression(bound.mu),
        "source": expression(bound.source),
        "equations": {"text": text(bound), "latex": latex(bound)},
        "proof": to_dict(bound.proof),
    }


@plot.register
def plot_flow_bound(
    bound: FlowBound,
    weights: Mapping[Any, Any] | None = None,
    *,
    time: float = 10.0,
    delta: float | None = None,
    ax: Any = None,
) -> Any:
    """A bound on a flow against time, as decimal logarithms.

    Args:
        bound: the bound.
        weights: symbol or name -> array; those that the bound depends on.
        time: the largest one.
        delta: mark the horizon of this size of a gradient.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: a malformed argument, or weights that are missing.
    """
    if isinstance(time, bool) or not isinstance(time, (int, float)) or not 0 < time < math.inf:
        raise InputError(f"time: a positive number is needed, got {time!r}")
    series, axes = bound.with_weights(weights), new_axes(ax)
    times = np.linspace(0.0, float(time), _POINTS)
    label = rf"upper bound, $\mu \approx {series.mu:.4g}$ ({series.rate.method})"
    axes.plot(times, [series.at(float(when)).log10 for when in times], color=_COLOUR, linewidth=2.0, label=label)
    if delta is not None:
        horizon = bound.horizon(delta, weights)
        words = f"horizon of {number(float(delta))}: {number(round(float(horizon), 4))}"
        inside = [float(horizon)] * 2 if float(horizon) <= time else []
        axes.plot(inside, axes.get_ylim() if inside else [], ":", color="0.4", linewidth=1.0, label=words)
    axes.set_xlabel("time $T$")
    size = rf"\Vert \partial x(T) / \partial x(0) \Vert_{{{bound.norm.latex}}}"
    axes.set_ylabel(rf"$\log_{{10}} {size}$")
    axes.set_title(bound.flow.name)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    return axes

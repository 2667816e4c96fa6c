"""Mean-field theory of recurrent cells in print: equations of moments, stationary points, size of the Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.meanfield.recurrent import RecurrentMeanField
from symgrad.meanfield.recurrent_criticality import CriticalVariance
from symgrad.meanfield.recurrent_steps import named_variances, single_terms, with_names
from symgrad.meanfield.stationary_point import StationaryPoint
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.plots import new_axes
from symgrad.present.scalars import phrase

__all__ = ["plot_recurrent_mean_field"]

_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D")
_MARKED = 10  # places along a line
_FLOOR = 1e-300
_WIDTH, _WIDTH_OF_LATEX = 100, 200  # of an equation on one line, in signs


def _number_text(value: arb | float) -> str:
    return ball_text(value) if isinstance(value, arb) else f"about {value:.6g}"


def _number_latex(value: arb | float) -> str:
    if isinstance(value, arb):
        return ball_latex(value)
    digits, _, power = f"{value:.6g}".partition("e")
    written = digits.replace("inf", r"\infty") + (rf" \cdot 10^{{{int(power)}}}" if power else "")
    return rf"\approx {written}"


def _number_data(value: arb | float) -> Any:
    return ball_data(value) if isinstance(value, arb) else number(value)


def _equations(field: RecurrentMeanField) -> list[sp.Basic]:
    """Moments and chi over pre-activations with short names, whose variances come first."""
    chi = sp.Eq(sp.Symbol("Gamma", nonnegative=True), field.chi_formula, evaluate=False)
    found = [*field.moment_equations, chi]
    variances = named_variances(found)
    definitions = [sp.Eq(name, value, evaluate=False) for value, name in variances.items()]
    return [*definitions, *(with_names(equation, variances) for equation in found)]


def _stability(point: StationaryPoint) -> str:
    return {True: "attracting", False: "repelling", None: "stability undecided"}[point.attracting]


@text.register
def _(point: StationaryPoint) -> str:
    moments = [f"{symbol} = {_number_text(value)}" for symbol, value in point.moments.items()]
    lines = [", ".join([*moments, _stability(point)])]
    lines.append(f"  mean-squared singular value of the state Jacobian {_number_text(point.mean_square)}")
    lines.append(f"  chi = {_number_text(point.chi)} a step: squared gradients {_course(point)}")
    return "\n".join([*lines, f"  status: {point.status}"])


def _course(point: StationaryPoint) -> str:
    """What becomes of squared gradients, and over how many steps."""
    if point.phase == "vanishing":
        return f"fall by a factor e in {_number_text(point.time_scale)} steps, vanishing"
    if point.phase == "exploding":
        return f"grow by a factor e in {_number_text(-point.time_scale)} steps, exploding"
    return "keep their size, critical" if point.phase == "critical" else "undecided"


@text.register
def _(field: RecurrentMeanField) -> str:
    lines = [f"{field.model.name}: mean field at infinite width"]
    for equation in _equations(field):
        first, *others = _lines(equation, text, _WIDTH)
        lines += [f"  {text(equation.lhs)} = {first}", *(f"      {term}" for term in others)]
    lines += [text(point) for point in field.points] or ["no stationary point was found: the moments run off"]
    return "\n".join([*lines, "Assumed:", *(f"  - {each}" for each in field.assumptions)])


@latex.register
def _(point: StationaryPoint) -> str:
    moments = [_relation(latex(symbol), value) for symbol, value in point.moments.items()]
    sizes = [_relation(r"\Gamma", point.mean_square), _relation(r"\chi", point.chi)]
    scale = _relation(r"-1/\log\chi", point.time_scale)
    first = r", \quad ".join([*moments, phrase(_stability(point))])
    rows = [first, r", \quad ".join([*sizes, scale]), phrase(point.status)]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


def _relation(name: str, value: arb | float) -> str:
    written = _number_latex(value)
    return f"{name} {written}" if written.startswith(r"\approx") else f"{name} = {written}"


@latex.register
def _(field: RecurrentMeanField) -> str:
    rows = [row for equation in _equations(field) for row in _rows(equation)]
    equations = "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
    points = [latex(point) for point in field.points] or [phrase("no stationary point was found")]
    return "\\begin{gathered}\n" + " \\\\[2ex]\n".join([equations, *points]) + "\n\\end{gathered}"


def _rows(equation: sp.Basic) -> list[str]:
    """An equation with a row for each term of its right side, if that is long."""
    first, *others = _lines(equation, latex, _WIDTH_OF_LATEX)
    return [rf"{latex(equation.lhs)} &= {first}", *(rf"&\quad {term}" for term in others)]


def _lines(equation: sp.Basic, write: Callable[[Any], str], width: int) -> list[str]:
    """The right side on one line, or each of its terms with its sign."""
    whole = write(equation.rhs)
    if len(whole) <= width:
        return [whole]
    first, *others = map(write, single_terms(equation.rhs))
    return [first, *(f"- {term[1:].lstrip()}" if term.startswith("-") else f"+ {term}" for term in others)]


@to_dict.register
def _(point: StationaryPoint) -> dict[str, Any]:
    return {
        "kind": "stationary point",
        "moments": {str(symbol): _number_data(value) for symbol, value in point.moments.items()},
        "status": point.status,
        "attracting": point.attracting,
        "blocks": [[_number_data(entry) for entry in row] for row in point.blocks],
        "mean_squared_singular_value": _number_data(point.mean_square),
        "chi": _number_data(point.chi),
        "time_scale": _number_data(point.time_scale),
        "phase": point.phase,
    }


@to_dict.register
def _(field: RecurrentMeanField) -> dict[str, Any]:
    given = {"variances": field.parameters.variances, "means": field.parameters.means}
    return {
        "kind": "recurrent mean field",
        "model": field.model.name,
        "parameters": {
            label: {str(symbol): str(value) for symbol, value in values.items()}
            for label, values in {**given, "inputs": field.parameters.inputs}.items()
        },
        "moments": [expression(equation) for equation in field.moment_equations],
        "mean_squared_singular_value": expression(field.chi_formula),
        "critical": expression(field.critical_equation),
        "points": [to_dict(point) for point in field.points],
        "assumptions": list(field.assumptions),
    }


@text.register
def _(found: CriticalVariance) -> str:
    moments = [f"{symbol} = {_number_text(value)}" for symbol, value in found.moments.items()]
    where = f" at {', '.join(moments)}" if moments else ""
    return f"chi = 1 for variance {_number_text(found.variance)} of {', '.join(found.weights)}{where} ({found.status})"


@latex.register
def _(found: CriticalVariance) -> str:
    named = [_relation(latex(symbol), value) for symbol, value in found.moments.items()]
    weights = ", ".join(latex(sp.Symbol(name)) for name in found.weights)
    named.insert(0, _relation(rf"\sigma^2_{{{weights}}}", found.variance))
    return r", \quad ".join([r"\chi = 1", *named, phrase(found.status)])


@to_dict.register
def _(found: CriticalVariance) -> dict[str, Any]:
    return {
        "kind": "critical variance",
        "weights": list(found.weights),
        "variance": _number_data(found.variance),
        "moments": {str(symbol): _number_data(value) for symbol, value in found.moments.items()},
        "status": found.status,
    }


@plot.register
def plot_recurrent_mean_field(field: RecurrentMeanField, *, horizon: int = 100, ax: Any = None) -> Any:
    """The mean-squared singular value of products of k state Jacobians against k, a line for each stationary point.

    Args:
        field: the theory.
        horizon: the largest k.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: a horizon that is no positive integer; there is no stationary point.
    """
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise InputError(f"horizon: a positive integer is needed, got {horizon!r} ({type(horizon).__name__})")
    if not field.points:
        raise InputError(f"model {field.model.name}: no stationary point was found, so there is nothing to draw")
    ax = new_axes(ax)
    steps = np.arange(horizon + 1)
    for index, point in enumerate(field.points):
        heights = [max(float(point.gradient_variance(int(k))), _FLOOR) for k in steps]
        style = {"linestyle": _LINES[index % 4], "marker": _MARKERS[index % 4], "markevery": max(1, horizon // _MARKED)}
        ax.plot(steps, heights, color="black", label=_label(point), **style)
    ax.set_yscale("log")
    ax.set_xlabel("steps $k$")
    ax.set_ylabel(r"$E\,\|J_k \cdots J_1\|_F^2 \,/\, N$")
    ax.set_title(f"{field.model.name}: mean-squared singular value")
    ax.legend()
    return ax


def _label(point: StationaryPoint) -> str:
    moments = ", ".join(f"${latex(symbol)} = {float(value):.4g}$" for symbol, value in point.moments.items())
    return f"{moments}, {_stability(point)}" if point.moments else rf"$\chi = {float(point.chi):.4g}$"

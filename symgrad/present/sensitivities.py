"""Sensitivities in print: the derivation with its steps, and enclosed numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symgrad.dynamics.scalar_system import EQUATION, FLOW
from symgrad.dynamics.sensitivity import Sensitivity
from symgrad.dynamics.settled import SettledState
from symgrad.dynamics.trajectories import BALLS, TrajectorySensitivity
from symgrad.dynamics.vector_sensitivity import VectorSensitivity, VectorSettledState
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.scalars import phrase

__all__ = ["gathered"]

_METHODS = {BALLS: "enclosed in balls", "solve_ivp": "in floats by solve_ivp, errors estimated"}
_METHODS |= {"extrapolation": "by extrapolation at high precision, errors estimated"}
_MOST_ENTRIES = 12


def gathered(rows: list[str]) -> str:
    """Formulas one below the other; a single one stands by itself."""
    return rows[0] if len(rows) == 1 else "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


# --- formulas ---------------------------------------------------------------------------------------------------------


def _derivation(item: Sensitivity) -> list[tuple[str, sp.Symbol | None, list[sp.Expr]]]:
    """Named steps: what it says, by which parameter, and the formulas that are equal in it."""
    steps: list[tuple[str, sp.Symbol | None, list[sp.Expr]]] = []
    for p in item.system.parameters:
        implicit, closed = item.implicit[p], item.settled[p]
        steps.append(("settled state", p, [implicit] if closed == implicit else [implicit, closed]))
    if item.system.kind != EQUATION:
        steps.append(("initial state", None, [item.initial_formula]))
        steps += [("trajectory", p, [formula]) for p, formula in item.parameter_formulas.items()]
    return steps


def _reasons(item: Sensitivity) -> dict[str, str]:
    flow = item.system.kind == FLOW
    return {
        "settled state": "implicit function theorem: dx*/dp = -r_p/r_x; infinite at folds, where r_x = 0",
        "initial state": "f along the trajectory solves the variational equation"
        if flow
        else "chain rule along the steps",
        "trajectory": "variation of constants, dt = dx/f" if flow else "recursion v' = F_x v + F_p, summed",
    }


@text.register
def _(item: Sensitivity) -> str:
    x = str(item.system.state)
    lines = [f"sensitivities of {item.system.name}, r({x}) = {text(item.system.residual)}"]
    seen: set[str] = set()
    for step, p, formulas in _derivation(item):
        if step not in seen:
            lines.append(f"{step} ({_reasons(item)[step]}):")
            seen.add(step)
        lines.append(f"  {_left(x, step, p)} = {' = '.join(map(text, formulas))}")
    return "\n".join([*lines, *_given(item.numbers)])


def _left(x: str, step: str, p: sp.Symbol | None) -> str:
    if step == "settled state":
        return f"d{x}*/d{p}"
    return f"d{x}(T)/d{x}(0)" if p is None else f"d{x}(T)/d{p}"


def _given(numbers: Mapping[sp.Symbol, sp.Expr]) -> list[str]:
    return [f"with {', '.join(f'{s} = {text(v)}' for s, v in numbers.items())}"] if numbers else []


@latex.register
def _(item: Sensitivity) -> str:
    x = latex(item.system.state)
    rows = [rf"r({x}) = {latex(item.system.residual)}"]
    seen: set[str] = set()
    for step, p, formulas in _derivation(item):
        if step not in seen:
            rows.append(_latex_reason(item, step))
            seen.add(step)
        rows.append(" = ".join([_latex_left(x, step, p), *map(latex, formulas)]))
    return gathered(rows)


def _latex_reason(item: Sensitivity, step: str) -> str:
    flow = item.system.kind == FLOW
    words, formula = {
        "settled state": ("implicit function theorem, infinite at folds: ", r"\partial x^* / \partial p = - r_p / r_x"),
        "initial state": ("variational equation, solved by f: ", r"\dot{v} = f'(x)\, v")
        if flow
        else ("chain rule: ", r"v_{t+1} = F'(x_t)\, v_t"),
        "trajectory": ("variation of constants, with dt = dx/f: ", r"\dot{v} = f_x v + f_p")
        if flow
        else ("summed recursion: ", r"v_{t+1} = F_x v_t + F_p"),
    }[step]
    return phrase(f"{step}, {words}") + formula


def _latex_left(x: str, step: str, p: sp.Symbol | None) -> str:
    if p is None:
        return rf"\frac{{\partial {x}(T)}}{{\partial {x}(0)}}"
    above = f"{x}^*" if step == "settled state" else f"{x}(T)"
    return rf"\frac{{\partial {above}}}{{\partial {latex(p)}}}"


@to_dict.register
def _(item: Sensitivity) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": "sensitivity",
        "model": item.system.name,
        "system": item.system.kind,
        "state": str(item.system.state),
        "residual": expression(item.system.residual),
        "values": {str(symbol): str(value) for symbol, value in item.numbers.items()},
        "settled": {str(p): expression(formula) for p, formula in item.settled.items()},
        "implicit": {str(p): expression(formula) for p, formula in item.implicit.items()},
    }
    if item.system.kind != EQUATION:
        data["initial"] = expression(item.initial_formula)
        data["along"] = {str(p): expression(formula) for p, formula in item.parameter_formulas.items()}
    return data


# --- settled states ---------------------------------------------------------------------------------------------------


@text.register
def _(item: SettledState) -> str:
    x, point = str(item.system.state), item.point
    rate = "" if point.multiplier is None else f", {_rate_name(item)} {ball_text(point.multiplier)}"
    lines = [f"{x}* = {ball_text(point.ball)} ({point.stability}, {point.status}{rate})"]
    if item.diverges:
        lines.append("  at or too near a fold: the derivatives diverge or are not bounded")
    lines += [f"  d{x}*/d{p} = {ball_text(value)}" for p, value in item.by_parameter.items()]
    return "\n".join(lines)


def _rate_name(item: SettledState) -> str:
    return "eigenvalue" if item.system.kind == FLOW else "multiplier"


@latex.register
def _(item: SettledState) -> str:
    x = latex(item.system.state)
    rows = [rf"{x}^* = {ball_latex(item.point.ball)} \quad {phrase(f'({item.point.stability})')}"]
    rows += [rf"{_latex_left(x, 'settled state', p)} = {ball_latex(value)}" for p, value in item.by_parameter.items()]
    if item.diverges:
        rows.append(phrase("fold: the derivatives diverge"))
    return gathered(rows)


@to_dict.register
def _(item: SettledState) -> dict[str, Any]:
    return {
        "kind": "settled state",
        "model": item.system.name,
        "point": ball_data(item.point.ball),
        "multiplier": ball_data(item.point.multiplier),
        "stability": item.point.stability,
        "status": item.point.status,
        "diverges": item.diverges,
        "by_parameter": {str(p): ball_data(value) for p, value in item.by_parameter.items()},
    }


@text.register
def _(item: VectorSensitivity) -> str:
    kind = "flow" if not item.system.is_map else "map"
    slope = "-f_x^-1 f_p" if kind == "flow" else "(I - F_x)^-1 F_p"
    names = ", ".join(map(str, item.parameters))
    return (
        f"sensitivities of {item.system.name} ({kind}, {item.system.size} unknowns) to {names}\n"
        f"settled state (implicit function theorem): dx*/dp = {slope}\n"
        "trajectory (variational equations): "
        + ("dP/dt = f_x P, dV/dt = f_x V + f_p" if kind == "flow" else "P' = F_x P, V' = F_x V + F_p")
    )


@latex.register
def _(item: VectorSensitivity) -> str:
    settled = r"\frac{\partial x^*}{\partial p} = "
    if item.system.is_map:
        return gathered([settled + r"\left(I - F_x\right)^{-1} F_p", r"P' = F_x P, \quad V' = F_x V + F_p"])
    return gathered([settled + r"- f_x^{-1} f_p", r"\dot{P} = f_x P, \quad \dot{V} = f_x V + f_p"])


@to_dict.register
def _(item: VectorSensitivity) -> dict[str, Any]:
    return {
        "kind": "vector sensitivity",
        "model": item.system.name,
        "unknowns": item.system.size,
        "parameters": [str(p) for p in item.parameters],
    }


@text.register
def _(item: VectorSettledState) -> str:
    lines = [f"settled state of {item.point.system.name} ({item.point.stability}, {item.point.status})"]
    if item.diverges:
        lines.append("  at or too near a fold: the derivatives diverge or are not bounded")
    for p, matrix in item.by_parameter.items():
        shape = f"{matrix.nrows()} by {matrix.ncols()}"
        lines.append(f"  dx*/d{p} ({shape}): {_entries_text(matrix)}")
    return "\n".join(lines)


def _entries_text(matrix: Any) -> str:
    entries = matrix.entries()
    if len(entries) > _MOST_ENTRIES:
        size = max(abs(float(entry.mid())) for entry in entries)
        return f"entries of at most about {size:.4g}"
    return "[" + "; ".join(", ".join(ball_text(entry, 6) for entry in row) for row in matrix.tolist()) + "]"


@latex.register
def _(item: VectorSettledState) -> str:
    rows = []
    for p, matrix in item.by_parameter.items():
        left = rf"\frac{{\partial x^*}}{{\partial {latex(p)}}}"
        rows.append(f"{left} = {_matrix_latex(matrix)}")
    return gathered(rows)


def _matrix_latex(matrix: Any) -> str:
    if len(matrix.entries()) > _MOST_ENTRIES:
        return phrase(f"{matrix.nrows()} by {matrix.ncols()} entries")
    body = r" \\ ".join(" & ".join(ball_latex(entry, 6) for entry in row) for row in matrix.tolist())
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


@to_dict.register
def _(item: VectorSettledState) -> dict[str, Any]:
    return {
        "kind": "vector settled state",
        "model": item.point.system.name,
        "point": to_dict(item.point),
        "diverges": item.diverges,
        "by_parameter": {str(p): _matrix_data(matrix) for p, matrix in item.by_parameter.items()},
    }


def _matrix_data(matrix: Any) -> list[list[Any]]:
    return [[ball_data(entry) for entry in row] for row in matrix.tolist()]


# --- trajectories -----------------------------------------------------------------------------------------------------


@text.register
def _(item: TrajectorySensitivity) -> str:
    lines = [f"trajectory of {item.name} over T = {item.horizon:g}, {_METHODS[item.method]}"]
    if item.state.nrows() > 1:
        lines.append(f"  |dx(T)/dx(0)| = 10^{item.log10_growth[-1]:.6g} (Frobenius norm)")
        return "\n".join([*lines, *(f"  dx(T)/d{p}: {_entries_text(m)}" for p, m in item.to_parameters.items())])
    lines += [f"  x(T) = {ball_text(item.end)}", f"  dx(T)/dx(0) = {ball_text(item.growth)}"]
    return "\n".join([*lines, *(f"  dx(T)/d{p} = {ball_text(m[0, 0])}" for p, m in item.to_parameters.items())])


@latex.register
def _(item: TrajectorySensitivity) -> str:
    rows = [rf"x(T) = {_ball_or_matrix(item.state)}, \quad T = {item.horizon:g}"]
    rows.append(rf"\frac{{\partial x(T)}}{{\partial x(0)}} = {_ball_or_matrix(item.to_initial)}")
    rows += [
        rf"\frac{{\partial x(T)}}{{\partial {latex(p)}}} = {_ball_or_matrix(m)}" for p, m in item.to_parameters.items()
    ]
    return gathered(rows)


def _ball_or_matrix(matrix: Any) -> str:
    return ball_latex(matrix[0, 0]) if matrix.nrows() == matrix.ncols() == 1 else _matrix_latex(matrix)


@to_dict.register
def _(item: TrajectorySensitivity) -> dict[str, Any]:
    return {
        "kind": "trajectory sensitivity",
        "model": item.name,
        "system": item.kind,
        "method": item.method,
        "certified": item.certified,
        "horizon": item.horizon,
        "times": item.times.tolist(),
        "states": item.states.tolist(),
        "log10_growth": [number(value) for value in item.log10_growth.tolist()],
        "state": _matrix_data(item.state),
        "to_initial": _matrix_data(item.to_initial),
        "to_parameters": {str(p): _matrix_data(matrix) for p, matrix in item.to_parameters.items()},
    }

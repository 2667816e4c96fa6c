"""Singular values of deep Jacobians and dynamical isometry in print."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.meanfield.isometry import DynamicalIsometry
from symgrad.meanfield.singular_values import SingularValues
from symgrad.meanfield.spectral_rules import DEPTH
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict

__all__: list[str] = []

_RATIO = r"\frac{\mu_2}{\mu_1^2}"


@text.register
def _(found: SingularValues) -> str:
    first, second = found.moment_formulas
    rows = [
        f"squared singular values of the Jacobian of {found.depth} layers, {found.activation.name}, "
        f"{found.weights} weights, sigma_w^2 = {text(found.sigma_w2)}, infinite width:",
        f"  q = {ball_text(found.q)} ({found.stability})",
        f"  mu_1 = {text(first)} = {ball_text(found.moments[0])}",
        f"  mu_2 = {text(second)} = {ball_text(found.moments[1])}",
        f"  s_1 = {found.s_1}",
        f"  chi_1 = sigma_w^2 mu_1 = {ball_text(found.chi)}",
        f"  mean = chi_1^L = {ball_text(found.mean)}",
        f"  variance = chi_1^(2 L) L (mu_2/mu_1^2 - 1 - s_1) = {ball_text(found.variance)}",
    ]
    return "\n".join(rows)


@latex.register
def _(found: SingularValues) -> str:
    first, second = found.moment_formulas
    rows = [
        (r"\mu_1", latex(first), found.moments[0]),
        (r"\mu_2", latex(second), found.moments[1]),
        (r"\chi_1", r"\sigma_w^2 \mu_1", found.chi),
        (r"\mathbb{E}[s^2]", rf"\chi_1^{{{found.depth}}}", found.mean),
        (
            r"\operatorname{Var}[s^2]",
            rf"{found.depth}\, \chi_1^{{{2 * found.depth}}} \left({_RATIO} - 1 - s_1\right)",
            found.variance,
        ),
    ]
    lines = [rf"{name} &= {formula} = {ball_latex(ball)}" for name, formula, ball in rows]
    head = rf"\sigma_w^2 &= {latex(found.sigma_w2)}, \quad q = {ball_latex(found.q)}, \quad s_1 = {found.s_1}"
    return "\\begin{aligned}\n" + " \\\\\n".join([head, *lines]) + "\n\\end{aligned}"


@to_dict.register
def _(found: SingularValues) -> dict[str, Any]:
    return {
        "kind": "singular values",
        "activation": expression(found.activation.expr),
        "weights": found.weights,
        "sigma_w2": expression(found.sigma_w2),
        "depth": found.depth,
        "q": ball_data(found.q),
        "stability": found.stability,
        "s_1": found.s_1,
        "mu_1": {"formula": expression(found.moment_formulas[0]), "value": ball_data(found.moments[0])},
        "mu_2": {"formula": expression(found.moment_formulas[1]), "value": ball_data(found.moments[1])},
        "chi": {"formula": expression(found.chi_formula), "value": ball_data(found.chi)},
        "mean": {"formula": expression(found.mean_formula), "value": ball_data(found.mean)},
        "variance": {"formula": expression(found.variance_formula), "value": ball_data(found.variance)},
        "derivation": to_dict(found.derivation),
    }


@text.register
def _(found: DynamicalIsometry) -> str:
    rows = [f"dynamical isometry of {found.activation.name} with {found.weights} weights: {found.verdict}"]
    rows.append(f"  {found.reason}")
    rows.append(f"  mu_2/mu_1^2 = {text(found.ratio)}")
    if found.infimum is not None:
        rows.append(f"  its infimum on the critical line = {text(found.infimum)}")
    if found.smallest is not None:
        value, q = found.smallest
        rows.append(f"  smallest found on the critical line: {value:.6g} at q = {q:.6g} (floats)")
    return "\n".join([*rows, text(found.derivation)])


@latex.register
def _(found: DynamicalIsometry) -> str:
    verdict = rf"\text{{{found.weights} weights: dynamical isometry is {found.verdict}}}"
    bracket = rf"\left({_RATIO} - 1 - ({found.s_1})\right)"
    variance = rf"\operatorname{{Var}}[s^2] = {latex(DEPTH)} {bracket} \text{{ at }} \chi_1 = 1"
    ratio = rf"{_RATIO} = {latex(found.ratio)}"
    rows = [verdict, variance, ratio]
    if found.infimum is not None:
        rows.append(rf"\inf {_RATIO} = {latex(sp.sympify(found.infimum))}")
    body = " \\\\[2ex]\n".join([*rows, latex(found.derivation)])
    return "\\begin{array}{l}\n" + body + "\n\\end{array}"


@to_dict.register
def _(found: DynamicalIsometry) -> dict[str, Any]:
    smallest = None if found.smallest is None else {"ratio": found.smallest[0], "q": found.smallest[1]}
    return {
        "kind": "dynamical isometry",
        "activation": expression(found.activation.expr),
        "weights": found.weights,
        "verdict": found.verdict,
        "reason": found.reason,
        "s_1": found.s_1,
        "ratio": expression(found.ratio),
        "infimum": None if found.infimum is None else expression(found.infimum),
        "smallest": smallest,
        "derivation": to_dict(found.derivation),
    }

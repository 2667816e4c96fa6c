"""Mean-field theory of deep random networks in print: maps, phases and depth scales, with the stability of q*."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.language.elementwise import VARIABLE
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.depth_scales import DepthScales, GradientVariance
from symgrad.meanfield.phase import Phase
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.mean_field_words import words_latex
from symgrad.present.scalars import phrase

__all__: list[str] = []

_X = sp.Symbol("x", real=True)


def _layer_words(field: MeanField) -> str:
    layer = field.layer
    parts = [f"{layer.weights.replace('gaussian', 'Gaussian')} weights"]
    parts += [f"skip {layer.skip}"] if layer.skip != 0 else []
    parts += [f"branch {layer.branch}"] if layer.branch != 1 else []
    parts += [f"dropout {layer.dropout}"] if layer.dropout != 0 else []
    return ", ".join(parts)


def _phi(field: MeanField) -> sp.Expr:
    return field.activation.expr.xreplace({VARIABLE: _X})


@text.register
def _(field: MeanField) -> str:
    rows = [
        f"mean field of {field.activation.name}: {_layer_words(field)}, infinite width",
        f"  phi(x) = {text(_phi(field))}",
        f"  V(q) = {text(field.q_map)}",
        f"  chi_1 = {text(field.chi_formula)}",
        f"  C(c) = {text(field.correlation_formula)}",
        f"  edge of chaos: {field.layer.edge.removeprefix('no edge of chaos: ')}"
        if field.layer.critical_equations
        else f"  {field.layer.edge}",
    ]
    return "\n".join(rows)


@latex.register
def _(field: MeanField) -> str:
    rows = [
        rf"\varphi(x) &= {latex(_phi(field))}",
        rf"V(q) &= {latex(field.q_map)}",
        rf"\chi_1 &= {latex(field.chi_formula)}",
        rf"C(c) &= {latex(field.correlation_formula)}",
    ]
    maps = "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
    exists = "edge of chaos: " if field.layer.critical_equations else ""
    lines = [phrase(_layer_words(field)), maps, words_latex(exists + field.layer.edge)]
    return "\\begin{gathered}\n" + " \\\\[1ex]\n".join(lines) + "\n\\end{gathered}"


@to_dict.register
def _(field: MeanField) -> dict[str, Any]:
    layer = field.layer
    return {
        "kind": "mean field",
        "activation": {"name": field.activation.name, "formula": expression(_phi(field))},
        "weights": layer.weights,
        "skip": str(layer.skip),
        "branch": str(layer.branch),
        "dropout": str(layer.dropout),
        "q_map": expression(field.q_map),
        "chi": expression(field.chi_formula),
        "correlation_map": expression(field.correlation_formula),
        "edge_of_chaos": {"exists": bool(layer.critical_equations), "words": layer.edge},
        "derivation": to_dict(field.derivation),
    }


@text.register
def _(phase: Phase) -> str:
    return f"{phase.word}: {phase.reason}"


@latex.register
def _(phase: Phase) -> str:
    return words_latex(f"{phase.word}: {phase.reason}")


@to_dict.register
def _(phase: Phase) -> dict[str, Any]:
    return {
        "kind": "phase",
        "phase": phase.word,
        "reason": phase.reason,
        "variances": to_dict(phase.variances),
    }


@text.register
def _(scales: DepthScales) -> str:
    rows = [
        f"depth scales, in layers, at q* = {ball_text(scales.variance)} ({scales.stability})",
        f"  xi_q = {ball_text(scales.xi_q)} (variance)",
        f"  xi_c = {ball_text(scales.xi_c)} (correlation)",
        f"  xi_gradient = {ball_text(scales.xi_gradient)} (mean squared gradient)",
    ]
    return "\n".join(rows)


@latex.register
def _(scales: DepthScales) -> str:
    rows = [
        rf"q^* &= {ball_latex(scales.variance)} && {phrase(scales.stability)}",
        rf"\xi_q &= {ball_latex(scales.xi_q)} && {phrase('layers, variance')}",
        rf"\xi_c &= {ball_latex(scales.xi_c)} && {phrase('layers, correlation')}",
        rf"\xi_\nabla &= {ball_latex(scales.xi_gradient)} && {phrase('layers, mean squared gradient')}",
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


@to_dict.register
def _(scales: DepthScales) -> dict[str, Any]:
    return {
        "kind": "depth scales",
        "variance": ball_data(scales.variance),
        "stability": scales.stability,
        "xi_q": ball_data(scales.xi_q),
        "xi_c": ball_data(scales.xi_c),
        "xi_gradient": ball_data(scales.xi_gradient),
    }


@text.register
def _(found: GradientVariance) -> str:
    return "\n".join(
        [
            f"mean squared gradient {found.layers} layers back over that at the end, "
            f"at q* = {ball_text(found.variance)} ({found.stability})",
            f"  chi_1^{found.layers} = {ball_text(found.value)}, chi_1 = {ball_text(found.chi)}",
        ]
    )


@latex.register
def _(found: GradientVariance) -> str:
    rows = [
        rf"q^* &= {ball_latex(found.variance)} && {phrase(found.stability)}",
        rf"\chi_1 &= {ball_latex(found.chi)} &&",
        rf"\chi_1^{{{found.layers}}} &= {ball_latex(found.value)} && {phrase('mean squared gradient')}",
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


@to_dict.register
def _(found: GradientVariance) -> dict[str, Any]:
    return {
        "kind": "gradient variance",
        "variance": ball_data(found.variance),
        "stability": found.stability,
        "chi": ball_data(found.chi),
        "layers": found.layers,
        "value": ball_data(found.value),
    }

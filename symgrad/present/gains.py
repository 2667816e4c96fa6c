"""Gains in print: the number, what it keeps, the weights that follow, what else has to be known, and the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import Any

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.meanfield.gain_comparison import GainComparison
from symgrad.meanfield.gain_rules import GAIN
from symgrad.meanfield.gains import InitGain
from symgrad.meanfield.layer_factors import Quantity
from symgrad.meanfield.self_normalising import SelfNormalising
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.scalars import function_latex, phrase
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["value_latex", "value_text"]

_SHORT = 90  # signs of a formula that is shown beside its digits
_LONGEST_INTEGER = 10**12
_WIDTH = 76
_BITS = 128
_DIGITS = "{:.10g}"


def _is_short(formula: sp.Expr) -> bool:
    small = all(max(abs(n.p), n.q) < _LONGEST_INTEGER for n in formula.atoms(sp.Rational))
    return small and len(text(formula)) <= _SHORT


def value_text(value: Quantity) -> str:
    """A constant as its formula, if that is short, and its digits."""
    digits = ball_text(value.ball)
    if not _is_short(value.expr) or text(value.expr) == digits:
        return digits
    return text(value.expr) if value.expr.is_Rational else f"{text(value.expr)} = {digits}"


def value_latex(value: Quantity) -> str:
    """The same as LaTeX."""
    if not _is_short(value.expr):
        return ball_latex(value.ball)
    shown = latex(value.expr)
    return shown if value.expr.is_Rational else f"{shown} = {ball_latex(value.ball)}"


def _deviation(gain: InitGain, write: Callable[[Any], str], equals: str) -> str:
    """In the symbol g, with the number where the layer's size is known."""
    symbolic = write(GAIN * gain.scale)
    if gain.scale.free_symbols:
        return symbolic
    with working_precision(_BITS):
        return f"{symbolic}{equals}{_DIGITS.format(float((gain.ball * to_ball(gain.scale)).mid()))}"


def _notes(sentences: Iterable[str]) -> list[str]:
    """Lines of words, with chi_1 as a symbol."""
    lines = [phrase(line) for sentence in sentences for line in wrap(sentence, _WIDTH)]
    return [line.replace(r"chi}\_\text{1", r"}\chi_1\text{") for line in lines]


@text.register
def _(gain: InitGain) -> str:
    lines = [f"{gain.activation}, mode {gain.mode}: g = {value_text(gain.found.gain)}"]
    lines.append(f"keeps {gain.preserves}")
    lines.append(f"weights of mean 0 and standard deviation {_deviation(gain, text, ' = ')}")
    lines += [f"note: {warning}" for warning in gain.warnings]
    return "\n".join([*lines, text(gain.derivation)])


@latex.register
def _(gain: InitGain) -> str:
    name = rf"g\left[{function_latex(gain.activation)}\right]"
    head = rf"{name} = {value_latex(gain.found.gain)}"
    words = [f"keeps {gain.preserves}", *gain.warnings]
    notes = _notes(words)
    spread = rf"\operatorname{{std}} W_{{ij}} = {_deviation(gain, latex, ' = ')}"
    return "\\begin{gathered}\n" + " \\\\\n".join([head, spread, *notes, latex(gain.derivation)]) + "\n\\end{gathered}"


@to_dict.register
def _(gain: InitGain) -> dict[str, Any]:
    return {
        "kind": "gain",
        "activation": gain.activation.name,
        "mode": gain.mode,
        "gain": expression(gain.gain),
        "ball": ball_data(gain.ball),
        "variance": expression(gain.variance),
        "preserves": gain.preserves,
        "condition": expression(gain.condition),
        "std": expression(gain.std),
        "forward": _factor(gain, "forward"),
        "chi": _factor(gain, "chi"),
        "slope": _factor(gain, "slope"),
        "warnings": list(gain.warnings),
        "derivation": to_dict(gain.derivation),
    }


def _factor(gain: InitGain, name: str) -> dict[str, Any] | None:
    try:
        return ball_data(getattr(gain, name).ball)
    except SymgradError:
        return None


def _beside(found: GainComparison) -> str:
    ratio = float(found.ratio.mid())
    return f"is {ratio:.6g} times the derived gain {ball_text(found.derived.ball)}"


@text.register
def _(found: GainComparison) -> str:
    head = f"gain {text(found.gain)} for {found.activation} {_beside(found)}"
    return "\n".join([head, *found.sentences])


@latex.register
def _(found: GainComparison) -> str:
    head = (
        rf"g = {latex(found.gain)} {phrase(' for ')} {function_latex(found.activation)} {phrase(' ' + _beside(found))}"
    )
    notes = _notes(found.sentences)
    return "\\begin{gathered}\n" + " \\\\\n".join([head, *notes]) + "\n\\end{gathered}"


@to_dict.register
def _(found: GainComparison) -> dict[str, Any]:
    points = [
        {"variance": ball_data(p.ball), "slope": ball_data(p.slope), "chi": ball_data(p.chi), "stability": p.stability}
        for p in found.points
    ]
    return {
        "kind": "gain comparison",
        "activation": found.activation.name,
        "gain": expression(found.gain),
        "derived": ball_data(found.derived.ball),
        "ratio": ball_data(found.ratio),
        "variance": expression(found.variance),
        "forward": ball_data(found.forward.ball),
        "backward": None if found.backward is None else ball_data(found.backward.ball),
        "points": points,
        "every_variance": found.points.continuum,
        "complete": found.points.complete,
        "sentences": list(found.sentences),
    }


@text.register
def _(found: SelfNormalising) -> str:
    rows = [f"E[phi] = 0 and E[phi^2] = {text(found.variance)} for phi = {text(found.formula)}:"]
    for solution in found.solutions:
        pairs = zip(found.parameters, solution, strict=True)
        rows.append("; ".join(f"{parameter} = {value_text(value)}" for parameter, value in pairs))
    return "\n".join([*rows, text(found.derivation)])


@latex.register
def _(found: SelfNormalising) -> str:
    rows = [rf"\varphi = {latex(found.formula)}"]
    for solution in found.solutions:
        rows += [f"{latex(p)} = {value_latex(value)}" for p, value in zip(found.parameters, solution, strict=True)]
    return "\\begin{gathered}\n" + " \\\\\n".join([*rows, latex(found.derivation)]) + "\n\\end{gathered}"


@to_dict.register
def _(found: SelfNormalising) -> dict[str, Any]:
    names = [str(parameter) for parameter in found.parameters]
    return {
        "kind": "self-normalising",
        "formula": expression(found.formula),
        "variance": expression(found.variance),
        "solutions": [
            {name: {**expression(v.expr), "ball": ball_data(v.ball)} for name, v in zip(names, solution, strict=True)}
            for solution in found.solutions
        ],
        "derivation": to_dict(found.derivation),
    }
